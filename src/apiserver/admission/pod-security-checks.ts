import type { Container, EphemeralContainer, PodSpec, Volume } from "../../api/types/core-v1.ts";

/**
 * The Pod Security Standards as checks of a pod: what each forbids, from and until which version, and how a refusal is
 * worded (k8s.io/pod-security-admission/policy).
 */
export interface PodSecurityCheck {
  readonly id: string;
  readonly level: "baseline" | "restricted";
  /** Minor versions from and until which (exclusive) this wording of the rule holds. */
  readonly from: number;
  readonly until?: number;
  /** A restricted check that says all that these baseline checks say: they are left out beside it. */
  readonly overrides?: readonly string[];
  /** Undefined when the pod is allowed. */
  violation(pod: CheckedPod): Violation | undefined;
}

export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

/** The parts of a pod, or of a workload's template, that checks look at. */
export interface CheckedPod {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}

type AnyContainer = Container | EphemeralContainer;

const containersOf = ({ spec }: CheckedPod): AnyContainer[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
  ...(spec.ephemeralContainers ?? []),
];

const plural = (one: string, many: string, count: number): string => (count === 1 ? one : many);
const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");
const sorted = (names: Iterable<string>): string[] => [...new Set(names)].toSorted();
const namesOf = (containers: readonly AnyContainer[]): string[] =>
  containers.map((container) => container.name);

/** `container "a"`, `containers "a", "b"`. */
const listed = (names: readonly string[]): string =>
  `${plural("container", "containers", names.length)} ${quoted(names)}`;

/** `pod and container "a"`: who set a forbidden value. */
const setters = (pod: boolean, names: readonly string[]): string[] => [
  ...(pod ? ["pod"] : []),
  ...(names.length > 0 ? [listed(names)] : []),
];

/** Pods that run in their own user namespace are not root on the node, whatever they are inside. */
const hasUserNamespace = ({ spec }: CheckedPod): boolean => spec.hostUsers === false;
const isWindows = ({ spec }: CheckedPod): boolean => spec.os?.name === "windows";

const goodProfile = (type: string | undefined): boolean => type === "RuntimeDefault" || type === "Localhost";

const seccompPodAnnotation = "seccomp.security.alpha.kubernetes.io/pod";
const seccompContainerAnnotation = "container.seccomp.security.alpha.kubernetes.io/";
const appArmorAnnotation = "container.apparmor.security.beta.kubernetes.io/";

const defaultCapabilities = new Set(
  "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT".split(
    " ",
  ),
);

/** Safe sysctls by the minor version that added them. */
const safeSysctls: readonly (readonly [number, string])[] = [
  [0, "kernel.shm_rmid_forced"],
  [0, "net.ipv4.ip_local_port_range"],
  [0, "net.ipv4.tcp_syncookies"],
  [0, "net.ipv4.ping_group_range"],
  [0, "net.ipv4.ip_unprivileged_port_start"],
  [27, "net.ipv4.ip_local_reserved_ports"],
  [29, "net.ipv4.tcp_keepalive_time"],
  [29, "net.ipv4.tcp_fin_timeout"],
  [29, "net.ipv4.tcp_keepalive_intvl"],
  [29, "net.ipv4.tcp_keepalive_probes"],
  [32, "net.ipv4.tcp_rmem"],
  [32, "net.ipv4.tcp_wmem"],
];

const seLinuxTypes = (minor: number): string[] =>
  ["", "container_t", "container_init_t", "container_kvm_t"].concat(
    minor >= 31 ? ["container_engine_t"] : [],
  );

function appArmorProfile(pod: CheckedPod): Violation | undefined {
  const bad = (type: string | undefined): boolean => !goodProfile(type);
  const podType = pod.spec.securityContext?.appArmorProfile?.type;
  const podBad = pod.spec.securityContext?.appArmorProfile !== undefined && bad(podType);
  const containers = containersOf(pod).filter(({ securityContext }) =>
    securityContext?.appArmorProfile === undefined ? false : bad(securityContext.appArmorProfile.type),
  );
  const annotations = Object.entries(pod.annotations)
    .filter(([key, value]) => key.startsWith(appArmorAnnotation) && !isGoodAppArmorAnnotation(value))
    .map(([key, value]) => `${key}="${value}"`);
  const values = [
    ...sorted([
      ...(podBad ? [podType ?? ""] : []),
      ...containers.map(({ securityContext }) => securityContext?.appArmorProfile?.type ?? ""),
    ]),
    ...sorted(annotations),
  ];
  if (values.length === 0) return undefined;
  const who = [
    ...setters(podBad, namesOf(containers)),
    ...(annotations.length > 0 ? [plural("annotation", "annotations", annotations.length)] : []),
  ];
  return {
    reason: plural("forbidden AppArmor profile", "forbidden AppArmor profiles", values.length),
    detail: `${who.join(" and ")} must not set AppArmor profile type to ${quoted(values)}`,
  };
}

const isGoodAppArmorAnnotation = (value: string): boolean =>
  value === "" || value === "runtime/default" || value.startsWith("localhost/");

function forbiddenCapabilities(
  pod: CheckedPod,
  isAllowed: (name: string) => boolean,
): { names: string[]; capabilities: string[] } {
  const added = (container: AnyContainer): string[] =>
    (container.securityContext?.capabilities?.add ?? []).filter((name) => !isAllowed(name));
  const containers = containersOf(pod).filter((container) => added(container).length > 0);
  return { names: namesOf(containers), capabilities: sorted(containers.flatMap(added)) };
}

function capabilitiesBaseline(pod: CheckedPod): Violation | undefined {
  const { names, capabilities } = forbiddenCapabilities(pod, (name) => defaultCapabilities.has(name));
  if (names.length === 0) return undefined;
  return {
    reason: "non-default capabilities",
    detail: `${listed(names)} must not include ${quoted(capabilities)} in securityContext.capabilities.add`,
  };
}

function capabilitiesRestricted(pod: CheckedPod): Violation | undefined {
  const keeping = containersOf(pod).filter(
    ({ securityContext }) => !(securityContext?.capabilities?.drop ?? []).includes("ALL"),
  );
  const { names, capabilities } = forbiddenCapabilities(pod, (name) => name === "NET_BIND_SERVICE");
  const details = [
    ...(keeping.length > 0
      ? [`${listed(namesOf(keeping))} must set securityContext.capabilities.drop=["ALL"]`]
      : []),
    ...(names.length > 0
      ? [`${listed(names)} must not include ${quoted(capabilities)} in securityContext.capabilities.add`]
      : []),
  ];
  return details.length === 0
    ? undefined
    : { reason: "unrestricted capabilities", detail: details.join("; ") };
}

function hostNamespaces({ spec }: CheckedPod): Violation | undefined {
  const used = [
    ...(spec.hostNetwork === true ? ["hostNetwork=true"] : []),
    ...(spec.hostPID === true ? ["hostPID=true"] : []),
    ...(spec.hostIPC === true ? ["hostIPC=true"] : []),
  ];
  return used.length === 0 ? undefined : { reason: "host namespaces", detail: used.join(", ") };
}

function hostPathVolumes({ spec }: CheckedPod): Violation | undefined {
  const names = (spec.volumes ?? [])
    .filter((volume) => volume.hostPath !== undefined)
    .map((volume) => volume.name);
  return names.length === 0
    ? undefined
    : { reason: "hostPath volumes", detail: `${plural("volume", "volumes", names.length)} ${quoted(names)}` };
}

function hostPorts(pod: CheckedPod): Violation | undefined {
  const portsOf = (container: AnyContainer): string[] =>
    (container.ports ?? []).filter((port) => (port.hostPort ?? 0) !== 0).map((port) => String(port.hostPort));
  const containers = containersOf(pod).filter((container) => portsOf(container).length > 0);
  const ports = sorted(containers.flatMap(portsOf));
  if (containers.length === 0) return undefined;
  return {
    reason: "hostPort",
    detail: `${listed(namesOf(containers))} ${plural("uses", "use", containers.length)} ${plural("hostPort", "hostPorts", ports.length)} ${ports.join(", ")}`,
  };
}

function hostProbes(pod: CheckedPod): Violation | undefined {
  const hostsOf = (container: AnyContainer): string[] =>
    [
      container.livenessProbe,
      container.readinessProbe,
      container.startupProbe,
      container.lifecycle?.postStart,
      container.lifecycle?.preStop,
    ]
      .flatMap((handler) => [handler?.httpGet?.host ?? "", handler?.tcpSocket?.host ?? ""])
      .filter((host) => host !== "");
  const containers = containersOf(pod).filter((container) => hostsOf(container).length > 0);
  const hosts = sorted(containers.flatMap(hostsOf));
  if (containers.length === 0) return undefined;
  return {
    reason: "probe or lifecycle host",
    detail: `${listed(sorted(namesOf(containers)))} ${plural("uses", "use", containers.length)} ${plural("probe or lifecycle host", "probe or lifecycle hosts", hosts.length)} ${quoted(hosts)}`,
  };
}

function privileged(pod: CheckedPod): Violation | undefined {
  const names = namesOf(
    containersOf(pod).filter(({ securityContext }) => securityContext?.privileged === true),
  );
  return names.length === 0
    ? undefined
    : { reason: "privileged", detail: `${listed(names)} must not set securityContext.privileged=true` };
}

function procMount(pod: CheckedPod): Violation | undefined {
  const mountOf = ({ securityContext }: AnyContainer): string => securityContext?.procMount ?? "Default";
  const containers = containersOf(pod).filter((container) => mountOf(container) !== "Default");
  if (containers.length === 0) return undefined;
  return {
    reason: "procMount",
    detail: `${listed(namesOf(containers))} must not set securityContext.procMount to ${quoted(sorted(containers.map(mountOf)))}`,
  };
}

function seLinuxOptions(types: readonly string[]): PodSecurityCheck["violation"] {
  return (pod) => {
    const own = pod.spec.securityContext?.seLinuxOptions;
    const isBad = (options: typeof own): boolean =>
      options !== undefined &&
      (!types.includes(options.type ?? "") || (options.user ?? "") !== "" || (options.role ?? "") !== "");
    const containers = containersOf(pod).filter(({ securityContext }) =>
      isBad(securityContext?.seLinuxOptions),
    );
    const bad = [
      ...(isBad(own) ? [own] : []),
      ...containers.map(({ securityContext }) => securityContext?.seLinuxOptions),
    ];
    if (bad.length === 0) return undefined;
    const badTypes = sorted(
      bad.map((options) => options?.type ?? "").filter((type) => !types.includes(type)),
    );
    const data = [
      ...(badTypes.length > 0 ? [`${plural("type", "types", badTypes.length)} ${quoted(badTypes)}`] : []),
      ...(bad.some((options) => (options?.user ?? "") !== "") ? ["user may not be set"] : []),
      ...(bad.some((options) => (options?.role ?? "") !== "") ? ["role may not be set"] : []),
    ];
    return {
      reason: "seLinuxOptions",
      detail: `${setters(isBad(own), namesOf(containers)).join(" and ")} set forbidden securityContext.seLinuxOptions: ${data.join("; ")}`,
    };
  };
}

function seccompAnnotations(pod: CheckedPod): Violation | undefined {
  const keys = [
    seccompPodAnnotation,
    ...containersOf(pod).map(({ name }) => `${seccompContainerAnnotation}${name}`),
  ];
  const isGood = (value: string): boolean =>
    value === "runtime/default" || value === "docker/default" || value.startsWith("localhost/");
  const bad = sorted(
    keys.flatMap((key) => {
      const value = pod.annotations[key];
      return value === undefined || isGood(value) ? [] : [`${key}="${value}"`];
    }),
  );
  if (bad.length === 0) return undefined;
  return {
    reason: "seccompProfile",
    detail: `forbidden ${plural("annotation", "annotations", bad.length)} ${bad.join(", ")}`,
  };
}

function seccompProfile(pod: CheckedPod): Violation | undefined {
  const own = pod.spec.securityContext?.seccompProfile;
  const podBad = own !== undefined && !goodProfile(own.type);
  const containers = containersOf(pod).filter(
    ({ securityContext }) =>
      securityContext?.seccompProfile !== undefined && !goodProfile(securityContext.seccompProfile.type),
  );
  if (!podBad && containers.length === 0) return undefined;
  const values = sorted([
    ...(podBad ? [own.type] : []),
    ...containers.map(({ securityContext }) => securityContext?.seccompProfile?.type ?? ""),
  ]);
  return {
    reason: "seccompProfile",
    detail: `${setters(podBad, namesOf(containers)).join(" and ")} must not set securityContext.seccompProfile.type to ${quoted(values)}`,
  };
}

function seccompRequired(pod: CheckedPod): Violation | undefined {
  const bad = seccompProfile(pod);
  if (bad !== undefined) return bad;
  if (pod.spec.securityContext?.seccompProfile !== undefined) return undefined;
  const without = containersOf(pod).filter(
    ({ securityContext }) => securityContext?.seccompProfile === undefined,
  );
  if (without.length === 0) return undefined;
  return {
    reason: "seccompProfile",
    detail: `pod or ${listed(namesOf(without))} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
}

function sysctls(minor: number): PodSecurityCheck["violation"] {
  const allowed = new Set(safeSysctls.filter(([since]) => since <= minor).map(([, name]) => name));
  return ({ spec }) => {
    const bad = (spec.securityContext?.sysctls ?? [])
      .map(({ name }) => name)
      .filter((name) => !allowed.has(name));
    return bad.length === 0 ? undefined : { reason: "forbidden sysctls", detail: bad.join(", ") };
  };
}

function windowsHostProcess(pod: CheckedPod): Violation | undefined {
  const podBad = pod.spec.securityContext?.windowsOptions?.hostProcess === true;
  const names = namesOf(
    containersOf(pod).filter(({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true),
  );
  const who = setters(podBad, names);
  return who.length === 0
    ? undefined
    : {
        reason: "hostProcess",
        detail: `${who.join(" and ")} must not set securityContext.windowsOptions.hostProcess=true`,
      };
}

function allowPrivilegeEscalation(pod: CheckedPod): Violation | undefined {
  const names = namesOf(
    containersOf(pod).filter(({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false),
  );
  return names.length === 0
    ? undefined
    : {
        reason: "allowPrivilegeEscalation != false",
        detail: `${listed(names)} must set securityContext.allowPrivilegeEscalation=false`,
      };
}

const coreVolumes = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
] as const satisfies readonly (keyof Volume)[];

const otherVolumes = [
  "hostPath",
  "gcePersistentDisk",
  "awsElasticBlockStore",
  "gitRepo",
  "nfs",
  "iscsi",
  "glusterfs",
  "rbd",
  "flexVolume",
  "cinder",
  "cephfs",
  "flocker",
  "fc",
  "azureFile",
  "vsphereVolume",
  "quobyte",
  "azureDisk",
  "photonPersistentDisk",
  "portworxVolume",
  "scaleIO",
  "storageos",
] as const satisfies readonly (keyof Volume)[];

function restrictedVolumes(allowed: typeof coreVolumes): PodSecurityCheck["violation"] {
  return ({ spec }) => {
    // A volume that names no source is an emptyDir by default.
    const bad = (spec.volumes ?? []).filter(
      ({ name: _name, ...source }) =>
        Object.keys(source).length > 0 && !allowed.some((type) => source[type] !== undefined),
    );
    if (bad.length === 0) return undefined;
    const types = sorted(
      bad.map((volume) => otherVolumes.find((type) => volume[type] !== undefined) ?? "unknown"),
    );
    const names = bad.map((volume) => volume.name);
    return {
      reason: "restricted volume types",
      detail: `${plural("volume", "volumes", names.length)} ${quoted(names)} ${plural("uses", "use", names.length)} ${plural("restricted volume type", "restricted volume types", types.length)} ${quoted(types)}`,
    };
  };
}

function runAsNonRoot(pod: CheckedPod): Violation | undefined {
  const own = pod.spec.securityContext?.runAsNonRoot;
  const reason = "runAsNonRoot != true";
  const root = containersOf(pod).filter(({ securityContext }) => securityContext?.runAsNonRoot === false);
  const who = setters(own === false, namesOf(root));
  if (who.length > 0) {
    return { reason, detail: `${who.join(" and ")} must not set securityContext.runAsNonRoot=false` };
  }
  const silent = containersOf(pod).filter(
    ({ securityContext }) => securityContext?.runAsNonRoot === undefined,
  );
  if (own === true || silent.length === 0) return undefined;
  return { reason, detail: `pod or ${listed(namesOf(silent))} must set securityContext.runAsNonRoot=true` };
}

function runAsUser(pod: CheckedPod): Violation | undefined {
  const podBad = pod.spec.securityContext?.runAsUser === 0;
  const names = namesOf(containersOf(pod).filter(({ securityContext }) => securityContext?.runAsUser === 0));
  const who = setters(podBad, names);
  return who.length === 0
    ? undefined
    : { reason: "runAsUser=0", detail: `${who.join(" and ")} must not set runAsUser=0` };
}

type Condition = (pod: CheckedPod) => boolean;
const unless =
  (condition: Condition, check: PodSecurityCheck["violation"]): PodSecurityCheck["violation"] =>
  (pod) =>
    condition(pod) ? undefined : check(pod);

const baseline = (
  id: string,
  from: number,
  violation: PodSecurityCheck["violation"],
  until?: number,
): PodSecurityCheck => ({
  id,
  level: "baseline",
  from,
  violation,
  ...(until === undefined ? {} : { until }),
});

const restricted = (
  id: string,
  from: number,
  violation: PodSecurityCheck["violation"],
  options: { readonly until?: number; readonly overrides?: readonly string[] } = {},
): PodSecurityCheck => ({ id, level: "restricted", from, violation, ...options });

/** In the order in which a refusal lists them. User namespaces and Windows pods are let off from the version that knows them. */
export const podSecurityChecks: readonly PodSecurityCheck[] = [
  baseline("appArmorProfile", 0, appArmorProfile),
  baseline("capabilities_baseline", 0, capabilitiesBaseline),
  baseline("hostNamespaces", 0, hostNamespaces),
  baseline("hostPathVolumes", 0, hostPathVolumes),
  baseline("hostPorts", 0, hostPorts),
  baseline("hostProbesAndHostLifecycle", 34, hostProbes),
  baseline("privileged", 0, privileged),
  baseline("procMount", 0, procMount, 35),
  baseline("procMount", 35, unless(hasUserNamespace, procMount)),
  baseline("seLinuxOptions", 0, seLinuxOptions(seLinuxTypes(0)), 31),
  baseline("seLinuxOptions", 31, seLinuxOptions(seLinuxTypes(31))),
  baseline("seccompProfile_baseline", 0, seccompAnnotations, 19),
  baseline("seccompProfile_baseline", 19, seccompProfile),
  baseline("sysctls", 0, sysctls(0), 27),
  baseline("sysctls", 27, sysctls(27), 29),
  baseline("sysctls", 29, sysctls(29), 32),
  baseline("sysctls", 32, sysctls(32)),
  baseline("windowsHostProcess", 0, windowsHostProcess),
  restricted("allowPrivilegeEscalation", 8, allowPrivilegeEscalation, { until: 25 }),
  restricted("allowPrivilegeEscalation", 25, unless(isWindows, allowPrivilegeEscalation)),
  restricted("capabilities_restricted", 22, capabilitiesRestricted, {
    until: 25,
    overrides: ["capabilities_baseline"],
  }),
  restricted("capabilities_restricted", 25, unless(isWindows, capabilitiesRestricted), {
    overrides: ["capabilities_baseline"],
  }),
  restricted("procMount_restricted", 35, procMount, { overrides: ["procMount"] }),
  restricted("restrictedVolumes", 0, restrictedVolumes(coreVolumes), { overrides: ["hostPathVolumes"] }),
  restricted("runAsNonRoot", 0, runAsNonRoot, { until: 35 }),
  restricted("runAsNonRoot", 35, unless(hasUserNamespace, runAsNonRoot)),
  restricted("runAsUser", 23, runAsUser, { until: 35 }),
  restricted("runAsUser", 35, unless(hasUserNamespace, runAsUser)),
  restricted("seccompProfile_restricted", 19, seccompRequired, {
    until: 25,
    overrides: ["seccompProfile_baseline"],
  }),
  restricted("seccompProfile_restricted", 25, unless(isWindows, seccompRequired), {
    overrides: ["seccompProfile_baseline"],
  }),
];
