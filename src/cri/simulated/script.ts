import { parseDurationMs } from "../../apimachinery/duration.ts";
import { tryParseQuantity } from "../../apimachinery/quantity.ts";

/**
 * What a simulated container does instead of running: read from the pod's annotations, each below
 * `simulated.sampan.dev/`. A name that ends in `.CONTAINER` counts for that container only and wins:
 *
 *   simulated.sampan.dev/run-duration: 30s          for every container of the pod
 *   simulated.sampan.dev/exit-codes.worker: "1,1,0" worker fails twice, then succeeds
 *
 * Durations are written as Go writes them: `250ms`, `30s`, `1h30m`. docs/how-to/simulate-nodes-and-pods.md tells each.
 */
export const scriptPrefix = "simulated.sampan.dev/";

/** From the container's start, until before `toMs`. */
interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A value that holds from that age on. */
export interface Step {
  readonly fromMs: number;
  readonly value: number;
}

export interface ContainerScript {
  /** `start-delay`: from the call to the container's start. */
  readonly startDelayMs: number;
  /** `run-duration`: until it exits by itself; undefined leaves it to the command. */
  readonly runDurationMs: number | undefined;
  /** `crash-every`: until it exits with an error, each time it runs. */
  readonly crashEveryMs: number | undefined;
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
  /** `startup-fails`, `readiness-fails`, `liveness-fails`: when those probes fail, `30s-1m,5m-`. */
  readonly fails: Readonly<Record<ProbeKind, readonly Span[]>>;
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
  /** `log-at`: lines that begin with the age at which they are printed, `5s listening`. */
  readonly logAt: readonly { readonly atMs: number; readonly text: string }[];
  /** `cpu` (`250m`) and `memory` (`64Mi`): what it uses; `100m,5m=900m` is more from the fifth minute on. */
  readonly cpuCores: readonly Step[];
  readonly memoryBytes: readonly Step[];
}

/** Which of a container's probes asks. */
export type ProbeKind = "startup" | "readiness" | "liveness";

type Texts = Readonly<Record<string, string>>;

/** How the text of a setting is read. `expected` completes "is …": a duration, as `30s`. */
interface Form<T> {
  readonly expected: string;
  readonly read: (text: string) => T | undefined;
}

const listOf = <T>(text: string, read: (part: string) => T | undefined): T[] | undefined => {
  const values = text.split(",").map((part) => read(part.trim()));
  return values.includes(undefined) ? undefined : (values as T[]);
};

const duration: Form<number> = {
  expected: "no duration: write 250ms, 30s or 1h30m",
  read: (text) => {
    const ms = parseDurationMs(text);
    return ms === undefined || ms < 0 ? undefined : ms;
  },
};

const interval: Form<number> = {
  expected: "no duration above zero: write 250ms, 30s or 1h30m",
  read: (text) => {
    const ms = duration.read(text);
    return ms === 0 ? undefined : ms;
  },
};

const flag: Form<boolean> = {
  expected: 'neither "true" nor "false"',
  read: (text) => (text === "true" ? true : text === "false" ? false : undefined),
};

const words: Form<string> = { expected: "", read: (text) => text };

const readCode = (text: string): number | undefined =>
  /^\d{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : undefined;

const code: Form<number[]> = {
  expected: "no exit code: write a number from 0 to 255",
  read: (text) => {
    const value = readCode(text.trim());
    return value === undefined ? undefined : [value];
  },
};

const codes: Form<number[]> = {
  expected: "no list of exit codes: write numbers from 0 to 255, as 1,1,0",
  read: (text) => listOf(text, readCode),
};

const spans: Form<Span[]> = {
  expected: "no list of times: write 30s-1m, or 5m- for ever after",
  read: (text) =>
    listOf(text, (part) => {
      const [from = "", to, ...more] = part.split("-").map((bound) => bound.trim());
      const fromMs = duration.read(from);
      const toMs = to === "" ? Infinity : duration.read(to ?? "");
      if (fromMs === undefined || toMs === undefined || toMs <= fromMs || more.length > 0) return undefined;
      return { fromMs, toMs };
    }),
};

function amounts(what: string, unit: number): Form<Step[]> {
  return {
    expected: `no amount of ${what}, nor a list of them with times: write 100m,5m=900m`,
    read: (text) =>
      listOf(text, (part) => {
        const at = part.indexOf("=");
        const fromMs = at < 0 ? 0 : duration.read(part.slice(0, at).trim());
        const quantity = tryParseQuantity(part.slice(at + 1).trim());
        if (fromMs === undefined || quantity === undefined) return undefined;
        const value = unit === 1 ? Number(quantity.value()) : Number(quantity.milliValue()) / 1000;
        return value < 0 ? undefined : { fromMs, value };
      })?.toSorted((a, b) => a.fromMs - b.fromMs),
  };
}

const timedLines: Form<{ atMs: number; text: string }[]> = {
  expected: "no list of lines that begin with a time: write 5s listening",
  read: (text) => {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    const read = lines.map((line) => {
      const [, time = "", rest = ""] = /^\s*(\S+)(?: (.*))?$/.exec(line) ?? [];
      return { atMs: duration.read(time), text: rest };
    });
    return read.every((line): line is { atMs: number; text: string } => line.atMs !== undefined)
      ? read
      : undefined;
  },
};

/** Every setting there is. */
const forms = {
  "start-delay": duration,
  "start-error": words,
  "run-duration": duration,
  "crash-every": interval,
  "exit-code": code,
  "exit-codes": codes,
  "ready-after": duration,
  ready: flag,
  "unhealthy-after": duration,
  "startup-fails": spans,
  "readiness-fails": spans,
  "liveness-fails": spans,
  "oom-after": duration,
  "stop-duration": duration,
  "ignore-stop": flag,
  log: words,
  "log-every": interval,
  "log-at": timedLines,
  cpu: amounts("processor time", 1000),
  memory: amounts("memory", 1),
};

type Forms = typeof forms;
type Setting = keyof Forms;
type ValueOf<S extends Setting> = Forms[S] extends Form<infer T> ? T : never;

/** The names of all settings. */
export const scriptSettings = Object.keys(forms) as readonly Setting[];

const isSetting = (name: string): name is Setting => Object.hasOwn(forms, name);

/** Why a setting cannot be followed; undefined when it can. */
export function settingProblem(name: string, text: string): string | undefined {
  if (!isSetting(name)) {
    return `there is no setting ${JSON.stringify(name)}; there are ${scriptSettings.join(", ")}`;
  }
  return forms[name].read(text) === undefined
    ? `${JSON.stringify(text)} is ${forms[name].expected}`
    : undefined;
}

/** What is wrong with a pod's annotations, each named with its value: such are left out when scripts are read. */
export function scriptProblems(annotations: Texts, containers: readonly string[]): string[] {
  const problems: string[] = [];
  for (const [key, text] of Object.entries(annotations)) {
    if (!key.startsWith(scriptPrefix)) continue;
    const [name = "", ...rest] = key.slice(scriptPrefix.length).split(".");
    const container = rest.join(".");
    const unknown = rest.length > 0 && !containers.includes(container);
    const problem = unknown
      ? `the pod has no container ${JSON.stringify(container)}`
      : settingProblem(name, text);
    if (problem === undefined) continue;
    problems.push(`annotation ${key}: ${JSON.stringify(text)} is not followed: ${problem}`);
  }
  return problems;
}

/** Of a container that has none; the many of them share it. */
const plain: ContainerScript = {
  startDelayMs: 0,
  runDurationMs: undefined,
  crashEveryMs: undefined,
  exitCode: undefined,
  startError: undefined,
  readyAfterMs: 0,
  ready: true,
  unhealthyAfterMs: undefined,
  fails: { startup: [], readiness: [], liveness: [] },
  oomAfterMs: undefined,
  stopDurationMs: 0,
  ignoreStop: false,
  log: [],
  logEveryMs: undefined,
  logAt: [],
  cpuCores: [{ fromMs: 0, value: 0.001 }],
  memoryBytes: [{ fromMs: 0, value: 2 ** 20 }],
};

/**
 * Reads the script of one container. The first of the sources counts that has a setting; within one, what is written for
 * the container. A value that cannot be read counts as absent: whoever takes the pod has told of it (`scriptProblems`).
 */
export function readScript(sources: readonly Texts[], container: string, attempt: number): ContainerScript {
  if (!sources.some((source) => Object.keys(source).some((key) => key.startsWith(scriptPrefix))))
    return plain;
  const value = <S extends Setting>(name: S): ValueOf<S> | undefined => {
    for (const source of sources) {
      const text = source[`${scriptPrefix}${name}.${container}`] ?? source[scriptPrefix + name];
      const read = text === undefined ? undefined : forms[name].read(text);
      if (read !== undefined) return read as ValueOf<S>;
    }
    return undefined;
  };
  return {
    startDelayMs: value("start-delay") ?? plain.startDelayMs,
    runDurationMs: value("run-duration"),
    crashEveryMs: value("crash-every"),
    exitCode: codeOf(value("exit-codes") ?? value("exit-code"), attempt),
    startError: value("start-error"),
    readyAfterMs: value("ready-after") ?? plain.readyAfterMs,
    ready: value("ready") ?? plain.ready,
    unhealthyAfterMs: value("unhealthy-after"),
    fails: {
      startup: value("startup-fails") ?? plain.fails.startup,
      readiness: value("readiness-fails") ?? plain.fails.readiness,
      liveness: value("liveness-fails") ?? plain.fails.liveness,
    },
    oomAfterMs: value("oom-after"),
    stopDurationMs: value("stop-duration") ?? plain.stopDurationMs,
    ignoreStop: value("ignore-stop") ?? plain.ignoreStop,
    log: value("log")?.split("\n") ?? plain.log,
    logEveryMs: value("log-every"),
    logAt: value("log-at") ?? plain.logAt,
    cpuCores: value("cpu") ?? plain.cpuCores,
    memoryBytes: value("memory") ?? plain.memoryBytes,
  };
}

const codeOf = (list: readonly number[] | undefined, attempt: number): number | undefined =>
  list?.[Math.min(attempt, list.length - 1)];

/** What holds at that age. */
export function stepAt(steps: readonly Step[], ageMs: number): number {
  return steps.findLast(({ fromMs }) => fromMs <= ageMs)?.value ?? 0;
}

/** What has come together up to that age, in units of the value times milliseconds. */
export function stepsUntil(steps: readonly Step[], ageMs: number): number {
  return steps.reduce((sum, { fromMs, value }, index) => {
    const toMs = Math.min(steps[index + 1]?.fromMs ?? Infinity, ageMs);
    return sum + value * Math.max(0, toMs - fromMs);
  }, 0);
}
