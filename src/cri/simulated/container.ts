import type { Clock, Timer } from "../../apimachinery/clock.ts";
import type { ContainerConfig, ContainerStatus } from "../runtime.ts";
import type { SimulatedLogs } from "./logs.ts";
import { type Ending, type Happening, pretending } from "./pretend-shell.ts";
import { type ContainerScript, type ProbeKind, readScript, stepAt, stepsUntil } from "./script.ts";

/** The annotation by which the kubelet marks containers that are to end by themselves: init containers, Jobs. */
export const runToCompletion = "sampan.dev/run-to-completion";

/** What an image does by itself. */
const unknownProgram: Ending = { atMs: 0, exitCode: 0, understood: false, isProgram: true };

/** So far ahead a command is followed that does nothing that anybody sees. */
const silentMax = 1_000;

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
  /** Of the next thing that its command does: it may do one after the other for ever. */
  #next: Timer | undefined;
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
    if (saved.state === "running") this.#schedule(options.clock.now() - saved.startedAtMs, true);
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
    this.#schedule(0, false);
  }

  /** Whoever runs it is gone: it does nothing more, and nobody is told. */
  abandon(): void {
    for (const timer of this.#timers.splice(0)) timer.stop();
    this.#next?.stop();
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

  /**
   * Plans what will happen by itself: output, the end. Of one that goes on from before, what is still to come: what was due
   * at this very moment has happened.
   */
  #schedule(ageMs: number, goesOn: boolean): void {
    const { script } = this;
    if (!goesOn) this.#print(script.log);
    for (const { atMs, text } of script.logAt) {
      if (goesOn ? atMs > ageMs : atMs >= ageMs) this.#after(atMs - ageMs, () => this.#print([text]));
    }
    if (script.logEveryMs !== undefined) this.#printEvery(script.logEveryMs, ageMs);
    const oomAfterMs = this.#oomAfterMs();
    // An exit code without a duration means a container that exits with it, at once.
    const plainMs =
      script.runDurationMs ?? script.crashEveryMs ?? (script.exitCode === undefined ? undefined : 0);
    const { command, args } = this.config;
    const endBy = (ending: Ending): void => {
      if (plainMs === undefined) this.#endBy(ending, oomAfterMs);
    };
    if (command.length + args.length === 0) endBy(unknownProgram);
    else {
      const running = pretending([...command, ...args], this.environment, this.#startedAtMs);
      this.#play(running, goesOn ? ageMs : -1, endBy);
    }
    const crashes = script.crashEveryMs !== undefined && script.crashEveryMs <= (plainMs ?? Infinity);
    const lastsMs = (crashes ? script.crashEveryMs : plainMs) ?? Infinity;
    if (oomAfterMs !== undefined && oomAfterMs < lastsMs) {
      this.#after(oomAfterMs - ageMs, () => this.#exit(137, "OOMKilled", ""));
    } else if (lastsMs !== Infinity) {
      this.#endAfter(lastsMs - ageMs, script.exitCode ?? (crashes ? 1 : 0));
    }
  }

  /** What a program that is not known does: init containers and Jobs are done with it, all others run on. */
  #endBy({ atMs, exitCode, isProgram }: Ending, oomAfterMs: number | undefined): void {
    const completes = this.config.annotations[runToCompletion] === "true" && oomAfterMs === undefined;
    if (atMs === Infinity || (isProgram && !completes)) return;
    this.#endAfter(atMs - this.#ageMs, exitCode);
  }

  #endAfter(delayMs: number, code: number): void {
    this.#after(delayMs, () => this.#exit(code, code === 0 ? "Completed" : "Error", ""));
  }

  /** Lets the command do one thing after the other, those aside that happened up to the age. */
  #play(running: Generator<Happening, Ending>, happenedMs: number, onEnd: (ending: Ending) => void): void {
    const { clock, logs, logPath } = this.#options;
    for (let silent = 0; ; ) {
      const { done, value } = running.next();
      if (done === true) return onEnd(value);
      const { atMs, stream, text } = value;
      if (atMs <= happenedMs) continue;
      const happen = (): void => {
        if (stream !== undefined && text !== undefined) logs.append(logPath, stream, text);
      };
      const delayMs = atMs - this.#ageMs;
      if (delayMs <= 0) happen();
      else if (text !== undefined || ++silent === silentMax) {
        this.#next = clock.after(delayMs, () => {
          happen();
          this.#play(running, happenedMs, onEnd);
        });
        return;
      }
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
    this.abandon();
    this.#state = "exited";
    this.#finishedAtMs = this.#options.clock.now();
    this.#exitCode = exitCode;
    this.#reason = reason;
    this.#message = message;
    this.#options.onExit(this, reason);
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
