import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
} from "../../../apimachinery/field-error.ts";
import type { ObjectMeta } from "../../../apimachinery/meta-v1.ts";
import { dns1123SubdomainErrors, dns1123SubdomainWithUnderscoreErrors } from "../../../apimachinery/names.ts";
import type { PodDNSConfig, PodResourceClaim, PodSpec, PodTemplateSpec } from "../../types/core-v1.ts";
import {
  checkLabel,
  checkName,
  checkOptionalName,
  checkQualifiedName,
  checkRange,
  checkSubdomain,
  type Errors,
  isEmpty,
  list,
  text,
} from "../basics.ts";
import { checkIp } from "../ip.ts";
import { checkLabels } from "../label-selector.ts";
import { checkAnnotations } from "../object-meta.ts";
import {
  checkContainers,
  checkEphemeralContainers,
  checkInitContainers,
  type PodFacts,
} from "./containers.ts";
import { checkFileKeyVolumes } from "./env.ts";
import { deletionCostAnnotation, isDeletionCost, newTemplateOptions, type PodOptions } from "./options.ts";
import { checkContainerResources, checkPodResources } from "./resources.ts";
import { checkAffinity, checkSchedulingGates, checkTolerations, checkTopologySpread } from "./scheduling.ts";
import {
  checkAnnotationsMatchFields,
  checkHostProcess,
  checkHostUsers,
  checkOs,
  checkPodSecurityContext,
  checkSecurityAnnotations,
} from "./security-context.ts";
import { checkVolumes } from "./volumes.ts";

/** Specs of pods, alone and in templates (mirrors ValidatePodSpec of pkg/apis/core/validation). */
const int32Max = 2 ** 31 - 1;
const noClaims: ReadonlySet<string> = new Set();
const restartPolicies = ["Always", "OnFailure", "Never"];
const dnsPolicies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];

/** `meta` is that of a real pod: names of claims are made from it. */
export function checkPodSpec(
  spec: PodSpec,
  meta: ObjectMeta | undefined,
  options: PodOptions,
  path: string,
  errors: Errors,
): void {
  if (spec.terminationGracePeriodSeconds === undefined) {
    errors.push(required(`${path}.terminationGracePeriodSeconds`));
  }
  const volumes = checkVolumes(spec.volumes, meta, options, `${path}.volumes`, errors);
  const claims =
    spec.resourceClaims === undefined
      ? noClaims
      : new Set(spec.resourceClaims.map(({ name }) => text(name)).filter((name) => name !== ""));
  checkResourceClaims(spec.resourceClaims, `${path}.resourceClaims`, errors);
  const facts: PodFacts = { spec, volumes, claims, options };
  checkContainers(spec.containers, facts, `${path}.containers`, errors);
  checkInitContainers(spec.initContainers, facts, `${path}.initContainers`, errors);
  checkEphemeralContainers(spec.ephemeralContainers, facts, `${path}.ephemeralContainers`, errors);
  checkPodResources(spec, claims, `${path}.resources`, errors);
  checkHostNetworkPorts(spec, options, path, errors);
  checkEnum(spec.restartPolicy, restartPolicies, `${path}.restartPolicy`, errors);
  checkEnum(spec.dnsPolicy, dnsPolicies, `${path}.dnsPolicy`, errors);
  checkLabels(spec.nodeSelector, `${path}.nodeSelector`, errors);
  checkPodSecurityContext(spec, options.anySeLinuxChangePolicy, `${path}.securityContext`, errors);
  checkAffinity(spec.affinity, options, `${path}.affinity`, errors);
  checkDnsConfig(spec, options, `${path}.dnsConfig`, errors);
  list(spec.readinessGates).forEach(({ conditionType }, index) => {
    checkQualifiedName(text(conditionType), `${path}.readinessGates[${index}].conditionType`, errors);
  });
  checkSchedulingGates(spec.schedulingGates, `${path}.schedulingGates`, errors);
  checkTopologySpread(spec.topologySpreadConstraints, options, `${path}.topologySpreadConstraints`, errors);
  checkHostProcess(spec, path, errors);
  checkHostUsers(spec, path, errors);
  checkNames(spec, path, errors);
  checkTolerations(spec.tolerations, `${path}.tolerations`, errors);
  checkHostAliases(spec, options, `${path}.hostAliases`, errors);
  checkOptionalName(spec.priorityClassName, dns1123SubdomainErrors, `${path}.priorityClassName`, errors);
  if (spec.runtimeClassName !== undefined) {
    checkName(spec.runtimeClassName, dns1123SubdomainErrors, `${path}.runtimeClassName`, errors);
  }
  if (spec.preemptionPolicy !== undefined) {
    const policies = ["PreemptLowerPriority", "Never"];
    checkEnum(spec.preemptionPolicy, policies, `${path}.preemptionPolicy`, errors);
  }
  if (spec.overhead !== undefined) {
    checkContainerResources({ limits: spec.overhead }, noClaims, `${path}.overhead`, errors);
  }
  checkOs(spec, path, errors);
  checkFileKeyVolumes(spec, path, errors);
}

function checkEnum(
  value: string | undefined,
  supported: readonly string[],
  path: string,
  errors: Errors,
): void {
  if (value === undefined || value === "") errors.push(required(path));
  else if (!supported.includes(value)) errors.push(notSupported(path, value, supported));
}

function checkNames(spec: PodSpec, path: string, errors: Errors): void {
  checkOptionalName(spec.serviceAccountName, dns1123SubdomainErrors, `${path}.serviceAccountName`, errors);
  checkOptionalName(spec.nodeName, dns1123SubdomainErrors, `${path}.nodeName`, errors);
  checkRange(spec.activeDeadlineSeconds, 1, int32Max, `${path}.activeDeadlineSeconds`, errors);
  if (!isEmpty(spec.hostname)) checkLabel(text(spec.hostname), `${path}.hostname`, errors);
  if (!isEmpty(spec.subdomain)) checkLabel(text(spec.subdomain), `${path}.subdomain`, errors);
  if (spec.hostnameOverride !== undefined) checkHostnameOverride(spec, path, errors);
}

const hostnameBytesMax = 64;

function checkHostnameOverride(spec: PodSpec, path: string, errors: Errors): void {
  const where = `${path}.hostnameOverride`;
  const name = text(spec.hostnameOverride);
  if (spec.setHostnameAsFQDN === true) {
    errors.push(forbidden(where, "may not be specified when setHostnameAsFQDN is true"));
  }
  if (spec.hostNetwork === true) {
    errors.push(forbidden(where, "may not be specified when hostNetwork is true"));
  }
  if (name.length > hostnameBytesMax) errors.push(tooLong(where, hostnameBytesMax));
  checkSubdomain(name, where, errors);
}

function checkResourceClaims(
  claims: readonly PodResourceClaim[] | undefined,
  path: string,
  errors: Errors,
): void {
  if (claims === undefined) return;
  const names = new Set<string>();
  claims.forEach((claim, index) => {
    const where = `${path}[${index}]`;
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    if (name === "") errors.push(required(`${where}.name`));
    else if (names.has(name)) errors.push(duplicate(`${where}.name`, name));
    else checkLabel(name, `${where}.name`, errors);
    names.add(name);
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      const detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
      errors.push(invalid(where, claim, detail));
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      const detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`";
      errors.push(invalid(where, claim, detail));
    }
    if (resourceClaimName !== undefined) {
      checkSubdomain(resourceClaimName, `${where}.resourceClaimName`, errors);
    }
    if (resourceClaimTemplateName !== undefined) {
      checkSubdomain(resourceClaimTemplateName, `${where}.resourceClaimTemplateName`, errors);
    }
  });
}

/** Ports of the host's network are the host's: in pods they are filled in by then, in templates they may be absent. */
function checkHostNetworkPorts(spec: PodSpec, { isPod }: PodOptions, path: string, errors: Errors): void {
  if (spec.hostNetwork !== true) return;
  list(spec.containers).forEach(({ ports }, index) => {
    list(ports).forEach(({ hostPort = 0, containerPort }, at) => {
      if (hostPort === containerPort || (!isPod && hostPort === 0)) return;
      const where = `${path}.containers[${index}].ports[${at}].hostPort`;
      errors.push(invalid(where, hostPort, "must match `containerPort` when `hostNetwork` is true"));
    });
  });
}

const nameserversMax = 3;
const searchesMax = 32;
const searchCharactersMax = 2048;

function checkDnsConfig(spec: PodSpec, options: PodOptions, path: string, errors: Errors): void {
  const config = spec.dnsConfig;
  if (spec.dnsPolicy === "None") {
    if (config === undefined) {
      errors.push(required(path, "must provide `dnsConfig` when `dnsPolicy` is None"));
      return;
    }
    if (list(config.nameservers).length === 0) {
      const detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
      errors.push(required(`${path}.nameservers`, detail));
      return;
    }
  }
  if (config !== undefined) checkDnsValues(config, options, path, errors);
}

function checkDnsValues(config: PodDNSConfig, options: PodOptions, path: string, errors: Errors): void {
  const nameservers = list(config.nameservers);
  const searches = list(config.searches);
  if (nameservers.length > nameserversMax) {
    const detail = `must not have more than ${nameserversMax} nameservers`;
    errors.push(invalid(`${path}.nameservers`, nameservers, detail));
  }
  nameservers.forEach((address, index) => {
    checkIp(address, `${path}.nameservers[${index}]`, errors, options.knownIps);
  });
  if (searches.length > searchesMax) {
    const detail = `must not have more than ${searchesMax} search paths`;
    errors.push(invalid(`${path}.searches`, searches, detail));
  }
  if (searches.join(" ").length > searchCharactersMax) {
    const detail = `must not have more than ${searchCharactersMax} characters (including spaces) in the search list`;
    errors.push(invalid(`${path}.searches`, searches, detail));
  }
  searches.forEach((search, index) => {
    if (search === ".") return;
    const name = search.endsWith(".") ? search.slice(0, -1) : search;
    checkName(name, dns1123SubdomainWithUnderscoreErrors, `${path}.searches[${index}]`, errors);
  });
  list(config.options).forEach(({ name }, index) => {
    if (isEmpty(name)) errors.push(required(`${path}.options[${index}]`, "must not be empty"));
  });
}

function checkHostAliases(spec: PodSpec, options: PodOptions, path: string, errors: Errors): void {
  list(spec.hostAliases).forEach(({ ip, hostnames }, index) => {
    checkIp(text(ip), `${path}[${index}].ip`, errors, options.knownIps);
    list(hostnames).forEach((name, at) => {
      checkSubdomain(name, `${path}[${index}].hostnames[${at}]`, errors);
    });
  });
}

const mirrorAnnotation = "kubernetes.io/config.mirror";
const tolerationsAnnotation = "scheduler.alpha.kubernetes.io/tolerations";

/** Annotations of pods and of their templates that mean something. */
export function checkPodAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  spec: PodSpec,
  { anyDeletionCost }: PodOptions,
  path: string,
  errors: Errors,
): void {
  if (annotations === undefined) return;
  const mirror = annotations[mirrorAnnotation];
  if (mirror !== undefined && isEmpty(spec.nodeName)) {
    const detail = "must set spec.nodeName if mirror pod annotation is set";
    errors.push(invalid(`${path}[${mirrorAnnotation}]`, mirror, detail));
  }
  checkTolerationsAnnotation(text(annotations[tolerationsAnnotation]), path, errors);
  const cost = annotations[deletionCostAnnotation];
  if (cost !== undefined && !anyDeletionCost && !isDeletionCost(cost)) {
    errors.push(invalid(`${path}[${deletionCostAnnotation}]`, cost, "must be a 32bit integer"));
  }
  checkSecurityAnnotations(annotations, spec, path, errors);
}

function checkTolerationsAnnotation(value: string, path: string, errors: Errors): void {
  if (value === "") return;
  try {
    const tolerations: unknown = JSON.parse(value);
    if (Array.isArray(tolerations)) checkTolerations(tolerations, `${path}.${tolerationsAnnotation}`, errors);
  } catch (error) {
    errors.push(invalid(path, tolerationsAnnotation, error instanceof Error ? error.message : String(error)));
  }
}

export function isMirrorPod(meta: ObjectMeta): boolean {
  return meta.annotations?.[mirrorAnnotation] !== undefined;
}

/** Templates of pods: ephemeral containers have no place in them. */
export function checkPodTemplate(
  template: PodTemplateSpec,
  path: string,
  errors: Errors,
  options: PodOptions = newTemplateOptions,
): void {
  const { metadata } = template;
  const spec = template.spec ?? emptySpec;
  checkLabels(metadata?.labels, `${path}.labels`, errors);
  checkAnnotations(metadata?.annotations, `${path}.annotations`, errors);
  checkPodAnnotations(metadata?.annotations, spec, options, `${path}.annotations`, errors);
  checkPodSpec(spec, undefined, options, `${path}.spec`, errors);
  checkAnnotationsMatchFields(metadata, spec, `${path}.spec`, errors);
  if (list(spec.ephemeralContainers).length > 0) {
    const detail = "ephemeral containers not allowed in pod template";
    errors.push(forbidden(`${path}.spec.ephemeralContainers`, detail));
  }
}

export const emptySpec: PodSpec = { containers: [] };
