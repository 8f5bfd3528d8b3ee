import { parseDurationMs } from "../../apimachinery/duration.ts";

/**
 * What a simulated container does instead of running: read from the pod's annotations, each below
 * `simulated.sampan.dev/`. A name that ends in `.CONTAINER` counts for that container only and wins:
 *
 *   simulated.sampan.dev/run-duration: 30s          for every container of the pod
 *   simulated.sampan.dev/exit-codes.worker: "1,1,0" worker fails twice, then succeeds
 *
 * Durations are written as Go writes them: `250ms`, `30s`, `1h30m`.
 */
export const scriptPrefix = "simulated.sampan.dev/";

export interface ContainerScript {
  /** `start-delay`: from the call to the container's start. */
  readonly startDelayMs: number;
  /** `run-duration`: until it exits by itself; undefined leaves it to the command. */
  readonly runDurationMs: number | undefined;
  /** `exit-codes` (one per attempt, the last one repeats) or `exit-code`; undefined leaves it to the command. */
  readonly exitCode: number | undefined;
  /** `start-error`: the message with which starting fails. */
  readonly startError: string | undefined;
  /** `ready-after`: from its start until probes succeed. */
  readonly readyAfterMs: number;
  /** `ready: "false"`: readiness probes never succeed. */
  readonly ready: boolean;
  /** `unhealthy-after`: from its start until liveness probes fail. */
  readonly unhealthyAfterMs: number | undefined;
  /** `oom-after`: killed for memory after that time. */
  readonly oomAfterMs: number | undefined;
  /** `stop-duration`: from the stop signal until it exits. */
  readonly stopDurationMs: number;
  /** `ignore-stop: "true"`: only a kill ends it. */
  readonly ignoreStop: boolean;
  /** `log`: printed at the start, line by line. */
  readonly log: readonly string[];
  /** `log-every`: repeats `log` at that interval. */
  readonly logEveryMs: number | undefined;
  /** `cpu` (cores) and `memory` (bytes): what statistics report. */
  readonly cpuCores: number;
  readonly memoryBytes: number;
}

/** Reads the script of one container. Values that cannot be read count as absent: a simulation never fails on them. */
export function readScript(
  annotations: Readonly<Record<string, string>>,
  container: string,
  attempt: number,
): ContainerScript {
  const text = (name: string): string | undefined =>
    annotations[`${scriptPrefix}${name}.${container}`] ?? annotations[scriptPrefix + name];
  const duration = (name: string): number | undefined => parseDuration(text(name));
  const number = (name: string, fallback: number): number => {
    const value = Number(text(name));
    return text(name) === undefined || !Number.isFinite(value) ? fallback : value;
  };
  return {
    startDelayMs: duration("start-delay") ?? 0,
    runDurationMs: duration("run-duration"),
    exitCode: exitCodeOf(text("exit-codes") ?? text("exit-code"), attempt),
    startError: text("start-error"),
    readyAfterMs: duration("ready-after") ?? 0,
    ready: text("ready") !== "false",
    unhealthyAfterMs: duration("unhealthy-after"),
    oomAfterMs: duration("oom-after"),
    stopDurationMs: duration("stop-duration") ?? 0,
    ignoreStop: text("ignore-stop") === "true",
    log: text("log")?.split("\n") ?? [],
    logEveryMs: duration("log-every"),
    cpuCores: number("cpu", 0.001),
    memoryBytes: number("memory", 2 ** 20),
  };
}

function exitCodeOf(text: string | undefined, attempt: number): number | undefined {
  const codes = text?.split(",").map((code) => Number(code.trim()));
  const code = codes?.[Math.min(attempt, codes.length - 1)];
  return code === undefined || !Number.isInteger(code) ? undefined : code;
}

/** `1h30m`, `250ms`, `1.5s` in milliseconds; undefined when absent, unreadable or negative. */
export function parseDuration(text: string | undefined): number | undefined {
  const ms = text === undefined ? undefined : parseDurationMs(text);
  return ms === undefined || ms < 0 ? undefined : ms;
}
