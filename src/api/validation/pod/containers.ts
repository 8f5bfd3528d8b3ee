import {
  duplicate,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
  tooMany,
} from "../../../apimachinery/field-error.ts";
import { portErrors, portNameErrors } from "../../../apimachinery/names.ts";
import type {
  Container,
  ContainerPort,
  ContainerResizePolicy,
  ContainerRestartRule,
  EphemeralContainer,
  PodSpec,
  Volume,
  VolumeDevice,
  VolumeMount,
} from "../../types/core-v1.ts";
import {
  checkLabel,
  type Errors,
  isEmpty,
  list,
  oneOf,
  onlyFields,
  optionalOneOf,
  size,
  text,
} from "../basics.ts";
import { checkEnv, checkEnvFrom } from "./env.ts";
import type { PodOptions } from "./options.ts";
import { checkLocalDescendingPath, hasBacksteps } from "./paths.ts";
import { checkLifecycle, checkProbes } from "./probes.ts";
import { checkContainerResources } from "./resources.ts";
import { checkSecurityContext } from "./security-context.ts";
import { checkPullPolicy } from "./volumes.ts";

/** What the rules of containers need to know of their pod. */
export interface PodFacts {
  readonly spec: PodSpec;
  readonly volumes: ReadonlyMap<string, Volume>;
  /** Names of the resource claims. */
  readonly claims: ReadonlySet<string>;
  readonly options: PodOptions;
}

const gracePeriodOf = ({ spec }: PodFacts): number | undefined => spec.terminationGracePeriodSeconds;

export function checkContainers(
  containers: readonly Container[] | undefined,
  pod: PodFacts,
  path: string,
  errors: Errors,
): void {
  if (containers === undefined || containers.length === 0) {
    errors.push(required(path));
    return;
  }
  const names = new Set<string>();
  containers.forEach((container, index) => {
    const where = `${path}[${index}]`;
    checkCommon(container, pod, where, errors);
    if (names.has(container.name)) errors.push(duplicate(`${where}.name`, container.name));
    names.add(container.name);
    checkHooks(container, pod, where, errors);
    checkRestartPolicy(container, where, errors);
  });
  checkHostPortConflicts(containers, path, errors);
}

function checkHooks(container: Container, pod: PodFacts, path: string, errors: Errors): void {
  const { lifecycle } = container;
  if (lifecycle !== undefined) {
    const os = text(pod.spec.os?.name);
    checkLifecycle(lifecycle, gracePeriodOf(pod), os, `${path}.lifecycle`, errors);
  }
  checkProbes(container, gracePeriodOf(pod), path, errors);
}

export function checkInitContainers(
  containers: readonly Container[] | undefined,
  pod: PodFacts,
  path: string,
  errors: Errors,
): void {
  if (containers === undefined) return;
  const names = new Set(list(pod.spec.containers).map(({ name }) => name));
  containers.forEach((container, index) => {
    const where = `${path}[${index}]`;
    checkCommon(container, pod, where, errors);
    if (container.restartPolicy !== undefined) checkRestartPolicy(container, where, errors);
    else checkNoRestartRules(container, where, errors);
    if (names.has(container.name)) errors.push(duplicate(`${where}.name`, container.name));
    else if (!isEmpty(container.name)) names.add(container.name);
    // Init containers run one after the other, so each is alone with its ports.
    checkHostPortConflicts([container], path, errors);
    if (container.restartPolicy === "Always") checkHooks(container, pod, where, errors);
    else checkNoHooks(container, where, errors);
  });
}

function checkNoHooks(container: Container, path: string, errors: Errors): void {
  for (const field of ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const) {
    if (container[field] === undefined) continue;
    const detail = "may not be set for init containers without restartPolicy=Always";
    errors.push(forbidden(`${path}.${field}`, detail));
  }
}

const ephemeralFields = new Set([
  "name",
  "image",
  "command",
  "args",
  "workingDir",
  "envFrom",
  "env",
  "volumeMounts",
  "volumeDevices",
  "terminationMessagePath",
  "terminationMessagePolicy",
  "imagePullPolicy",
  "securityContext",
  "stdin",
  "stdinOnce",
  "tty",
  "targetContainerName",
]);

export function checkEphemeralContainers(
  containers: readonly EphemeralContainer[] | undefined,
  pod: PodFacts,
  path: string,
  errors: Errors,
): void {
  if (containers === undefined || containers.length === 0) return;
  const others = new Set(
    [...list(pod.spec.containers), ...list(pod.spec.initContainers)].map(({ name }) => name),
  );
  const names = new Set(others);
  const detail = "cannot be set for an Ephemeral Container";
  containers.forEach((container, index) => {
    const where = `${path}[${index}]`;
    checkCommon(container, pod, where, errors);
    checkImageSpaces(container, where, errors);
    if (names.has(container.name)) errors.push(duplicate(`${where}.name`, container.name));
    names.add(container.name);
    const target = container.targetContainerName;
    if (target !== undefined && target !== "" && !others.has(target)) {
      errors.push(notFound(`${where}.targetContainerName`, target));
    }
    const { resources, ...rest } = container;
    // Of structs only this one is there in any case.
    if (size(resources) > 0) errors.push(forbidden(`${where}.resources`, detail));
    onlyFields(rest, ephemeralFields, detail, where, errors);
    list(container.volumeMounts).forEach((mount, at) => {
      for (const field of ["subPath", "subPathExpr"] as const) {
        if (!isEmpty(mount[field])) {
          errors.push(forbidden(`${where}.volumeMounts[${at}].${field}`, detail));
        }
      }
    });
  });
}

const messagePolicies = ["File", "FallbackToLogsOnError"];

function checkCommon(container: Container, pod: PodFacts, path: string, errors: Errors): void {
  if (isEmpty(container.name)) errors.push(required(`${path}.name`));
  else checkLabel(container.name, `${path}.name`, errors);
  // Spaces around the image are refused in pods only: templates with them exist.
  if (isEmpty(container.image)) errors.push(required(`${path}.image`));
  const messagePolicy = text(container.terminationMessagePolicy);
  if (messagePolicy === "") errors.push(required(`${path}.terminationMessagePolicy`));
  else if (!messagePolicies.includes(messagePolicy)) {
    errors.push(notSupported(`${path}.terminationMessagePolicy`, messagePolicy, messagePolicies));
  }
  checkPorts(container.ports, `${path}.ports`, errors);
  checkEnv(container.env, `${path}.env`, errors);
  if (container.envFrom !== undefined) checkEnvFrom(container.envFrom, `${path}.envFrom`, errors);
  checkMounts(container, pod.volumes, `${path}.volumeMounts`, errors);
  checkDevices(container, pod.volumes, `${path}.volumeDevices`, errors);
  checkPullPolicy(container.imagePullPolicy, `${path}.imagePullPolicy`, errors);
  checkContainerResources(container.resources, pod.claims, `${path}.resources`, errors);
  checkResizePolicy(container.resizePolicy, text(pod.spec.restartPolicy), `${path}.resizePolicy`, errors);
  const hostUsers = pod.spec.hostUsers ?? true;
  checkSecurityContext(container.securityContext, hostUsers, `${path}.securityContext`, errors);
}

export function checkImageSpaces({ image }: Container, path: string, errors: Errors): void {
  if (image === undefined || image === image.trim()) return;
  errors.push(invalid(`${path}.image`, image, "must not have leading or trailing whitespace"));
}

const protocols = ["SCTP", "TCP", "UDP"];

function checkPorts(ports: readonly ContainerPort[] | undefined, path: string, errors: Errors): void {
  if (ports === undefined) return;
  const names = new Set<string>();
  ports.forEach(({ name, containerPort, hostPort, protocol }, index) => {
    const where = `${path}[${index}]`;
    if (name !== undefined && name !== "") {
      const messages = portNameErrors(name);
      for (const message of messages) errors.push(invalid(`${where}.name`, name, message));
      if (messages.length === 0 && names.has(name)) errors.push(duplicate(`${where}.name`, name));
      names.add(name);
    }
    if ((containerPort ?? 0) === 0) errors.push(required(`${where}.containerPort`));
    else checkPort(containerPort, `${where}.containerPort`, errors);
    if (hostPort !== undefined && hostPort !== 0) checkPort(hostPort, `${where}.hostPort`, errors);
    checkProtocol(protocol, `${where}.protocol`, errors);
  });
}

function checkPort(port: number, path: string, errors: Errors): void {
  for (const message of portErrors(port)) errors.push(invalid(path, port, message));
}

export function checkProtocol(protocol: string | undefined, path: string, errors: Errors): void {
  if (protocol === "TCP" || protocol === "UDP" || protocol === "SCTP") return;
  if (isEmpty(protocol)) errors.push(required(path));
  else errors.push(notSupported(path, protocol, protocols));
}

function checkMounts(
  container: Container,
  volumes: ReadonlyMap<string, Volume>,
  path: string,
  errors: Errors,
): void {
  const mounts = container.volumeMounts;
  if (mounts === undefined) return;
  const devices = list(container.volumeDevices);
  const targets = new Set<string>();
  mounts.forEach((mount, index) => {
    const where = `${path}[${index}]`;
    const name = text(mount.name);
    const target = text(mount.mountPath);
    if (name === "") errors.push(required(`${where}.name`));
    const volume = volumes.get(name);
    if (volume === undefined) errors.push(notFound(`${where}.name`, name));
    if (target === "") errors.push(required(`${where}.mountPath`));
    if (targets.has(target)) errors.push(invalid(`${where}.mountPath`, target, "must be unique"));
    targets.add(target);
    if (devices.some((device) => device.name === name)) {
      errors.push(invalid(`${where}.name`, name, "must not already exist in volumeDevices"));
    }
    if (devices.some((device) => device.devicePath === target)) {
      const detail = "must not already exist as a path in volumeDevices";
      errors.push(invalid(`${where}.mountPath`, target, detail));
    }
    checkSubPaths(mount, where, path, errors);
    if (mount.mountPropagation !== undefined) {
      checkPropagation(mount.mountPropagation, container, `${path}.mountPropagation`, errors);
    }
    checkRecursiveReadOnly(mount, `${path}.recursiveReadOnly`, errors);
  });
}

/** The errors of the paths themselves are those of the list, without an index: clients know them so. */
function checkSubPaths(
  { subPath, subPathExpr }: VolumeMount,
  path: string,
  listPath: string,
  errors: Errors,
): void {
  if (!isEmpty(subPath)) checkLocalDescendingPath(text(subPath), `${listPath}.subPath`, errors);
  if (isEmpty(subPathExpr)) return;
  if (!isEmpty(subPath)) {
    const detail = "subPathExpr and subPath are mutually exclusive";
    errors.push(invalid(`${path}.subPathExpr`, subPathExpr, detail));
  }
  checkLocalDescendingPath(text(subPathExpr), `${listPath}.subPathExpr`, errors);
}

const propagations = ["Bidirectional", "HostToContainer", "None"];

function checkPropagation(mode: string, container: Container, path: string, errors: Errors): void {
  optionalOneOf(mode, propagations, path, errors);
  if (mode !== "Bidirectional" || container.securityContext?.privileged === true) return;
  const detail = "Bidirectional mount propagation is available only to privileged containers";
  errors.push(forbidden(path, detail));
}

function checkRecursiveReadOnly(mount: VolumeMount, path: string, errors: Errors): void {
  const mode = mount.recursiveReadOnly;
  if (mode === undefined || mode === "Disabled") return;
  if (mode !== "Enabled" && mode !== "IfPossible") {
    errors.push(notSupported(path, mode, ["Disabled", "Enabled", "IfPossible"]));
    return;
  }
  if (mount.readOnly !== true) errors.push(forbidden(path, "may only be specified when readOnly is true"));
  if (mount.mountPropagation !== undefined && mount.mountPropagation !== "None") {
    const detail = "may only be specified when mountPropagation is None or not specified";
    errors.push(forbidden(path, detail));
  }
}

function checkDevices(
  container: Container,
  volumes: ReadonlyMap<string, Volume>,
  path: string,
  errors: Errors,
): void {
  const devices = container.volumeDevices;
  if (devices === undefined) return;
  const names = new Set<string>();
  const paths = new Set<string>();
  devices.forEach((device, index) => {
    const where = `${path}[${index}]`;
    checkDevice(device, volumes.get(text(device.name)), names, paths, where, errors);
    const mounts = list(container.volumeMounts);
    if (mounts.some(({ name }) => name === device.name)) {
      errors.push(invalid(`${where}.name`, device.name, "must not already exist in volumeMounts"));
    }
    if (mounts.some(({ mountPath }) => mountPath === device.devicePath)) {
      const detail = "must not already exist as a path in volumeMounts";
      errors.push(invalid(`${where}.devicePath`, device.devicePath, detail));
    }
    if (!isEmpty(device.name)) names.add(device.name);
  });
}

function checkDevice(
  { name, devicePath }: VolumeDevice,
  volume: Volume | undefined,
  names: ReadonlySet<string>,
  paths: Set<string>,
  path: string,
  errors: Errors,
): void {
  if (name === "") errors.push(required(`${path}.name`));
  if (names.has(name)) errors.push(invalid(`${path}.name`, name, "must be unique"));
  if (volume === undefined) errors.push(notFound(`${path}.name`, name));
  else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
    const detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
    errors.push(invalid(`${path}.name`, name, detail));
  }
  if (devicePath === "") errors.push(required(`${path}.devicePath`));
  if (paths.has(devicePath)) errors.push(invalid(`${path}.devicePath`, devicePath, "must be unique"));
  if (hasBacksteps(devicePath)) {
    errors.push(invalid(`${path}.devicePath`, devicePath, "can not contain backsteps ('..')"));
  } else paths.add(devicePath);
}

const resizeResources = ["cpu", "memory"];
const resizePolicies = ["NotRequired", "RestartContainer"];

function checkResizePolicy(
  policies: readonly ContainerResizePolicy[] | undefined,
  podRestartPolicy: string,
  path: string,
  errors: Errors,
): void {
  const seen = new Set<string>();
  list(policies).forEach(({ resourceName, restartPolicy }, index) => {
    if (seen.has(resourceName)) errors.push(duplicate(`${path}[${index}]`, resourceName));
    seen.add(resourceName);
    if (resourceName === "") errors.push(required(path));
    else optionalOneOf(resourceName, resizeResources, path, errors);
    if (restartPolicy === "") errors.push(required(path));
    else optionalOneOf(restartPolicy, resizePolicies, path, errors);
    if (podRestartPolicy === "Never" && restartPolicy !== "NotRequired") {
      const detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
      errors.push(invalid(path, restartPolicy, detail));
    }
  });
}

const restartRulesMax = 20;
const exitCodesMax = 255;

function checkRestartPolicy(container: Container, path: string, errors: Errors): void {
  const { restartPolicy, restartPolicyRules } = container;
  if (restartPolicy !== undefined) {
    optionalOneOf(restartPolicy, ["Always", "Never", "OnFailure"], `${path}.restartPolicy`, errors);
  } else checkNoRestartRules(container, path, errors);
  const rules = list(restartPolicyRules);
  const where = `${path}.restartPolicyRules`;
  if (rules.length > restartRulesMax) errors.push(tooMany(where, rules.length, restartRulesMax));
  rules.forEach((rule, index) => {
    checkRestartRule(rule, `${where}[${index}]`, errors);
  });
}

function checkNoRestartRules({ restartPolicyRules }: Container, path: string, errors: Errors): void {
  if (list(restartPolicyRules).length === 0) return;
  errors.push(required(`${path}.restartPolicy`, "must specify restartPolicy when restart rules are used"));
}

function checkRestartRule({ action, exitCodes }: ContainerRestartRule, path: string, errors: Errors): void {
  oneOf(action, ["Restart", "RestartAllContainers"], `${path}.action`, errors);
  if (exitCodes === undefined) {
    errors.push(required(`${path}.exitCodes`, "must be specified"));
    return;
  }
  const { operator, values } = exitCodes;
  oneOf(operator, ["In", "NotIn"], `${path}.exitCodes.operator`, errors);
  const count = list(values).length;
  if (count > exitCodesMax) errors.push(tooMany(`${path}.exitCodes.values`, count, exitCodesMax));
}

function checkHostPortConflicts(containers: readonly Container[], path: string, errors: Errors): void {
  let taken: Set<string> | undefined;
  containers.forEach(({ ports }, index) => {
    if (ports === undefined) return;
    ports.forEach(({ hostPort, hostIP, protocol }, at) => {
      if (hostPort === undefined || hostPort === 0) return;
      const key = `${text(protocol)}/${text(hostIP)}/${hostPort}`;
      taken ??= new Set();
      if (taken.has(key)) errors.push(duplicate(`${path}[${index}].ports[${at}].hostPort`, key));
      taken.add(key);
    });
  });
}
