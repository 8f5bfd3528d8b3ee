import { humanDuration } from "../api/columns/duration.ts";
import type { ContainerState, ContainerStatus, Pod } from "../api/types/core-v1.ts";
import { commandFor, newest, probeText, whyEnded } from "./ended.ts";
import { askImage, isImageTrouble } from "./image.ts";
import type { Look } from "./look.ts";
import { missingFrom } from "./missing-part.ts";
import { type Reason, stuck, waiting } from "./reason.ts";

/** A container that shows up ready in the next seconds is not worth a remark. */
const patienceMs = 30_000;

/** Why the containers of a pod do not all run and serve; undefined when they do. Init containers come first. */
export async function askContainers(pod: Pod, look: Look): Promise<Reason | undefined> {
  const init = pod.status?.initContainerStatuses ?? [];
  const sidecars = new Set(
    (pod.spec?.initContainers ?? [])
      .filter(({ restartPolicy }) => restartPolicy === "Always")
      .map(({ name }) => name),
  );
  const notDone = init.find(({ name, state, ready, started }) =>
    sidecars.has(name) ? !(ready || started === true) : state?.terminated?.exitCode !== 0,
  );
  if (notDone !== undefined) {
    const what = sidecars.has(notDone.name) ? "sidecar" : "init container";
    return await askContainer(pod, notDone, what, look);
  }
  const notReady = (pod.status?.containerStatuses ?? []).filter(
    ({ ready, state }) => !ready && state?.terminated?.exitCode !== 0,
  );
  // One that waits because of nothing in particular says less than one that failed.
  const first = notReady.toSorted((a, b) => rank(a) - rank(b))[0];
  return first === undefined ? undefined : await askContainer(pod, first, "container", look);
}

const rank = ({ state }: ContainerStatus): number =>
  state?.waiting !== undefined && quiet.has(state.waiting.reason ?? "") ? 1 : 0;
const quiet = new Set(["ContainerCreating", "PodInitializing", ""]);

async function askContainer(pod: Pod, status: ContainerStatus, what: string, look: Look): Promise<Reason> {
  const named = `${what} "${status.name}"`;
  const { waiting: wait, running, terminated }: ContainerState = status.state ?? {};
  if (terminated !== undefined) return await whyEnded(pod, status, what, terminated, look);
  if (running !== undefined) return await notServing(pod, status, named, running.startedAt, look);
  const { reason: why = "", message = "" } = wait ?? {};
  if (isImageTrouble(why)) return await askImage(pod, status, named, look);
  if (why === "CrashLoopBackOff")
    return await whyEnded(pod, status, what, status.lastState?.terminated, look);
  if (quiet.has(why)) return await onItsWay(pod, status, named, look);
  const missing = missingFrom(message, pod);
  if (missing !== undefined) return stuck(pod, `cannot start ${named}`, { because: [missing] });
  return stuck(pod, `cannot start ${named}: ${message === "" ? why : message} (${why})`, {
    next: { says: "correct the container in the pod's template", command: commandFor(pod, "describe pod") },
  });
}

async function notServing(
  pod: Pod,
  status: ContainerStatus,
  named: string,
  startedAt: string | undefined,
  look: Look,
): Promise<Reason> {
  const events = await look.events(pod, `spec.containers{${status.name}}`);
  const isStarted = status.started !== false;
  const probe = newest(events, "Unhealthy", isStarted ? "Readiness probe" : "Startup probe");
  const forHow = humanDuration(look.ageMs(startedAt));
  if (probe === undefined) {
    const specs = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
    const spec = specs.find(({ name }) => name === status.name);
    const isProbed = (isStarted ? spec?.readinessProbe : spec?.startupProbe) !== undefined;
    const yet = isProbed
      ? `, and its ${isStarted ? "readiness" : "startup"} probe has not succeeded yet`
      : "";
    return waiting(pod, `is on its way: ${named} runs for ${forHow}${yet}`);
  }
  const isNew = look.ageMs(startedAt) < patienceMs;
  return (isNew ? waiting : stuck)(
    pod,
    `is not ready: ${named} runs for ${forHow}, but its ${probeText(probe)}`,
    {
      next: {
        says: "see why the program does not answer; or correct the probe (path, port, time)",
        command: commandFor(pod, "logs", ` -c ${status.name}`),
      },
    },
  );
}

async function onItsWay(pod: Pod, status: ContainerStatus, named: string, look: Look): Promise<Reason> {
  const [event] = await look.events(pod, `spec.containers{${status.name}}`);
  if (event?.reason === "Pulling") {
    const since = humanDuration(look.ageMs(event.lastTimestamp ?? event.eventTime));
    return waiting(
      pod,
      `is on its way: ${event.message?.replace(/^Pulling/, "pulling") ?? "pulling its image"} for ${since}`,
    );
  }
  const first = (pod.status?.initContainerStatuses ?? []).find(({ state }) => state?.running !== undefined);
  if (first !== undefined) return waiting(pod, `is on its way: init container "${first.name}" runs`);
  return waiting(pod, `is on its way: ${named} is being made`);
}
