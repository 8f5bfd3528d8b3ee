import type { ContainerStateTerminated, ContainerStatus, Event, Pod } from "../api/types/core-v1.ts";
import { parseTime } from "../apimachinery/time.ts";
import type { Look } from "./look.ts";
import { kubectl, type Reason, type Step, stuck } from "./reason.ts";

/** Why a container does not go on running, or has failed for good: what it is depends on how its program ended. */
export async function whyEnded(
  pod: Pod,
  status: ContainerStatus,
  what: string,
  last: ContainerStateTerminated | undefined,
  look: Look,
): Promise<Reason> {
  const { name, restartCount, state } = status;
  const isGivenUp = state?.terminated !== undefined && pod.status?.phase === "Failed";
  const named = `${what} "${name}"`;
  const again =
    restartCount === 0 ? "" : ` (restarted ${restartCount === 1 ? "once" : `${restartCount} times`} so far)`;
  const trouble = isGivenUp
    ? `has failed in ${named}`
    : what === "init container"
      ? `cannot get past ${named}`
      : `cannot keep ${named} running`;
  const isFirst = restartCount === 0 || state?.terminated !== undefined;
  const logs = commandFor(pod, "logs", ` -c ${name}${isFirst ? "" : " --previous"}`);
  const { says, next } = await howItEnded(pod, name, last, look);
  return stuck(pod, `${trouble}: ${says}${again}`, { next: { command: logs, ...next } });
}

interface Ending {
  readonly says: string;
  readonly next: Step;
}

async function howItEnded(
  pod: Pod,
  name: string,
  last: ContainerStateTerminated | undefined,
  look: Look,
): Promise<Ending> {
  if (last?.reason === "OOMKilled") return outOfMemory(pod, name);
  const probe = await fatalProbe(pod, name, last, look);
  if (probe !== undefined) {
    return {
      says: `its ${probeText(probe)}, so it is killed`,
      next: { says: "see what the program did before it was killed; or give the probe more time" },
    };
  }
  if (last?.exitCode === 0) {
    return {
      says: "its program ends by itself, without an error",
      next: { says: "give it a program that goes on; what is to be done once belongs into a Job" },
    };
  }
  return { says: `its program ends${exitText(last)}`, next: { says: "read what the program said last" } };
}

function outOfMemory(pod: Pod, name: string): Ending {
  const limit = pod.spec?.containers.find((container) => container.name === name)?.resources?.limits?.[
    "memory"
  ];
  return limit === undefined
    ? {
        says: "it was killed because its node ran out of memory",
        next: {
          says: "give it a memory request, so that it is placed where there is enough; or find what the program uses it for",
        },
      }
    : {
        says: `it was killed for using more memory than its limit of ${limit}`,
        next: { says: "raise the container's memory limit, or find what the program uses it for" },
      };
}

/** Events are thinned out when there are many: one of the last minutes stands for those after it. */
const recentMs = 10 * 60_000;

/** The probe whose failure ended the container. */
async function fatalProbe(
  pod: Pod,
  name: string,
  last: ContainerStateTerminated | undefined,
  look: Look,
): Promise<Event | undefined> {
  const events = await look.events(pod, `spec.containers{${name}}`);
  const probe = newest(events, "Unhealthy", "Liveness probe") ?? newest(events, "Unhealthy", "Startup probe");
  if (probe === undefined) return undefined;
  const time = probe.lastTimestamp ?? probe.eventTime;
  // Killed (137) or asked to stop (143), as the kubelet does after a probe has failed too often.
  const wasStopped = last?.exitCode === 137 || last?.exitCode === 143;
  const isOfLastRun = (parseTime(time) ?? 0) >= (parseTime(last?.startedAt) ?? 0);
  return isOfLastRun || (wasStopped && look.ageMs(time) < recentMs) ? probe : undefined;
}

function exitText(last: ContainerStateTerminated | undefined): string {
  if (last === undefined) return "";
  const said = last.message === undefined ? "" : `, saying: ${last.message.trim().split("\n").at(-1) ?? ""}`;
  const meaning = exitMeanings[last.exitCode];
  return ` with exit code ${last.exitCode}${meaning === undefined ? "" : ` (${meaning})`}${said}`;
}

/** Where the code says more than that it failed. */
const exitMeanings: Readonly<Record<number, string>> = {
  126: "the command may not be run",
  127: "the command was not found",
  137: "it was killed",
  139: "it touched memory that is not its own",
  143: "it was asked to stop",
};

/** The newest event of a reason whose message begins so. */
export const newest = (events: readonly Event[], reason: string, begins: string): Event | undefined =>
  events.find((event) => event.reason === reason && (event.message ?? "").startsWith(begins));

/** `readiness probe fails: HTTP probe failed with statuscode: 503`. */
export function probeText({ message = "" }: Event): string {
  const [, which = "", why = ""] = /^(\w+) probe (?:failed|errored)[^:]*: (.*)$/s.exec(message) ?? [];
  return which === "" ? message : `${which.toLowerCase()} probe fails: ${why.trim().split("\n")[0] ?? ""}`;
}

export const commandFor = (pod: Pod, command: string, rest = ""): string =>
  kubectl({ namespace: pod.metadata.namespace ?? "" }, `${command} ${pod.metadata.name ?? ""}${rest}`);
