import type { Clock, Timer } from "../../apimachinery/clock.ts";
import type { ContainerConfig, ContainerStatus } from "../runtime.ts";
import type { SimulatedLogs } from "./logs.ts";
import { type Pretence, pretend } from "./pretend-shell.ts";
import { type ContainerScript, type ProbeKind, readScript, stepAt, stepsUntil } from "./script.ts";

/** The annotation by which the kubelet marks containers that are to end by themselves: init containers, Jobs. */
export const runToCompletion = "sampan.dev/run-to-completion";

export interface SimulatedContainerOptions {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  /** Where its script is read from, the first to be asked first: the pod's annotations, and what rules say. */
  readonly scripts: readonly Readonly<Record<string, string>>[];
  readonly logPath: string;
  readonly clock: Clock;
  readonly logs: SimulatedLogs;
  /** How it was when it was saved; a new one when absent. */
  readonly saved?: SavedContainer;
  /** Called when it has ended. */
  readonly onExit: (container: SimulatedContainer, reason: string) => void;
}

/** A container's state, as plain data. */
export interface SavedContainer {
  readonly state: "created" | "running" | "exited";
  readonly createdAtMs: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
}

/** One container that obeys its script. A container without a planned end holds no timer. */
export class SimulatedContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly script: ContainerScript;
  readonly #options: SimulatedContainerOptions;
  readonly #createdAtMs: number;
  readonly #timers: Timer[] = [];
  readonly #waiters: (() => void)[] = [];
  #state: "created" | "running" | "exited" = "created";
  #startedAtMs = 0;
  #finishedAtMs = 0;
  #exitCode = 0;
  #reason = "";
  #message = "";
  #stopping = false;

  constructor(options: SimulatedContainerOptions) {
    this.id = options.id;
    this.sandboxId = options.sandboxId;
    this.config = options.config;
    this.script = readScript(options.scripts, options.config.name, options.config.attempt);
    this.#options = options;
    const { saved } = options;
    this.#createdAtMs = saved?.createdAtMs ?? options.clock.now();
    if (saved === undefined) return;
    this.#state = saved.state;
    this.#startedAtMs = saved.startedAtMs;
    this.#finishedAtMs = saved.finishedAtMs;
    this.#exitCode = saved.exitCode;
    this.#reason = saved.reason;
    this.#message = saved.message;
    if (saved.state === "running") this.#schedule(options.clock.now() - saved.startedAtMs);
  }

  save(): SavedContainer {
    return {
      state: this.#state,
      createdAtMs: this.#createdAtMs,
      startedAtMs: this.#startedAtMs,
      finishedAtMs: this.#finishedAtMs,
      exitCode: this.#exitCode,
      reason: this.#reason,
      message: this.#message,
    };
  }

  get state(): "created" | "running" | "exited" {
    return this.#state;
  }

  /** What the container's processes see. */
  get environment(): Record<string, string> {
    return Object.fromEntries(this.config.env.map(({ name, value }) => [name, value]));
  }

  start(): void {
    const { clock, logs, logPath } = this.#options;
    this.#state = "running";
    this.#startedAtMs = clock.now();
    logs.touch(logPath);
    this.#schedule(0);
  }

  /** Ends in the state of a container whose command could not be run. */
  failToStart(message: string): void {
    this.#state = "running";
    this.#startedAtMs = this.#options.clock.now();
    this.#exit(128, "ContainerCannotRun", message);
  }

  /** Asks it to stop, kills it after the timeout; resolves when it has ended. */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#state !== "running") {
      if (this.#state === "created") this.#state = "exited";
      return;
    }
    const ended = new Promise<void>((resolve) => this.#waiters.push(resolve));
    const { ignoreStop, stopDurationMs } = this.script;
    const delayMs = ignoreStop ? Infinity : stopDurationMs;
    if (Math.min(delayMs, timeoutMs) <= 0) this.#exit(delayMs <= 0 && timeoutMs > 0 ? 143 : 137, "Error", "");
    else if (!this.#stopping) {
      this.#stopping = true;
      const killed = delayMs > timeoutMs;
      this.#after(Math.min(delayMs, timeoutMs), () => this.#exit(killed ? 137 : 143, "Error", ""));
    } else this.#after(timeoutMs, () => this.#exit(137, "Error", ""));
    await ended;
  }

  /** Resolves when it has ended, or the signal aborts. */
  async ended(signal: AbortSignal): Promise<void> {
    if (this.#state === "exited" || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#waiters.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Whether a probe of that kind succeeds now. */
  passes(kind: ProbeKind): boolean {
    if (this.#state !== "running") return false;
    const ageMs = this.#ageMs;
    const { ready, readyAfterMs, unhealthyAfterMs, fails } = this.script;
    if (fails[kind].some(({ fromMs, toMs }) => fromMs <= ageMs && ageMs < toMs)) return false;
    if (ageMs < readyAfterMs) return kind === "liveness";
    if (kind === "readiness" && !ready) return false;
    return unhealthyAfterMs === undefined || ageMs < unhealthyAfterMs;
  }

  /** What it uses, and has used. */
  usage(): { readonly cpuNs: number; readonly memoryBytes: number } {
    const { cpuCores, memoryBytes } = this.script;
    const ageMs = this.#ageMs;
    return {
      cpuNs: Math.round(stepsUntil(cpuCores, ageMs) * 1e6),
      memoryBytes: stepAt(memoryBytes, ageMs),
    };
  }

  get #ageMs(): number {
    return this.#options.clock.now() - this.#startedAtMs;
  }

  status(): ContainerStatus {
    const { id, sandboxId, config } = this;
    return {
      id,
      sandboxId,
      name: config.name,
      attempt: config.attempt,
      state: this.#state,
      createdAtMs: this.#createdAtMs,
      startedAtMs: this.#startedAtMs,
      finishedAtMs: this.#finishedAtMs,
      exitCode: this.#exitCode,
      reason: this.#reason,
      message: this.#message,
      image: config.image,
      imageId: config.imageId,
      mountedImageIds: (config.imageMounts ?? []).map(({ imageId }) => imageId),
      labels: config.labels,
      annotations: config.annotations,
      logPath: this.#options.logPath,
      pid: 0,
    };
  }

  /** Plans what will happen by itself: output, the end. Of one that has run for some time, what is still to come. */
  #schedule(ageMs: number): void {
    const { script, config } = this;
    const outcome = pretend([...config.command, ...config.args], this.environment);
    if (ageMs === 0) this.#print(script.log);
    for (const { atMs, text } of script.logAt) {
      if (atMs >= ageMs) this.#after(atMs - ageMs, () => this.#print([text]));
    }
    if (script.logEveryMs !== undefined) this.#printEvery(script.logEveryMs, ageMs);
    if (outcome.understood) this.#planOutput(outcome, ageMs);
    const known = outcome.understood && config.command.length + config.args.length > 0;
    const completes = config.annotations[runToCompletion] === "true";
    const oomAfterMs = this.#oomAfterMs();
    const unknownMs = completes && oomAfterMs === undefined ? 0 : Infinity;
    const defaultMs = known ? outcome.durationMs : unknownMs;
    // An exit code without a duration means a container that exits with it, at once.
    const plainMs =
      script.runDurationMs ??
      script.crashEveryMs ??
      (script.exitCode === undefined ? defaultMs : Math.min(defaultMs, 0));
    const crashes = script.crashEveryMs !== undefined && script.crashEveryMs <= plainMs;
    const lastsMs = crashes ? (script.crashEveryMs ?? plainMs) : plainMs;
    const code = script.exitCode ?? (crashes ? 1 : known ? outcome.exitCode : 0);
    if (oomAfterMs !== undefined && oomAfterMs < lastsMs) {
      this.#after(oomAfterMs - ageMs, () => this.#exit(137, "OOMKilled", ""));
    } else if (lastsMs !== Infinity) {
      this.#after(lastsMs - ageMs, () => this.#exit(code, code === 0 ? "Completed" : "Error", ""));
    }
  }

  /** Killed when its script says so, or when it uses more memory than it may. */
  #oomAfterMs(): number | undefined {
    const { memoryLimitBytes } = this.config.resources;
    const { oomAfterMs, memoryBytes } = this.script;
    if (memoryLimitBytes === undefined || memoryLimitBytes <= 0) return oomAfterMs;
    const over = memoryBytes.find(({ value }) => value > memoryLimitBytes)?.fromMs;
    return over === undefined ? oomAfterMs : Math.min(over, oomAfterMs ?? Infinity);
  }

  #printEvery(intervalMs: number, ageMs: number): void {
    const { clock } = this.#options;
    const print = (): void => this.#print(this.script.log);
    const first = intervalMs - (ageMs % Math.max(1, intervalMs));
    this.#after(first, () => {
      print();
      this.#timers.push(clock.every(intervalMs, print));
    });
  }

  #planOutput(outcome: Pretence, ageMs: number): void {
    const { logs, logPath } = this.#options;
    for (const { atMs, stream, text } of outcome.output) {
      if (atMs < ageMs) continue;
      if (atMs === 0) logs.append(logPath, stream, text);
      else if (atMs !== Infinity) this.#after(atMs - ageMs, () => logs.append(logPath, stream, text));
    }
  }

  #print(lines: readonly string[]): void {
    for (const line of lines) this.#options.logs.append(this.#options.logPath, "stdout", `${line}\n`);
  }

  #after(delayMs: number, action: () => void): void {
    this.#timers.push(
      this.#options.clock.after(delayMs, () => {
        if (this.#state === "running") action();
      }),
    );
  }

  #exit(exitCode: number, reason: string, message: string): void {
    for (const timer of this.#timers.splice(0)) timer.stop();
    this.#state = "exited";
    this.#finishedAtMs = this.#options.clock.now();
    this.#exitCode = exitCode;
    this.#reason = reason;
    this.#message = message;
    this.#options.onExit(this, reason);
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
