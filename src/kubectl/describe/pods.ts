import type {
  Container,
  ContainerState,
  ContainerStatus,
  EnvVar,
  Pod,
  PodTemplateSpec,
  Probe,
  Toleration,
  TopologySpreadConstraint,
} from "../../api/types/core-v1.ts";
import { tryParseQuantity } from "../../apimachinery/quantity.ts";
import { controlledBy, type Describer, describeEvents } from "./context.ts";
import { type Description, orNone, rfc1123, trueFalse } from "./description.ts";
import { resourceFieldValue } from "./resource-amounts.ts";
import { formatLabelSelector } from "./selectors.ts";
import { describeVolumes } from "./volumes.ts";

const mirrorAnnotation = "kubernetes.io/config.mirror";

export const describePod: Describer = async (d, object, context) => {
  const pod = object as unknown as Pod;
  const { metadata, spec, status } = pod;
  const mirror = metadata.annotations?.[mirrorAnnotation];
  const events = await context.eventsAbout(pod, {
    kind: "",
    ...(mirror === undefined ? {} : { uid: mirror }),
  });
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  if (spec?.priority !== undefined) d.field("Priority", spec.priority);
  if ((spec?.priorityClassName ?? "") !== "") d.field("Priority Class Name", spec?.priorityClassName);
  if ((spec?.runtimeClassName ?? "") !== "") d.field("Runtime Class Name", spec?.runtimeClassName);
  if ((spec?.serviceAccountName ?? "") !== "") d.field("Service Account", spec?.serviceAccountName);
  const node = spec?.nodeName ?? "";
  d.field("Node", node === "" ? "<none>" : `${node}/${status?.hostIP ?? ""}`);
  if (status?.startTime !== undefined) d.field("Start Time", rfc1123(status.startTime));
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  describePodStatus(d, pod);
  const seccomp = spec?.securityContext?.seccompProfile;
  if (seccomp !== undefined) {
    d.field("SeccompProfile", seccomp.type);
    if (seccomp.type === "Localhost") d.field("LocalhostProfile", seccomp.localhostProfile);
  }
  d.field("IP", status?.podIP);
  const ips = status?.podIPs ?? [];
  if (ips.length === 0) d.line(0, "IPs:\t<none>");
  else d.line(0, "IPs:");
  for (const { ip } of ips) d.field("IP", ip, 1);
  const owner = controlledBy(pod);
  if (owner !== "") d.field("Controlled By", owner);
  if ((status?.nominatedNodeName ?? "") !== "") d.field("NominatedNodeName", status?.nominatedNodeName);
  if (spec?.resources !== undefined) {
    d.line(0, "Resources:");
    describeResources(d, spec.resources, 1);
  }
  const groups = [
    ["Init Containers", spec?.initContainers, status?.initContainerStatuses],
    ["Containers", spec?.containers ?? [], status?.containerStatuses],
    ["Ephemeral Containers", spec?.ephemeralContainers, status?.ephemeralContainerStatuses],
  ] as const;
  for (const [label, containers, statuses] of groups) {
    if (label === "Containers" || (containers ?? []).length > 0) {
      describeContainers(d, label, containers ?? [], {
        statuses: statuses ?? [],
        pod,
      });
    }
  }
  describePodEnd(d, pod);
  describeEvents(d, events);
};

function describePodStatus(d: Description, { metadata, status }: Pod): void {
  const ended = status?.phase === "Failed" || status?.phase === "Succeeded";
  if (metadata.deletionTimestamp !== undefined && !ended) {
    d.field("Status", `Terminating (lasts ${d.since(metadata.deletionTimestamp)})`);
    d.field("Termination Grace Period", `${metadata.deletionGracePeriodSeconds ?? 0}s`);
  } else d.field("Status", status?.phase);
  if ((status?.reason ?? "") !== "") d.field("Reason", status?.reason);
  if ((status?.message ?? "") !== "") d.field("Message", status?.message);
}

function describePodEnd(d: Description, { spec, status }: Pod): void {
  const conditions = status?.conditions ?? [];
  const gates = spec?.readinessGates ?? [];
  if (gates.length > 0) {
    d.line(0, "Readiness Gates:").row(1, "Type", "Status");
    for (const { conditionType } of gates) {
      const found = conditions.find(({ type }) => type === conditionType);
      d.row(1, `${conditionType} `, `${found?.status ?? "<none>"} `);
    }
  }
  if (conditions.length > 0) {
    d.line(0, "Conditions:").row(1, "Type", "Status");
    for (const condition of conditions) d.row(1, `${condition.type} `, `${condition.status} `);
  }
  describeVolumes(d, spec?.volumes ?? [], "");
  d.field("QoS Class", status?.qosClass ?? "BestEffort");
  d.labels("Node-Selectors", spec?.nodeSelector);
  d.several("Tolerations", (spec?.tolerations ?? []).toSorted(byKey).map(formatToleration));
  describeSpread(d, spec?.topologySpreadConstraints ?? [], "");
}

/** The pods that a controller makes. */
export function describePodTemplate(d: Description, template: PodTemplateSpec | undefined): void {
  d.line(0, "Pod Template:");
  if (template === undefined) {
    d.write(1, "<unset>");
    return;
  }
  const { metadata, spec } = template;
  d.labels("  Labels", metadata?.labels);
  if (Object.keys(metadata?.annotations ?? {}).length > 0)
    d.annotations("  Annotations", metadata?.annotations);
  if ((spec?.serviceAccountName ?? "") !== "") d.field("Service Account", spec?.serviceAccountName, 1);
  if ((spec?.initContainers ?? []).length > 0) {
    describeContainers(d, "Init Containers", spec?.initContainers ?? [], { space: "  " });
  }
  describeContainers(d, "Containers", spec?.containers ?? [], { space: "  " });
  describeVolumes(d, spec?.volumes ?? [], "  ");
  describeSpread(d, spec?.topologySpreadConstraints ?? [], "  ");
  if ((spec?.priorityClassName ?? "") !== "") d.field("Priority Class Name", spec?.priorityClassName, 1);
  d.labels("  Node-Selectors", spec?.nodeSelector);
  d.several("  Tolerations", (spec?.tolerations ?? []).toSorted(byKey).map(formatToleration));
}

interface ContainerSurroundings {
  readonly statuses?: readonly ContainerStatus[];
  /** For the values of fields in the environment. */
  readonly pod?: Pod;
  readonly space?: string;
}

function describeContainers(
  d: Description,
  label: string,
  containers: readonly Container[],
  { statuses = [], pod, space = "" }: ContainerSurroundings,
): void {
  d.line(0, `${space}${label}:${containers.length === 0 ? " <none>" : ""}`);
  for (const container of containers) {
    const status = statuses.find(({ name }) => name === container.name);
    describeContainerBasics(d, container, status, space);
    describeCommand(d, "Command", container.command);
    describeCommand(d, "Args", container.args);
    if (status !== undefined) {
      describeState(d, "State", status.state);
      if (status.lastState?.terminated !== undefined) describeState(d, "Last State", status.lastState);
      d.field("Ready", trueFalse(status.ready), 2).field("Restart Count", status.restartCount, 2);
    }
    describeResources(d, container.resources, 2);
    for (const [name, probe] of [
      ["Liveness", container.livenessProbe],
      ["Readiness", container.readinessProbe],
      ["Startup", container.startupProbe],
    ] as const) {
      if (probe !== undefined) d.field(name, formatProbe(probe), 2);
    }
    describeEnvironment(d, container, pod);
    describeMounts(d, container);
  }
}

function describeContainerBasics(
  d: Description,
  container: Container,
  status: ContainerStatus | undefined,
  space: string,
): void {
  d.line(1, `${space === "" ? "" : " "}${container.name}:`);
  if (status !== undefined) d.field("Container ID", status.containerID, 2);
  d.field("Image", container.image, 2);
  if (status !== undefined) d.field("Image ID", status.imageID, 2);
  const ports = container.ports ?? [];
  const format = (number: (port: (typeof ports)[number]) => number): string =>
    ports.map((port) => `${number(port)}/${port.protocol ?? "TCP"}`).join(", ");
  const plural = ports.length > 1 ? "s" : "";
  d.field(`Port${plural}`, orNone(format(({ containerPort }) => containerPort)), 2);
  d.field(`Host Port${plural}`, orNone(format(({ hostPort }) => hostPort ?? 0)), 2);
  const seccomp = container.securityContext?.seccompProfile;
  if (seccomp !== undefined) {
    d.field("SeccompProfile", seccomp.type, 2);
    if (seccomp.type === "Localhost") d.field("LocalhostProfile", seccomp.localhostProfile, 3);
  }
}

function describeCommand(d: Description, label: string, words: readonly string[] | undefined): void {
  if (words === undefined || words.length === 0) return;
  d.line(2, `${label}:`);
  for (const line of words.flatMap((word) => word.split("\n"))) d.line(3, line);
}

function describeState(d: Description, label: string, state: ContainerState | undefined): void {
  if (state?.running !== undefined) {
    d.field(label, "Running", 2).field("Started", rfc1123(state.running.startedAt), 3);
  } else if (state?.terminated !== undefined) {
    const { reason = "", message = "", exitCode, signal = 0, startedAt, finishedAt } = state.terminated;
    d.field(label, "Terminated", 2);
    if (reason !== "") d.field("Reason", reason, 3);
    if (message !== "") d.field("Message", message, 3);
    d.field("Exit Code", exitCode, 3);
    if (signal > 0) d.field("Signal", signal, 3);
    d.field("Started", rfc1123(startedAt), 3).field("Finished", rfc1123(finishedAt), 3);
  } else {
    d.field(label, "Waiting", 2);
    const reason = state?.waiting?.reason ?? "";
    if (reason !== "") d.field("Reason", reason, 3);
  }
}

function describeResources(d: Description, resources: Container["resources"], level: number): void {
  for (const [label, amounts] of [
    ["Limits", resources?.limits],
    ["Requests", resources?.requests],
  ] as const) {
    const names = Object.keys(amounts ?? {}).sort();
    if (names.length > 0) d.line(level, `${label}:`);
    for (const name of names) d.field(name, tryParseQuantity(amounts?.[name]) ?? amounts?.[name], level + 1);
  }
}

/** A probe in one line. */
export function formatProbe(probe: Probe): string {
  const {
    initialDelaySeconds = 0,
    timeoutSeconds = 0,
    periodSeconds = 0,
    successThreshold = 0,
    failureThreshold = 0,
  } = probe;
  const timing = `delay=${initialDelaySeconds}s timeout=${timeoutSeconds}s period=${periodSeconds}s #success=${successThreshold} #failure=${failureThreshold}`;
  if (probe.exec !== undefined) return `exec [${(probe.exec.command ?? []).join(" ")}] ${timing}`;
  if (probe.httpGet !== undefined) {
    const { scheme = "", host = "", port, path = "" } = probe.httpGet;
    const address = host.includes(":") ? `[${host}]` : host;
    return `http-get ${scheme.toLowerCase()}://${address}:${port}${path === "" || path.startsWith("/") ? "" : "/"}${path} ${timing}`;
  }
  if (probe.tcpSocket !== undefined)
    return `tcp-socket ${probe.tcpSocket.host ?? ""}:${probe.tcpSocket.port} ${timing}`;
  if (probe.grpc !== undefined) return `grpc <pod>:${probe.grpc.port} ${probe.grpc.service ?? ""} ${timing}`;
  return `unknown ${timing}`;
}

function describeEnvironment(d: Description, container: Container, pod: Pod | undefined): void {
  const sources = container.envFrom ?? [];
  if (sources.length > 0) d.line(2, "Environment Variables from:");
  for (const { configMapRef, secretRef, prefix = "" } of sources) {
    const from = configMapRef === undefined ? "Secret" : "ConfigMap";
    const reference = configMapRef ?? secretRef;
    const withPrefix = prefix === "" ? "" : ` with prefix '${prefix}'`;
    d.row(3, reference?.name, `${from}${withPrefix}`, `Optional: ${reference?.optional === true}`);
  }
  const variables = container.env ?? [];
  d.line(2, `Environment:${variables.length === 0 ? "\t<none>" : ""}`);
  for (const variable of variables) describeVariable(d, variable, container, pod);
}

function describeVariable(
  d: Description,
  { name, value = "", valueFrom }: EnvVar,
  container: Container,
  pod: Pod | undefined,
): void {
  if (valueFrom === undefined) {
    for (const [index, line] of value.split("\n").entries())
      d.line(3, `${index === 0 ? `${name}:` : ""}\t${line}`);
    return;
  }
  const { fieldRef, resourceFieldRef, secretKeyRef, configMapKeyRef } = valueFrom;
  if (fieldRef !== undefined) {
    const shown = pod === undefined ? "" : fieldOf(pod, fieldRef.fieldPath);
    d.field(name, `${shown} (${fieldRef.apiVersion ?? "v1"}:${fieldRef.fieldPath})`, 3);
  } else if (resourceFieldRef !== undefined) {
    const { resource } = resourceFieldRef;
    const amount = resourceFieldValue(container, resource, resourceFieldRef.divisor);
    const isLimit = resource === "limits.cpu" || resource === "limits.memory";
    d.field(name, `${amount === "0" && isLimit ? "node allocatable" : amount} (${resource})`, 3);
  } else if (secretKeyRef !== undefined) {
    const { key, optional } = secretKeyRef;
    d.field(
      name,
      `<set to the key '${key}' in secret '${secretKeyRef.name}'>\tOptional: ${optional === true}`,
      3,
    );
  } else if (configMapKeyRef !== undefined) {
    const { key, optional } = configMapKeyRef;
    d.field(
      name,
      `<set to the key '${key}' of config map '${configMapKeyRef.name}'>\tOptional: ${optional === true}`,
      3,
    );
  }
}

/** What the metadata gives for a field path; kubectl looks up no other fields. */
function fieldOf({ metadata }: Pod, path: string): string {
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (keyed !== null)
    return metadata[keyed[1] === "labels" ? "labels" : "annotations"]?.[keyed[2] ?? ""] ?? "";
  if (path === "metadata.name") return metadata.name ?? "";
  if (path === "metadata.namespace") return metadata.namespace ?? "";
  return path === "metadata.uid" ? (metadata.uid ?? "") : "";
}

function describeMounts(d: Description, container: Container): void {
  const mounts = container.volumeMounts ?? [];
  const none = mounts.length === 0 ? "\t<none>" : "";
  d.line(2, `Mounts:${none}`);
  for (const mount of mounts.toSorted((a, b) => (a.mountPath < b.mountPath ? -1 : 1))) {
    const mode = mount.readOnly === true ? "ro" : "rw";
    const path = (mount.subPath ?? "") === "" ? "" : `,path=${JSON.stringify(mount.subPath)}`;
    d.line(3, `${mount.mountPath} from ${mount.name} (${mode}${path})`);
  }
  const devices = container.volumeDevices ?? [];
  if (devices.length > 0) d.line(2, `Devices:${none}`);
  for (const { devicePath, name } of devices.toSorted((a, b) => (a.devicePath < b.devicePath ? -1 : 1))) {
    d.line(3, `${devicePath} from ${name}`);
  }
}

const byKey = (a: { key?: string | undefined }, b: { key?: string | undefined }): number =>
  (a.key ?? "") < (b.key ?? "") ? -1 : (a.key ?? "") > (b.key ?? "") ? 1 : 0;

/** `node.kubernetes.io/not-ready:NoExecute op=Exists for 300s`. */
export function formatToleration({
  key = "",
  value = "",
  effect = "",
  operator,
  tolerationSeconds,
}: Toleration): string {
  let text = `${key}${value === "" ? "" : `=${value}`}${effect === "" ? "" : `:${effect}`}`;
  if (operator === "Exists" && value === "") text += text === "" ? "op=Exists" : " op=Exists";
  return tolerationSeconds === undefined ? text : `${text} for ${tolerationSeconds}s`;
}

function describeSpread(
  d: Description,
  constraints: readonly TopologySpreadConstraint[],
  space: string,
): void {
  const sorted = constraints.toSorted((a, b) => (a.topologyKey < b.topologyKey ? -1 : 1));
  for (const [index, { topologyKey, whenUnsatisfiable, maxSkew, labelSelector }] of sorted.entries()) {
    const title = index === 0 ? `${space}Topology Spread Constraints:\t` : `${space}\t`;
    const selector = labelSelector === undefined ? "" : ` for selector ${formatLabelSelector(labelSelector)}`;
    d.line(0, `${title}${topologyKey}:${whenUnsatisfiable} when max skew ${maxSkew} is exceeded${selector}`);
  }
}
