import type { Io } from "./command.ts";

const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/**
 * Says on a terminal what is going on when something takes longer than a second, in a line that is redrawn. Elsewhere it
 * keeps quiet: who reads standard error there looks for what went wrong. Remembers when each stage was reached.
 */
export class Progress {
  readonly #io: Io;
  readonly #stages: [name: string, atMs: number][] = [];
  #what = "";
  #startedMs = 0;
  #turn = 0;
  #timer: NodeJS.Timeout | undefined;
  #shown = false;

  constructor(io: Io) {
    this.#io = io;
  }

  /** Begins a piece of work; shown after a second. */
  start(what: string): void {
    this.done();
    this.#what = what;
    this.#startedMs = performance.now();
    if (!this.#io.interactive) return;
    this.#timer = globalThis.setInterval(() => this.#draw(), 120);
    this.#timer.unref();
  }

  /** Changes what is said about the work under way. */
  update(what: string): void {
    this.#what = what;
  }

  /** A line that stays. */
  note(text: string): void {
    this.#clear();
    this.#io.error(`${text}\n`);
  }

  stage(name: string, atMs: number): void {
    this.#stages.push([name, atMs]);
  }

  done(): void {
    if (this.#timer !== undefined) globalThis.clearInterval(this.#timer);
    this.#timer = undefined;
    this.#clear();
  }

  /** `API ready after 210 ms, node after 460 ms`. */
  summary(): string {
    const names: Readonly<Record<string, string>> = { api: "API ready", node: "node" };
    return this.#stages.map(([name, atMs]) => `${names[name] ?? name} after ${formatMs(atMs)}`).join(", ");
  }

  #draw(): void {
    const elapsedMs = performance.now() - this.#startedMs;
    if (elapsedMs < 1000) return;
    this.#shown = true;
    this.#turn = (this.#turn + 1) % spinner.length;
    this.#io.error(`\r\u001B[2K${spinner[this.#turn]} ${this.#what} (${Math.floor(elapsedMs / 1000)} s)`);
  }

  #clear(): void {
    if (this.#shown) this.#io.error("\r\u001B[2K");
    this.#shown = false;
  }
}

/** `430 ms`, `2.4 s`, `3 min 20 s`. */
export function formatMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 100_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
