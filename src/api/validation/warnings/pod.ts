import { deepEqual } from "../../../apimachinery/json.ts";
import type { ObjectMeta } from "../../../apimachinery/meta-v1.ts";
import { labelValueErrors } from "../../../apimachinery/names.ts";
import { canonicalQuantity } from "../../../apimachinery/quantity.ts";
import { appArmorPrefix, appArmorProfileOf, deprecatedAppArmor } from "../../app-armor.ts";
import type {
  Container,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodSpec,
  PodTemplateSpec,
  Volume,
} from "../../types/core-v1.ts";
import { isEmpty, list, quantity, text } from "../basics.ts";
import { emptySpec } from "../pod/spec.ts";
import { visitContainers } from "../pod/visit.ts";
import { claimWarnings } from "./claim.ts";
import { ipWarnings } from "./ip.ts";
import { portWarnings } from "./ports.ts";
import { virtualPathWarnings } from "./virtual-paths.ts";

/** Warnings about pods and their templates, as pkg/api/pod/warnings.go words them. */
export const deprecatedLabels: Readonly<Record<string, string>> = {
  "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
  "failure-domain.beta.kubernetes.io/region":
    'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  "failure-domain.beta.kubernetes.io/zone":
    'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  "beta.kubernetes.io/instance-type":
    'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
};

const deprecatedAnnotations: Readonly<Record<string, string>> = {
  "scheduler.alpha.kubernetes.io/critical-pod":
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
  "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
};

const deprecatedVolumes: readonly (readonly [keyof Volume, shown: string, why: string])[] = [
  ["photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"],
  ["gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"],
  ["scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"],
  ["flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"],
  ["storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"],
  ["quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"],
  ["glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"],
  ["cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"],
  ["rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"],
];

/** `prefix` is the path of the template with a dot, or empty for a pod. */
export function podWarnings(
  spec: PodSpec,
  meta: ObjectMeta | undefined,
  prefix: string,
  warnings: string[],
): void {
  const path = `${prefix}spec`;
  const annotations = meta?.annotations ?? {};
  nodeLabelWarnings(spec, path, warnings);
  for (const [key, why] of Object.entries(deprecatedAnnotations)) {
    if (annotations[key] !== undefined) warnings.push(`${prefix}metadata.annotations[${key}]: ${why}`);
  }
  volumeWarnings(spec, path, warnings);
  virtualPathWarnings(spec.volumes, warnings);
  duplicateWarnings(spec, path, warnings);
  fractionWarnings(spec.overhead, `${path}.overhead`, warnings);
  if (spec.securityContext?.seccompProfile === undefined && annotations[seccompPod] !== undefined) {
    warnings.push(`${prefix}metadata.annotations[${seccompPod}]: ${useSeccomp}`);
  }
  visitContainers(spec, path, (container, where) => {
    profileWarnings(container, spec, annotations, prefix, warnings);
    containerWarnings(container, where, warnings);
  });
  portWarnings(spec, path, warnings);
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    const why = "must be >= 0; negative values are invalid and will be treated as 1";
    warnings.push(`${path}.terminationGracePeriodSeconds: ${why}`);
  }
  affinityWarnings(spec, path, warnings);
  addressWarnings(spec, path, warnings);
}

function volumeWarnings(spec: PodSpec, path: string, warnings: string[]): void {
  list(spec.volumes).forEach((volume, index) => {
    const where = `${path}.volumes[${index}]`;
    for (const [field, shown, why] of deprecatedVolumes) {
      // Claims of a pod's own are looked at between those that came before them and those that came after.
      if (field === "cephfs") {
        const claim = volume.ephemeral?.volumeClaimTemplate;
        if (claim !== undefined)
          claimWarnings(claim.spec, `${where}.ephemeral.volumeClaimTemplate.spec`, warnings);
      }
      if (volume[field] !== undefined) warnings.push(`${where}.${shown}: ${why}`);
    }
  });
}

export function templateWarnings(
  template: PodTemplateSpec | undefined,
  path: string,
  warnings: string[],
): void {
  if (template !== undefined) {
    podWarnings(template.spec ?? emptySpec, template.metadata, `${path}.`, warnings);
  }
}

function nodeLabelWarnings(spec: PodSpec, path: string, warnings: string[]): void {
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    const why = deprecatedLabels[key];
    if (why !== undefined) warnings.push(`${path}.nodeSelector[${key}]: ${why}`);
  }
  const affinity = spec.affinity?.nodeAffinity;
  const where = `${path}.affinity.nodeAffinity`;
  list(affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms).forEach((term, index) => {
    const at = `${where}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${index}]`;
    nodeTermWarnings(term, at, warnings);
  });
  list(affinity?.preferredDuringSchedulingIgnoredDuringExecution).forEach(({ preference }, index) => {
    const at = `${where}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`;
    nodeTermWarnings(preference, at, warnings, true);
  });
  list(spec.topologySpreadConstraints).forEach(({ topologyKey, labelSelector }, index) => {
    const at = `${path}.topologySpreadConstraints[${index}]`;
    const why = deprecatedLabels[topologyKey];
    if (why !== undefined) warnings.push(`${at}.topologyKey: ${topologyKey} is ${why}`);
    if (labelSelector === undefined) {
      warnings.push(`${at}.labelSelector: a null labelSelector results in matching no pod`);
    }
  });
}

/** Values of preferences may be no labels: such a preference never holds. */
export function nodeTermWarnings(
  term: NodeSelectorTerm | undefined,
  path: string,
  warnings: string[],
  withValues = false,
): void {
  list(term?.matchExpressions).forEach(({ key, values }, index) => {
    const where = `${path}.matchExpressions[${index}]`;
    const why = deprecatedLabels[key];
    if (why !== undefined) warnings.push(`${where}.key: ${key} is ${why}`);
    if (!withValues) return;
    list(values).forEach((value, at) => {
      for (const message of labelValueErrors(value)) {
        warnings.push(`${where}.values[${at}]: ${value} is invalid, ${message}`);
      }
    });
  });
}

const seccompPod = "seccomp.security.alpha.kubernetes.io/pod";
const seccompContainer = "container.seccomp.security.alpha.kubernetes.io/";

const useSeccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead';

/** Profiles that are named by annotations. Those of AppArmor are taken over when a pod is made, which warns of them. */
function profileWarnings(
  { name, securityContext }: Container,
  spec: PodSpec,
  annotations: Readonly<Record<string, string>>,
  prefix: string,
  warnings: string[],
): void {
  const warn = (key: string, why: string): void => {
    warnings.push(`${prefix}metadata.annotations[${key}]: ${why}`);
  };
  const seccomp = seccompContainer + name;
  if (securityContext?.seccompProfile === undefined && annotations[seccomp] !== undefined) {
    warn(seccomp, useSeccomp);
  }
  const appArmor = annotations[appArmorPrefix + name];
  if (prefix === "" || appArmor === undefined || securityContext?.appArmorProfile !== undefined) return;
  const ofPod = spec.securityContext?.appArmorProfile;
  if (ofPod === undefined || !deepEqual(ofPod, appArmorProfileOf(appArmor))) {
    warn(appArmorPrefix + name, deprecatedAppArmor);
  }
}

function duplicateWarnings(spec: PodSpec, path: string, warnings: string[]): void {
  const aliases = new Set<string>();
  list(spec.hostAliases).forEach(({ ip }, index) => {
    if (aliases.has(ip))
      warnings.push(`${path}.hostAliases[${index}].ip: duplicate ip ${JSON.stringify(ip)}`);
    aliases.add(ip);
  });
  const secrets = new Set<string>();
  list(spec.imagePullSecrets).forEach(({ name = "" }, index) => {
    const where = `${path}.imagePullSecrets[${index}].name`;
    if (secrets.has(name)) warnings.push(`${where}: duplicate name ${JSON.stringify(name)}`);
    secrets.add(name);
  });
  list(spec.imagePullSecrets).forEach(({ name }, index) => {
    if (isEmpty(name)) warnings.push(`${path}.imagePullSecrets[${index}].name: invalid empty name ""`);
  });
}

function fractionWarnings(
  amounts: Readonly<Record<string, string>> | undefined,
  path: string,
  warnings: string[],
): void {
  for (const name of ["memory", "ephemeral-storage"]) {
    const raw = amounts?.[name];
    if (raw === undefined || quantity(raw).milliValue() % 1000n === 0n) continue;
    const why = `fractional byte value ${JSON.stringify(canonicalQuantity(raw))} is invalid, must be an integer`;
    warnings.push(`${path}[${name}]: ${why}`);
  }
}

function containerWarnings({ resources, env }: Container, path: string, warnings: string[]): void {
  fractionWarnings(resources?.limits, `${path}.resources.limits`, warnings);
  fractionWarnings(resources?.requests, `${path}.resources.requests`, warnings);
  const names = new Set<string>();
  list(env).forEach(({ name, value, valueFrom }, index) => {
    const reference = `$(${name})`;
    const hides = valueFrom !== undefined || value === reference || !text(value).includes(reference);
    if (names.has(name) && hides) {
      const why = `hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`;
      warnings.push(`${path}.env[${index}]: ${why}`);
    }
    names.add(name);
  });
}

function affinityWarnings({ affinity }: PodSpec, path: string, warnings: string[]): void {
  const warn = (term: PodAffinityTerm | undefined, where: string): void => {
    if (term?.labelSelector !== undefined) return;
    warnings.push(`${where}.labelSelector: a null labelSelector results in matching no pod`);
  };
  for (const kind of ["podAffinity", "podAntiAffinity"] as const) {
    const where = `${path}.affinity.${kind}`;
    const terms = affinity?.[kind];
    list(terms?.requiredDuringSchedulingIgnoredDuringExecution).forEach((term, index) => {
      warn(term, `${where}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`);
    });
    list(terms?.preferredDuringSchedulingIgnoredDuringExecution).forEach(({ podAffinityTerm }, index) => {
      warn(
        podAffinityTerm,
        `${where}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm`,
      );
    });
  }
}

function addressWarnings(spec: PodSpec, path: string, warnings: string[]): void {
  list(spec.dnsConfig?.nameservers).forEach((address, index) => {
    ipWarnings(address, `${path}.dnsConfig.nameservers[${index}]`, warnings);
  });
  list(spec.hostAliases).forEach(({ ip }, index) => {
    ipWarnings(ip, `${path}.hostAliases[${index}].ip`, warnings);
  });
}
