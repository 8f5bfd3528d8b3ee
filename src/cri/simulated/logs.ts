import type { Clock } from "../../apimachinery/clock.ts";

/** Logs as plain data. */
export type SavedLogs = readonly {
  readonly path: string;
  readonly identity: string;
  readonly start: number;
  readonly chunks: string;
}[];

/**
 * The logs of simulated containers, in memory, as the CRI log format has them. Reads by path and position, as from
 * files, so that the kubelet reads both alike. A log keeps its newest 64 KiB: thousands of pods must stay cheap.
 */
export class SimulatedLogs {
  readonly #logs = new Map<string, { identity: string; start: number; chunks: string }>();
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #clock: Clock;
  #made = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** All that is written, for `restore`. */
  save(): SavedLogs {
    return [...this.#logs].map(([path, { identity, start, chunks }]) => ({ path, identity, start, chunks }));
  }

  restore(saved: SavedLogs): void {
    for (const { path, ...log } of saved) this.#logs.set(path, log);
    this.#made = Math.max(this.#made, ...saved.map(({ identity }) => Number(identity)));
  }

  /** Appends text, one CRI line for each of its lines; a last line without an end is marked partial. */
  append(path: string, stream: "stdout" | "stderr", text: string): void {
    const time = `${new Date(this.#clock.now()).toISOString().slice(0, -1)}000000Z`;
    let added = "";
    const lines = text.split("\n");
    const last = lines.pop() ?? "";
    for (const line of lines) added += `${time} ${stream} F ${line}\n`;
    if (last !== "") added += `${time} ${stream} P ${last}\n`;
    const log = this.#open(path);
    log.chunks += added;
    this.#trim(log);
    for (const notify of this.#watchers.get(path) ?? []) notify();
  }

  /** Makes the log when it is not there: a container that prints nothing has an empty one. */
  touch(path: string): void {
    this.#open(path);
  }

  stat(path: string): Promise<{ sizeBytes: number; identity: string } | undefined> {
    const log = this.#logs.get(path);
    if (log === undefined) return Promise.resolve(undefined);
    return Promise.resolve({ sizeBytes: log.start + Buffer.byteLength(log.chunks), identity: log.identity });
  }

  read(path: string, position: number, lengthMax: number): Promise<Buffer> {
    const log = this.#logs.get(path);
    if (log === undefined) return Promise.resolve(Buffer.alloc(0));
    const from = Math.max(0, position - log.start);
    return Promise.resolve(Buffer.from(log.chunks).subarray(from, from + lengthMax));
  }

  rename(from: string, to: string): Promise<void> {
    const log = this.#logs.get(from);
    this.#logs.delete(from);
    if (log !== undefined) this.#logs.set(to, log);
    return Promise.resolve();
  }

  remove(path: string): Promise<void> {
    this.#logs.delete(path);
    return Promise.resolve();
  }

  /** The names of the logs in a directory. */
  list(directory: string): Promise<string[]> {
    const names = [...this.#logs.keys()].filter((path) => path.startsWith(`${directory}/`));
    return Promise.resolve(
      names.map((path) => path.slice(directory.length + 1)).filter((name) => !name.includes("/")),
    );
  }

  removeTree(directory: string): Promise<void> {
    for (const path of this.#logs.keys()) if (path.startsWith(`${directory}/`)) this.#logs.delete(path);
    return Promise.resolve();
  }

  /** Calls back when the log may have grown; returns the function that ends it. */
  watch(path: string, notify: () => void): () => void {
    const watchers = this.#watchers.get(path) ?? new Set();
    this.#watchers.set(path, watchers.add(notify));
    return () => {
      watchers.delete(notify);
      if (watchers.size === 0) this.#watchers.delete(path);
    };
  }

  #open(path: string): { identity: string; start: number; chunks: string } {
    const found = this.#logs.get(path);
    if (found !== undefined) return found;
    const log = { identity: String(++this.#made), start: 0, chunks: "" };
    this.#logs.set(path, log);
    return log;
  }

  #trim(log: { start: number; chunks: string }): void {
    if (log.chunks.length <= 2 * maxBytes) return;
    const cut = log.chunks.indexOf("\n", log.chunks.length - maxBytes) + 1;
    log.start += Buffer.byteLength(log.chunks.slice(0, cut));
    log.chunks = log.chunks.slice(cut);
  }
}

const maxBytes = 64 * 1024;
