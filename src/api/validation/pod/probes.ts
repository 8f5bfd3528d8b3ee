import { forbidden, invalid, required } from "../../../apimachinery/field-error.ts";
import { httpHeaderNameErrors, portErrors, portNameErrors } from "../../../apimachinery/names.ts";
import type { HTTPGetAction, Lifecycle, LifecycleHandler, Probe } from "../../types/core-v1.ts";
import { checkName, type Errors, isEmpty, list, nonNegative, oneOf, text } from "../basics.ts";

/** Probes and lifecycle hooks of containers. */
type Handler = Probe & LifecycleHandler;

/** The probes of a container. A grace period is undefined only where its absence is an error reported elsewhere. */
export function checkProbes(
  container: {
    readonly livenessProbe?: Probe | undefined;
    readonly readinessProbe?: Probe | undefined;
    readonly startupProbe?: Probe | undefined;
  },
  gracePeriod: number | undefined,
  path: string,
  errors: Errors,
): void {
  const { livenessProbe, readinessProbe, startupProbe } = container;
  if (livenessProbe !== undefined) {
    checkOnceProbe(livenessProbe, gracePeriod, `${path}.livenessProbe`, errors);
  }
  if (readinessProbe !== undefined) {
    const where = `${path}.readinessProbe`;
    checkProbe(readinessProbe, gracePeriod, where, errors);
    const seconds = readinessProbe.terminationGracePeriodSeconds;
    if (seconds !== undefined) {
      const detail = "must not be set for readinessProbes";
      errors.push(invalid(`${where}.terminationGracePeriodSeconds`, seconds, detail));
    }
  }
  if (startupProbe !== undefined) checkOnceProbe(startupProbe, gracePeriod, `${path}.startupProbe`, errors);
}

/** Liveness and startup are known after one success. */
function checkOnceProbe(probe: Probe, gracePeriod: number | undefined, path: string, errors: Errors): void {
  checkProbe(probe, gracePeriod, path, errors);
  const threshold = probe.successThreshold ?? 0;
  if (threshold !== 1) errors.push(invalid(`${path}.successThreshold`, threshold, "must be 1"));
}

function checkProbe(probe: Probe, gracePeriod: number | undefined, path: string, errors: Errors): void {
  checkHandler(probe, gracePeriod, path, errors);
  nonNegative(probe.initialDelaySeconds, `${path}.initialDelaySeconds`, errors);
  nonNegative(probe.timeoutSeconds, `${path}.timeoutSeconds`, errors);
  nonNegative(probe.periodSeconds, `${path}.periodSeconds`, errors);
  nonNegative(probe.successThreshold, `${path}.successThreshold`, errors);
  nonNegative(probe.failureThreshold, `${path}.failureThreshold`, errors);
  const seconds = probe.terminationGracePeriodSeconds;
  if (seconds !== undefined && seconds <= 0) {
    errors.push(invalid(`${path}.terminationGracePeriodSeconds`, seconds, "must be greater than 0"));
  }
}

export function checkLifecycle(
  lifecycle: Lifecycle,
  gracePeriod: number | undefined,
  os: string,
  path: string,
  errors: Errors,
): void {
  const { postStart, preStop, stopSignal } = lifecycle;
  if (postStart !== undefined) checkHandler(postStart, gracePeriod, `${path}.postStart`, errors);
  if (preStop !== undefined) checkHandler(preStop, gracePeriod, `${path}.preStop`, errors);
  if (stopSignal !== undefined) checkStopSignal(stopSignal, os, `${path}.stopSignal`, errors);
}

const upTo = (count: number, name: (n: number) => string): string[] =>
  Array.from({ length: count }, (_, index) => name(index + 1));

const linuxSignals = [
  ..."ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT RTMAX RTMIN SEGV".split(
    " ",
  ),
  ..."STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ".split(" "),
  ...upTo(15, (n) => `RTMIN+${n}`),
  ...upTo(14, (n) => `RTMAX-${n}`),
]
  .map((name) => `SIG${name}`)
  .sort();

function checkStopSignal(signal: string, os: string, path: string, errors: Errors): void {
  if (os === "") errors.push(forbidden(path, "may not be set for containers with empty `spec.os.name`"));
  else if (os === "windows") oneOf(signal, ["SIGKILL", "SIGTERM"], path, errors);
  else if (os === "linux") oneOf(signal, linuxSignals, path, errors);
}

type HandlerCheck = (handler: Handler, path: string, errors: Errors, gracePeriod: number | undefined) => void;

const handlerKinds: readonly (readonly [keyof Handler, HandlerCheck])[] = [
  [
    "exec",
    ({ exec }, path, errors) => {
      if (list(exec?.command).length === 0) errors.push(required(`${path}.command`));
    },
  ],
  [
    "httpGet",
    ({ httpGet }, path, errors) => {
      if (httpGet !== undefined) checkHttpGet(httpGet, path, errors);
    },
  ],
  [
    "tcpSocket",
    ({ tcpSocket }, path, errors) => checkPortNumberOrName(tcpSocket?.port, `${path}.port`, errors),
  ],
  ["grpc", ({ grpc }, path, errors) => checkPortNumberOrName(grpc?.port, `${path}.port`, errors)],
  [
    "sleep",
    ({ sleep }, path, errors, gracePeriod) => {
      const seconds = sleep?.seconds ?? 0;
      if (gracePeriod === undefined || (seconds >= 0 && seconds <= gracePeriod)) return;
      const detail = `must be non-negative and less than terminationGracePeriodSeconds (${gracePeriod})`;
      errors.push(invalid(path, seconds, detail));
    },
  ],
];

function checkHandler(handler: Handler, gracePeriod: number | undefined, path: string, errors: Errors): void {
  let handlers = 0;
  for (const [kind, check] of handlerKinds) {
    if (handler[kind] === undefined) continue;
    if (handlers > 0) errors.push(forbidden(`${path}.${kind}`, "may not specify more than 1 handler type"));
    else check(handler, `${path}.${kind}`, errors, gracePeriod);
    handlers++;
  }
  if (handlers === 0) errors.push(required(path, "must specify a handler type"));
}

function checkHttpGet(
  { path: target, port, scheme, httpHeaders }: HTTPGetAction,
  path: string,
  errors: Errors,
): void {
  if (isEmpty(target)) errors.push(required(`${path}.path`));
  checkPortNumberOrName(port, `${path}.port`, errors);
  oneOf(text(scheme), ["HTTP", "HTTPS"], `${path}.scheme`, errors);
  for (const { name } of list(httpHeaders)) {
    checkName(text(name), httpHeaderNameErrors, `${path}.httpHeaders`, errors);
  }
}

export function checkPortNumberOrName(port: number | string | undefined, path: string, errors: Errors): void {
  if (typeof port === "string") checkName(port, portNameErrors, path, errors);
  else for (const message of portErrors(port ?? 0)) errors.push(invalid(path, port ?? 0, message));
}
