import { duplicate, forbidden, invalid, notSupported, required } from "../../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors, labelValueErrors } from "../../../apimachinery/names.ts";
import type {
  Affinity,
  NodeAffinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  PodSchedulingGate,
  Toleration,
  TopologySpreadConstraint,
} from "../../types/core-v1.ts";
import {
  checkName,
  checkQualifiedName,
  type Errors,
  isEmpty,
  list,
  mustBePositive,
  namespaceName,
  oneOf,
  optionalOneOf,
  text,
} from "../basics.ts";
import { checkLabelSelector } from "../label-selector.ts";
import { checkMatchLabelKeys } from "./match-label-keys.ts";
import type { PodOptions } from "./options.ts";

/** Where pods may run: affinity, tolerations, spreading and gates. */
export function checkAffinity(
  affinity: Affinity | undefined,
  options: PodOptions,
  path: string,
  errors: Errors,
): void {
  if (affinity === undefined) return;
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  if (nodeAffinity !== undefined) {
    checkNodeAffinity(nodeAffinity, options.anyNodeAffinityValue, `${path}.nodeAffinity`, errors);
  }
  if (podAffinity !== undefined) checkPodAffinity(podAffinity, options, `${path}.podAffinity`, errors);
  if (podAntiAffinity !== undefined) {
    checkPodAffinity(podAntiAffinity, options, `${path}.podAntiAffinity`, errors);
  }
}

function checkNodeAffinity(affinity: NodeAffinity, anyValue: boolean, path: string, errors: Errors): void {
  const required = affinity.requiredDuringSchedulingIgnoredDuringExecution;
  if (required !== undefined) {
    checkNodeSelector(required, anyValue, `${path}.requiredDuringSchedulingIgnoredDuringExecution`, errors);
  }
  list(affinity.preferredDuringSchedulingIgnoredDuringExecution).forEach((term, index) => {
    const where = `${path}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
    checkWeight(term.weight, `${where}.weight`, errors);
    // A preference that no label can satisfy does no harm, so its values are free.
    checkNodeSelectorTerm(term.preference, true, `${where}.preference`, errors);
  });
}

function checkWeight(weight: number, path: string, errors: Errors): void {
  if (weight <= 0 || weight > 100) errors.push(invalid(path, weight, "must be in the range 1-100"));
}

export function checkNodeSelector(
  selector: NodeSelector,
  anyValue: boolean,
  path: string,
  errors: Errors,
): void {
  const terms = list(selector.nodeSelectorTerms);
  if (terms.length === 0) {
    errors.push(required(`${path}.nodeSelectorTerms`, "must have at least one node selector term"));
  }
  terms.forEach((term, index) => {
    checkNodeSelectorTerm(term, anyValue, `${path}.nodeSelectorTerms[${index}]`, errors);
  });
}

function checkNodeSelectorTerm(
  term: NodeSelectorTerm,
  anyValue: boolean,
  path: string,
  errors: Errors,
): void {
  list(term.matchExpressions).forEach((requirement, index) => {
    checkNodeRequirement(requirement, anyValue, `${path}.matchExpressions[${index}]`, errors);
  });
  list(term.matchFields).forEach((requirement, index) => {
    checkNodeField(requirement, `${path}.matchFields[${index}]`, errors);
  });
}

function checkNodeRequirement(
  { key, operator, values }: NodeSelectorRequirement,
  anyValue: boolean,
  path: string,
  errors: Errors,
): void {
  const found = list(values);
  if (operator === "In" || operator === "NotIn") {
    if (found.length === 0) {
      errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    }
  } else if (operator === "Exists" || operator === "DoesNotExist") {
    if (found.length > 0) {
      const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      errors.push(forbidden(`${path}.values`, detail));
    }
  } else if (operator === "Gt" || operator === "Lt") {
    if (found.length !== 1) {
      const detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
      errors.push(required(`${path}.values`, detail));
    }
  } else errors.push(invalid(`${path}.operator`, operator, "not a valid selector operator"));
  checkQualifiedName(text(key), `${path}.key`, errors);
  if (anyValue) return;
  found.forEach((value, index) => {
    checkName(value, labelValueErrors, `${path}.values[${index}]`, errors);
  });
}

function checkNodeField(
  { key, operator, values }: NodeSelectorRequirement,
  path: string,
  errors: Errors,
): void {
  const found = list(values);
  if (operator !== "In" && operator !== "NotIn") {
    errors.push(invalid(`${path}.operator`, operator, "not a valid selector operator"));
  } else if (found.length !== 1) {
    const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(required(`${path}.values`, detail));
  }
  if (key !== "metadata.name") {
    errors.push(invalid(`${path}.key`, key, "not a valid field selector key"));
    return;
  }
  found.forEach((value, index) => {
    checkName(value, dns1123SubdomainErrors, `${path}.values[${index}]`, errors);
  });
}

function checkPodAffinity(affinity: PodAffinity, options: PodOptions, path: string, errors: Errors): void {
  const anyValue = options.anySelectorValue;
  list(affinity.requiredDuringSchedulingIgnoredDuringExecution).forEach((term, index) => {
    const where = `${path}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`;
    checkAffinityTerm(term, anyValue, where, errors);
  });
  list(affinity.preferredDuringSchedulingIgnoredDuringExecution).forEach((weighted, index) => {
    const where = `${path}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
    checkWeight(weighted.weight, `${where}.weight`, errors);
    checkAffinityTerm(weighted.podAffinityTerm, anyValue, `${where}.podAffinityTerm`, errors);
  });
}

function checkAffinityTerm(term: PodAffinityTerm, anyValue: boolean, path: string, errors: Errors): void {
  checkLabelSelector(term.labelSelector, `${path}.labelSelector`, errors, anyValue);
  checkLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`, errors, anyValue);
  for (const name of list(term.namespaces)) checkName(name, namespaceName, `${path}.namespace`, errors);
  checkMatchLabelKeys(term, path, errors);
  const topologyKey = text(term.topologyKey);
  if (topologyKey === "") errors.push(required(`${path}.topologyKey`, "can not be empty"));
  checkQualifiedName(topologyKey, `${path}.topologyKey`, errors);
}

const effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/** An effect that must be one of the three. */
export function checkTaintEffect(effect: string, path: string, errors: Errors): void {
  oneOf(effect, effects, path, errors);
}

export function checkTolerations(
  tolerations: readonly Toleration[] | undefined,
  path: string,
  errors: Errors,
): void {
  list(tolerations).forEach((toleration, index) => {
    const where = `${path}[${index}]`;
    const { key = "", operator = "", value = "", effect = "", tolerationSeconds } = toleration;
    if (key !== "") checkQualifiedName(key, `${where}.key`, errors);
    else if (operator !== "Exists") {
      const detail =
        'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      errors.push(invalid(`${where}.operator`, operator, detail));
    }
    if (tolerationSeconds !== undefined && effect !== "NoExecute") {
      const detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
      errors.push(invalid(`${where}.effect`, effect, detail));
    }
    if (operator === "" || operator === "Equal") {
      const messages = labelValueErrors(value);
      if (messages.length > 0) errors.push(invalid(`${where}.operator`, value, messages.join(";")));
    } else if (operator === "Exists") {
      if (value !== "") {
        const detail = "value must be empty when `operator` is 'Exists'";
        errors.push(invalid(`${where}.operator`, value, detail));
      }
    } else errors.push(notSupported(`${where}.operator`, operator, ["Equal", "Exists"]));
    if (effect !== "") checkTaintEffect(effect, `${where}.effect`, errors);
  });
}

export function checkSchedulingGates(
  gates: readonly PodSchedulingGate[] | undefined,
  path: string,
  errors: Errors,
): void {
  const seen = new Set<string>();
  list(gates).forEach(({ name }, index) => {
    checkQualifiedName(text(name), `${path}[${index}]`, errors);
    if (seen.has(name)) errors.push(duplicate(`${path}[${index}]`, name));
    seen.add(name);
  });
}

const actions = ["DoNotSchedule", "ScheduleAnyway"];
const policies = ["Honor", "Ignore"];

export function checkTopologySpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  options: PodOptions,
  path: string,
  errors: Errors,
): void {
  list(constraints).forEach((constraint, index) => {
    const where = `${path}[${index}]`;
    const { maxSkew, topologyKey, whenUnsatisfiable } = constraint;
    if (maxSkew <= 0) errors.push(invalid(`${where}.maxSkew`, maxSkew, mustBePositive));
    if (isEmpty(topologyKey)) errors.push(required(`${where}.topologyKey`, "can not be empty"));
    oneOf(text(whenUnsatisfiable), actions, `${where}.whenUnsatisfiable`, errors);
    const isRepeated = list(constraints)
      .slice(index + 1)
      .some((later) => later.topologyKey === topologyKey && later.whenUnsatisfiable === whenUnsatisfiable);
    if (isRepeated) {
      const pair = `{${topologyKey}, ${whenUnsatisfiable}}`;
      errors.push(duplicate(`${where}.{topologyKey, whenUnsatisfiable}`, pair));
    }
    checkMinDomains(constraint, `${where}.minDomains`, errors);
    optionalOneOf(constraint.nodeAffinityPolicy, policies, `${where}.nodeAffinityPolicy`, errors);
    optionalOneOf(constraint.nodeTaintsPolicy, policies, `${where}.nodeTaintsPolicy`, errors);
    if (options.anySpreadKeys) checkSpreadLabelKeys(constraint, `${where}.matchLabelKeys`, errors);
    else checkMatchLabelKeys(constraint, where, errors);
    if (!options.anySpreadSelector) {
      checkLabelSelector(constraint.labelSelector, `${where}.labelSelector`, errors);
    }
  });
}

function checkMinDomains(
  { minDomains, whenUnsatisfiable }: TopologySpreadConstraint,
  path: string,
  errors: Errors,
): void {
  if (minDomains === undefined) return;
  if (minDomains <= 0) errors.push(invalid(path, minDomains, mustBePositive));
  if (whenUnsatisfiable === "DoNotSchedule") return;
  const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
  errors.push(invalid(path, minDomains, detail));
}

/** Until 1.34 the keys were not merged into the selector, and could not be in it. */
function checkSpreadLabelKeys(
  { matchLabelKeys, labelSelector }: TopologySpreadConstraint,
  path: string,
  errors: Errors,
): void {
  if (list(matchLabelKeys).length === 0) return;
  if (labelSelector === undefined) {
    errors.push(forbidden(path, "must not be specified when labelSelector is not set"));
  }
  const selected = new Set([
    ...Object.keys(labelSelector?.matchLabels ?? {}),
    ...list(labelSelector?.matchExpressions).map(({ key }) => key),
  ]);
  list(matchLabelKeys).forEach((key, index) => {
    checkQualifiedName(key, `${path}[${index}]`, errors);
    if (selected.has(key)) {
      errors.push(invalid(`${path}[${index}]`, key, "exists in both matchLabelKeys and labelSelector"));
    }
  });
}
