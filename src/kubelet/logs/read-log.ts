import type { LogOptions } from "../../streaming/node-connection.ts";
import type { LogFiles } from "../options.ts";
import { parseLogLine } from "./log-line.ts";

const chunkBytes = 64 * 1024;

export interface LogRequest {
  readonly files: LogFiles;
  readonly path: string;
  readonly options: LogOptions;
  readonly nowMs: number;
  /** Whether the container still runs: a log that is followed ends with it. */
  isRunning(): Promise<boolean>;
  /** Calls back when the container has ended; returns the function that ends the watch. */
  onEnd(notify: () => void): () => void;
  readonly signal: AbortSignal;
}

/**
 * A container's log as `kubectl logs` shows it: filtered, cut, with or without times, followed across rotations. A
 * rotated log is renamed and a new one begun under the old name; what was left in the old one is read first.
 */
export async function* readLog(request: LogRequest): AsyncGenerator<Uint8Array> {
  const { options, files, path, signal } = request;
  const format = new LogFormatter(options, request.nowMs);
  const cursor = await startCursor(request, format);
  const wakeUp = new WakeUp(signal);
  const stops =
    options.follow === true ? [files.watch(path, wakeUp.notify), request.onEnd(wakeUp.notify)] : [];
  try {
    for (;;) {
      // Asked before reading: what was written before the end is then read for certain.
      const running = options.follow === true && !signal.aborted && (await request.isRunning());
      for await (const lines of cursor.read()) {
        const output = format.lines(lines);
        if (output.length > 0) yield output;
        if (format.full) return;
      }
      if (!running || signal.aborted) return;
      await wakeUp.wait();
    }
  } finally {
    wakeUp.close();
    for (const stop of stops) stop();
  }
}

async function startCursor(request: LogRequest, format: LogFormatter): Promise<LogCursor> {
  const { files, path, options } = request;
  const stat = await files.stat(path);
  const cursor = new LogCursor(files, path, stat?.identity);
  if (options.tailLines !== undefined) {
    cursor.position = await tailPosition(files, path, stat?.sizeBytes ?? 0, options.tailLines, format);
  }
  return cursor;
}

/** Reads whole lines from where it stands, and goes over to the new file when the log was rotated. */
class LogCursor {
  position = 0;
  readonly #files: LogFiles;
  #path: string;
  #identity: string | undefined;
  #rest = Buffer.alloc(0);

  constructor(files: LogFiles, path: string, identity: string | undefined) {
    this.#files = files;
    this.#path = path;
    this.#identity = identity;
  }

  async *read(): AsyncGenerator<string[]> {
    for (;;) {
      const stat = await this.#files.stat(this.#path);
      if (stat !== undefined && this.#identity !== undefined && stat.identity !== this.#identity) {
        yield* this.#readRotated();
        this.position = 0;
      }
      this.#identity = stat?.identity ?? this.#identity;
      const chunk = await this.#files.read(this.#path, this.position, chunkBytes);
      if (chunk.length === 0) return;
      this.position += chunk.length;
      yield this.#split(chunk);
    }
  }

  /** The old file still has what was written to it between our last look and its renaming. */
  async *#readRotated(): AsyncGenerator<string[]> {
    const slash = this.#path.lastIndexOf("/");
    const directory = this.#path.slice(0, slash);
    for (const name of await this.#files.list(directory)) {
      const path = `${directory}/${name}`;
      if ((await this.#files.stat(path))?.identity !== this.#identity) continue;
      for (;;) {
        const chunk = await this.#files.read(path, this.position, chunkBytes);
        if (chunk.length === 0) return;
        this.position += chunk.length;
        yield this.#split(chunk);
      }
    }
  }

  #split(chunk: Buffer): string[] {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = data.lastIndexOf(10);
    this.#rest = Buffer.from(data.subarray(end + 1));
    return end < 0 ? [] : data.subarray(0, end).toString().split("\n");
  }
}

/** Chooses and words lines, and counts what has been given out. */
class LogFormatter {
  readonly #options: LogOptions;
  readonly #sinceMs: number | undefined;
  readonly #stream: string | undefined;
  #left: number;
  /** A partial line was given out last: the next part has no time of its own. */
  #partial = false;

  constructor(options: LogOptions, nowMs: number) {
    this.#options = options;
    const { sinceSeconds, sinceTime, stream } = options;
    this.#sinceMs = sinceSeconds === undefined ? undefined : nowMs - sinceSeconds * 1000;
    if (sinceTime !== undefined) this.#sinceMs = Date.parse(sinceTime);
    this.#stream = stream === undefined || stream === "All" ? undefined : stream.toLowerCase();
    this.#left = options.limitBytes ?? Infinity;
  }

  /** Nothing more may be given out. */
  get full(): boolean {
    return this.#left <= 0;
  }

  matches(line: string): boolean {
    const parsed = parseLogLine(line);
    return parsed !== undefined && (this.#stream === undefined || parsed.stream === this.#stream);
  }

  lines(lines: readonly string[]): Buffer {
    let text = "";
    for (const line of lines) text += this.#line(line);
    const bytes = Buffer.from(text);
    const cut = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#left -= cut.length;
    return cut;
  }

  #line(line: string): string {
    const parsed = parseLogLine(line);
    if (parsed === undefined || (this.#stream !== undefined && parsed.stream !== this.#stream)) return "";
    if (this.#sinceMs !== undefined && Date.parse(parsed.time) < this.#sinceMs) return "";
    const stamped = this.#options.timestamps === true && !this.#partial;
    this.#partial = !parsed.text.endsWith("\n");
    return stamped ? `${shownTime(parsed.time)} ${parsed.text}` : parsed.text;
  }
}

/** conmon writes the zone as numbers; users see what Go's time format makes of it. */
const shownTime = (time: string): string => time.replace(/[+-]00:00$/, "Z");

/** Where the last lines begin, found from the end. */
async function tailPosition(
  files: LogFiles,
  path: string,
  sizeBytes: number,
  count: number,
  format: LogFormatter,
): Promise<number> {
  if (count === 0) return sizeBytes;
  let start = sizeBytes;
  let tail = Buffer.alloc(0);
  while (start > 0) {
    const length = Math.min(chunkBytes, start);
    start -= length;
    tail = Buffer.concat([await files.read(path, start, length), tail]);
    const found = lastLines(tail, count, start === 0, format);
    if (found !== undefined) return start + found;
  }
  return 0;
}

/** The offset of the count-th line from the end that would be shown; undefined when there are not so many. */
function lastLines(
  data: Buffer,
  count: number,
  fromStart: boolean,
  format: LogFormatter,
): number | undefined {
  let seen = 0;
  let end = data.length;
  while (end > 0) {
    const before = data.lastIndexOf(10, end - 2);
    if (before < 0 && !fromStart) return undefined;
    const line = data
      .subarray(before + 1, end)
      .toString()
      .trimEnd();
    if (line !== "" && format.matches(line)) {
      // Parts of a line count with their end.
      if (parseLogLine(line)?.text.endsWith("\n") === true) seen++;
      if (seen > count) return end;
    }
    end = before + 1;
  }
  return undefined;
}

/** Lets one loop wait for any of several signs; those that come while it works are not lost. */
class WakeUp {
  readonly #signal: AbortSignal;
  #due = false;
  #resolve: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.notify);
  }

  readonly notify = (): void => {
    this.#due = true;
    this.#resolve?.();
  };

  async wait(): Promise<void> {
    if (!this.#due && !this.#signal.aborted) await new Promise<void>((resolve) => (this.#resolve = resolve));
    this.#due = false;
    this.#resolve = undefined;
  }

  close(): void {
    this.#signal.removeEventListener("abort", this.notify);
  }
}
