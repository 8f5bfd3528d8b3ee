import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import type { Clock } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { AuditBackend } from "./auditor.ts";

export interface LogFileOptions {
  readonly path: string;
  /** The file is set aside before it grows beyond this; 0 means 100 MB. */
  readonly maxSizeMegabytes: number;
  /** Files set aside longer ago are removed; 0 keeps them for ever. */
  readonly maxAgeDays: number;
  /** At most so many files set aside are kept; 0 keeps all. */
  readonly maxBackups: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What waits is written together after so long: a disk is asked a few times a second, however many requests come. */
const flushDelayMs = 50;
/** Beyond this the disk has stopped taking events, and requests go on without. The count is kube-apiserver's. */
const maxQueuedEvents = 10_000;
const maxQueuedCharacters = 64 * 1024 * 1024;
const defaultMegabytes = 100;
const dayMs = 24 * 60 * 60 * 1000;

/**
 * A file of audit events that never makes a request wait. It is set aside with the time in its name when it is full, and
 * made anew when someone has taken it away. Names and limits are those of kube-apiserver's log (lumberjack).
 */
export class AuditLogFile implements AuditBackend {
  readonly plugin = "log";
  readonly #options: LogFileOptions;
  readonly #maxBytes: number;
  #queue: string[] = [];
  #queuedCharacters = 0;
  #dropped = 0;
  #lost = 0;
  #isFlushDue = false;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;
  #file: FileHandle | undefined;
  /** Of the open file. */
  #sizeBytes = 0;
  #inode = 0;

  constructor(options: LogFileOptions) {
    this.#options = options;
    const { maxSizeMegabytes } = options;
    this.#maxBytes = (maxSizeMegabytes === 0 ? defaultMegabytes : maxSizeMegabytes) * 1024 * 1024;
  }

  get lost(): number {
    return this.#lost;
  }

  /** Opens the file, so that a path that cannot be written is known at the start. */
  async open(): Promise<void> {
    await this.#ensureOpen();
    await this.#prune();
  }

  write(line: string): boolean {
    const isFull =
      this.#queue.length >= maxQueuedEvents || this.#queuedCharacters + line.length > maxQueuedCharacters;
    if (isFull || this.#closed) {
      this.#dropped++;
      return false;
    }
    this.#queue.push(line);
    this.#queuedCharacters += line.length;
    if (!this.#isFlushDue) void this.#flushLater();
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#flush();
    await this.#file?.close();
    this.#file = undefined;
  }

  async #flushLater(): Promise<void> {
    this.#isFlushDue = true;
    await this.#options.clock.sleep(flushDelayMs);
    this.#isFlushDue = false;
    await this.#flush();
  }

  /** One flush follows the other. */
  #flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#writeQueue());
    return this.#writing;
  }

  /** Takes what waits and writes it. A disk that fails loses these events, not the ones to come. */
  async #writeQueue(): Promise<void> {
    const lines = this.#queue;
    this.#queue = [];
    this.#queuedCharacters = 0;
    let written = 0;
    try {
      while (written < lines.length) written += await this.#append(lines, written);
    } catch (error) {
      this.#dropped += lines.length - written;
      this.#lost += lines.length - written;
      this.#options.logger.error("audit events could not be written", { file: this.#options.path, error });
      await this.#file?.close().catch(() => undefined);
      this.#file = undefined;
    }
    if (this.#dropped > 0) {
      this.#options.logger.warn("audit events were dropped", { count: this.#dropped });
      this.#dropped = 0;
    }
  }

  /** Appends as many lines as the file has room for, one at least; answers how many. A line is never torn. */
  async #append(lines: readonly string[], from: number): Promise<number> {
    const file = await this.#ensureOpen();
    const room = this.#maxBytes - this.#sizeBytes;
    const taken: Buffer[] = [];
    let size = 0;
    for (let index = from; index < lines.length; index++) {
      const bytes = Buffer.from(lines[index] ?? "");
      if (size + bytes.length > room && (taken.length > 0 || this.#sizeBytes > 0)) break;
      taken.push(bytes);
      size += bytes.length;
    }
    if (taken.length === 0) {
      await this.#rotate();
      return 0;
    }
    await file.appendFile(Buffer.concat(taken, size));
    this.#sizeBytes += size;
    return taken.length;
  }

  /** Opens the file unless the one that is open still bears the name. */
  async #ensureOpen(): Promise<FileHandle> {
    const { path } = this.#options;
    if (this.#file !== undefined) {
      const found = await stat(path).catch(() => undefined);
      if (found?.ino === this.#inode) return this.#file;
      await this.#file.close();
      this.#file = undefined;
    }
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, "a", 0o600);
    const { size, ino } = await file.stat();
    this.#file = file;
    this.#sizeBytes = size;
    this.#inode = ino;
    return file;
  }

  async #rotate(): Promise<void> {
    const { path, clock } = this.#options;
    await this.#file?.close();
    this.#file = undefined;
    await rename(path, backupName(path, clock.now()));
    await this.#prune();
  }

  async #prune(): Promise<void> {
    const { path, clock, maxAgeDays, maxBackups, logger } = this.#options;
    if (maxAgeDays === 0 && maxBackups === 0) return;
    try {
      const folder = dirname(path);
      const backups = (await readdir(folder))
        .map((name) => ({ name, ms: backupTime(path, name) }))
        .filter((backup) => backup.ms !== undefined)
        .toSorted((a, b) => (b.ms ?? 0) - (a.ms ?? 0));
      const oldestMs = maxAgeDays === 0 ? 0 : clock.now() - maxAgeDays * dayMs;
      for (const [index, { name, ms = 0 }] of backups.entries()) {
        const isSurplus = maxBackups > 0 && index >= maxBackups;
        if (isSurplus || ms < oldestMs) await rm(join(folder, name), { force: true });
      }
    } catch (error) {
      logger.warn("old audit logs could not be removed", { error });
    }
  }
}

/** `audit.log` → `audit-2026-01-02T15-04-05.000.log`. */
function backupName(path: string, ms: number): string {
  const extension = extname(path);
  const time = new Date(ms).toISOString().slice(0, -1).replaceAll(":", "-");
  return join(dirname(path), `${basename(path, extension)}-${time}${extension}`);
}

/** When the file of this name was set aside; undefined for files that are not ours. */
function backupTime(path: string, name: string): number | undefined {
  const extension = extname(path);
  const prefix = `${basename(path, extension)}-`;
  if (!name.startsWith(prefix) || !name.endsWith(extension)) return undefined;
  const time = name.slice(prefix.length, name.length - extension.length);
  const match = /^(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(time);
  if (match === null) return undefined;
  return Date.parse(`${match[1]}:${match[2]}:${match[3]}Z`);
}
