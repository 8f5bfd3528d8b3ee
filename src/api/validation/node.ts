import { duplicate, forbidden, invalid, required } from "../../apimachinery/field-error.ts";
import { configMapKeyErrors, dns1123SubdomainErrors, labelValueErrors } from "../../apimachinery/names.ts";
import type { ConfigMapNodeConfigSource, Node, NodeConfigSource, Taint } from "../types/core-v1.ts";
import {
  checkName,
  checkQualifiedName,
  type Errors,
  entries,
  isEmpty,
  list,
  mustBePositive,
  namespaceName,
  quantity,
  text,
} from "./basics.ts";
import { checkCidr, isDualStack } from "./ip.ts";
import { checkObjectMetaUpdate } from "./object-meta.ts";
import { checkResourceValue } from "./pod/resources.ts";
import { checkTaintEffect } from "./pod/scheduling.ts";

/** Nodes. Taints are shown below metadata: that is where they once were. */
export function checkNode(node: Node, errors: Errors): void {
  const { spec } = node;
  checkTaints(spec.taints, errors);
  checkResources(node, errors);
  checkSwap(node, errors);
  checkDeclaredFeatures(node, errors);
  const ranges = list(spec.podCIDRs);
  const path = "spec.podCIDRs";
  ranges.forEach((range, index) => {
    checkCidr(range, `${path}[${index}]`, errors);
  });
  if (ranges.length < 2) return;
  if (ranges.length > 2 || !isDualStack(ranges)) {
    errors.push(invalid(path, ranges, "may specify no more than one CIDR for each IP family"));
  }
}

function checkSwap({ status }: Node, errors: Errors): void {
  const capacity = status?.nodeInfo?.swap?.capacity;
  if (capacity === undefined || capacity > 0) return;
  errors.push(invalid("metadata.nodeSwapStatus.capacity", capacity, mustBePositive));
}

const featurePattern = /^[A-Z][A-Za-z0-9]*(?:\/[A-Za-z][A-Za-z0-9]*)*$/;
const featureLengthMax = 253;

/** What the kubelet can do that others cannot: names in their order. */
function checkDeclaredFeatures({ status }: Node, errors: Errors): void {
  const features = list(status?.declaredFeatures);
  features.forEach((feature, index) => {
    const path = `status.declaredFeatures[${index}]`;
    const previous = features[index - 1];
    if (previous === feature) errors.push(duplicate(path, feature));
    else if (previous !== undefined && previous > feature) {
      errors.push(invalid(path, feature, "list must be sorted alphabetically"));
    }
    const wrong = `invalid feature name ${JSON.stringify(feature)}: must`;
    if (feature.length > featureLengthMax) {
      errors.push(invalid(path, feature, `${wrong} be no more than ${featureLengthMax} characters`));
    } else if (!featurePattern.test(feature)) {
      const detail = `${wrong} start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`;
      errors.push(invalid(path, feature, detail));
    }
  });
}

function checkTaints(taints: readonly Taint[] | undefined, errors: Errors): void {
  const seen = new Set<string>();
  list(taints).forEach((taint, index) => {
    const path = `metadata.taints[${index}]`;
    checkQualifiedName(taint.key, `${path}.key`, errors);
    const messages = labelValueErrors(text(taint.value));
    if (messages.length > 0) errors.push(invalid(`${path}.value`, text(taint.value), messages.join(";")));
    if (isEmpty(taint.effect)) errors.push(required(`${path}.effect`));
    else checkTaintEffect(taint.effect, `${path}.effect`, errors);
    const pair = `${taint.effect}/${taint.key}`;
    if (seen.has(pair)) {
      const detail = "taints must be unique by key and effect pair";
      errors.push({ ...duplicate(path, taint), detail });
    }
    seen.add(pair);
  });
}

function checkResources({ status }: Node, errors: Errors): void {
  for (const field of ["capacity", "allocatable"] as const) {
    for (const [name, raw] of entries(status?.[field])) {
      checkResourceValue(name, quantity(raw), `status.${field}.${name}`, errors);
    }
  }
}

/** Of the object itself: as of a new one, and as of a change. */
export function checkNodeUpdate(node: Node, old: Node, errors: Errors): void {
  checkNode(node, errors);
  checkObjectMetaUpdate(node.metadata, old.metadata, true, errors);
  checkNodeStatus(node, old, errors);
}

export function checkNodeStatus(node: Node, old: Node, errors: Errors): void {
  const { spec, status } = node;
  checkResources(node, errors);
  checkDeclaredFeatures(node, errors);
  const addresses = new Set<string>();
  list(status?.addresses).forEach((address, index) => {
    const key = `${address.type}/${address.address}`;
    if (addresses.has(key)) errors.push(duplicate(`status.addresses[${index}]`, address));
    addresses.add(key);
  });
  const ranges = list(old.spec.podCIDRs);
  if (ranges.length > 0) {
    const now = list(spec.podCIDRs);
    const changes =
      ranges.length === now.length ? ranges.filter((range, index) => range !== now[index]).length : 1;
    for (let count = 0; count < changes; count++) {
      const detail = 'node updates may not change podCIDR except from "" to valid';
      errors.push(forbidden("spec.podCIDRs", detail));
    }
  }
  if (!isEmpty(old.spec.providerID) && old.spec.providerID !== spec.providerID) {
    const detail = 'node updates may not change providerID except from "" to valid';
    errors.push(forbidden("spec.providerID", detail));
  }
  checkConfigSource(spec.configSource, false, "spec.configSource", errors);
  for (const field of ["assigned", "active", "lastKnownGood"] as const) {
    checkConfigSource(status?.config?.[field], true, `status.config.${field}`, errors);
  }
  checkTaints(spec.taints, errors);
  if (text(spec.externalID) !== text(old.spec.externalID)) {
    errors.push(forbidden("spec.externalID", "may not be updated"));
  }
}

function checkConfigSource(
  source: NodeConfigSource | undefined,
  inStatus: boolean,
  path: string,
  errors: Errors,
): void {
  if (source === undefined) return;
  const { configMap } = source;
  if (configMap === undefined) {
    errors.push(invalid(path, source, "exactly one reference subfield must be non-nil"));
  } else checkConfigMapSource(configMap, inStatus, `${path}.configMap`, errors);
}

function checkConfigMapSource(
  source: ConfigMapNodeConfigSource,
  inStatus: boolean,
  path: string,
  errors: Errors,
): void {
  for (const field of ["uid", "resourceVersion"] as const) {
    if (inStatus && isEmpty(source[field])) {
      errors.push(required(`${path}.${field}`, `${field} must be set in status`));
    } else if (!inStatus && !isEmpty(source[field])) {
      errors.push(forbidden(`${path}.${field}`, `${field} must not be set in spec`));
    }
  }
  if (source.namespace === "") errors.push(required(`${path}.namespace`, "namespace must be set"));
  else checkName(source.namespace, namespaceName, `${path}.namespace`, errors);
  if (source.name === "") errors.push(required(`${path}.name`, "name must be set"));
  else checkName(source.name, dns1123SubdomainErrors, `${path}.name`, errors);
  if (source.kubeletConfigKey === "") {
    errors.push(required(`${path}.kubeletConfigKey`, "kubeletConfigKey must be set"));
  } else checkName(source.kubeletConfigKey, configMapKeyErrors, `${path}.kubeletConfigKey`, errors);
}
