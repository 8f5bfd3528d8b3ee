import type { ObjectMeta } from "../../../apimachinery/meta-v1.ts";
import { isIp } from "../../../apimachinery/names.ts";
import { canonicalQuantity } from "../../../apimachinery/quantity.ts";
import type {
  Container,
  ContainerPort,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodSpec,
  PodTemplateSpec,
  Volume,
  VolumeProjection,
} from "../../types/core-v1.ts";
import { isEmpty, list, quantity, text } from "../basics.ts";
import { emptySpec } from "../pod/spec.ts";
import { visitContainers } from "../pod/visit.ts";

/** Warnings about pods and their templates, as pkg/api/pod/warnings.go words them. */
const deprecatedLabels: Readonly<Record<string, string>> = {
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
  nodeLabelWarnings(spec, path, warnings);
  annotationWarnings(spec, meta, prefix, warnings);
  list(spec.volumes).forEach((volume, index) => {
    for (const [field, shown, why] of deprecatedVolumes) {
      if (volume[field] !== undefined) warnings.push(`${path}.volumes[${index}].${shown}: ${why}`);
    }
    for (const source of list(volume.projected?.sources)) {
      if (Object.keys(source).length > 0) continue;
      warnings.push(`volume ${JSON.stringify(volume.name)} (Projected) has no sources provided`);
    }
  });
  tokenPathWarnings(spec, path, warnings);
  duplicateWarnings(spec, path, warnings);
  fractionWarnings(spec.overhead, `${path}.overhead`, warnings);
  visitContainers(spec, path, (container, where) => {
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
    nodeTermWarnings(preference, at, warnings);
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

export function nodeTermWarnings(term: NodeSelectorTerm | undefined, path: string, warnings: string[]): void {
  list(term?.matchExpressions).forEach(({ key }, index) => {
    const why = deprecatedLabels[key];
    if (why !== undefined) warnings.push(`${path}.matchExpressions[${index}].key: ${key} is ${why}`);
  });
}

const seccompPod = "seccomp.security.alpha.kubernetes.io/pod";
const seccompContainer = "container.seccomp.security.alpha.kubernetes.io/";
const appArmorContainer = "container.apparmor.security.beta.kubernetes.io/";

function annotationWarnings(
  spec: PodSpec,
  meta: ObjectMeta | undefined,
  prefix: string,
  warnings: string[],
): void {
  const annotations = meta?.annotations;
  if (annotations === undefined) return;
  const warn = (key: string, why: string): void => {
    if (annotations[key] !== undefined) warnings.push(`${prefix}metadata.annotations[${key}]: ${why}`);
  };
  for (const [key, why] of Object.entries(deprecatedAnnotations)) warn(key, why);
  const useSeccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead';
  if (spec.securityContext?.seccompProfile === undefined) warn(seccompPod, useSeccomp);
  visitContainers(spec, `${prefix}spec`, ({ name, securityContext }) => {
    if (securityContext?.seccompProfile === undefined) warn(seccompContainer + name, useSeccomp);
    const profile = securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile;
    if (profile === undefined) {
      warn(appArmorContainer + name, 'deprecated since v1.30; use the "appArmorProfile" field instead');
    }
  });
}

function tokenPathWarnings(spec: PodSpec, path: string, warnings: string[]): void {
  const sourcesOf = ({ projected }: Volume): readonly VolumeProjection[] => list(projected?.sources);
  const tokens = new Set(
    list(spec.volumes)
      .flatMap(sourcesOf)
      .flatMap(({ serviceAccountToken }) =>
        serviceAccountToken === undefined ? [] : [serviceAccountToken.path],
      ),
  );
  if (tokens.size === 0) return;
  list(spec.volumes).forEach((volume, index) => {
    for (const { configMap, secret, downwardAPI } of sourcesOf(volume)) {
      const where = `${path}.volumes[${index}].projected.sources`;
      const groups = [
        ["configMap", configMap?.items],
        ["secrets", secret?.items],
        ["downwardAPI", downwardAPI?.items],
      ] as const;
      for (const [name, items] of groups) {
        list<{ readonly path: string }>(items).forEach((item, at) => {
          if (!tokens.has(item.path)) return;
          const why = `has duplicated path with ServiceAccountToken ${JSON.stringify(item.path)}`;
          warnings.push(`${where}.${name}[${at}]: ${why}`);
        });
      }
    }
  });
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

interface SeenPort {
  readonly path: string;
  readonly port: ContainerPort;
}

function portWarnings(spec: PodSpec, path: string, warnings: string[]): void {
  const seen = new Map<string, SeenPort[]>();
  visitContainers(spec, path, ({ ports }, containerPath) => {
    list(ports).forEach((port, index) => {
      const where = `${containerPath}.ports[${index}]`;
      const { hostIP = "", hostPort = 0, protocol = "" } = port;
      if (hostIP !== "" && hostPort === 0) {
        const shown = `{Name:${text(port.name)} HostPort:0 ContainerPort:${port.containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
        warnings.push(`${where}: hostIP set without hostPort: ${shown}`);
      }
      const key = `${port.containerPort}/${protocol}`;
      const others = seen.get(key) ?? [];
      for (const other of others) {
        const how = overlap(port, other.port);
        if (how !== undefined) warnings.push(`${where}: ${how} port definition with ${other.path}`);
      }
      seen.set(key, [...others, { path: where, port }]);
    });
  });
}

function overlap(a: ContainerPort, b: ContainerPort): string | undefined {
  const [portA, portB] = [a.hostPort ?? 0, b.hostPort ?? 0];
  if (text(a.hostIP) === text(b.hostIP) && portA === portB) return "duplicate";
  if (portA === 0 || portB === 0) return "overlapping";
  if (portA === portB && isEmpty(a.hostIP) !== isEmpty(b.hostIP)) return "dangerously ambiguous";
  return undefined;
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

/** Addresses that parsers read differently, or that are not in the form that all print. */
export function ipWarnings(address: string | undefined, path: string, warnings: string[]): void {
  if (address === undefined || !isIp(address)) return;
  const shown = JSON.stringify(address);
  if (!address.includes(":")) {
    const canonical = address.split(".").map(Number).join(".");
    if (canonical !== address)
      warnings.push(
        `${path}: non-standard IP address ${shown} will be considered invalid in a future Kubernetes release: use ${JSON.stringify(canonical)}`,
      );
    return;
  }
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  if (/^::ffff:/i.test(address) && address.includes(".")) return;
  if (canonical === address) return;
  warnings.push(
    `${path}: IPv6 address ${shown} should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`,
  );
}
