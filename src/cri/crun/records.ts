/** What the runtime knows, on disk: one file per sandbox and container, whose last whole line is the record. */
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import type { SandboxNamespace } from "../../linux/operations.ts";
import type { ProcessIdentity } from "../../linux/process.ts";
import type { ContainerConfig, PodSandboxConfig } from "../runtime.ts";

export interface SandboxRecord {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly createdAtMs: number;
  readonly namespaces: readonly SandboxNamespace[];
  /** Absent on the host's network. */
  readonly address?: string;
  readonly hostInterface?: string;
  /** The process that holds the shared process namespace. */
  readonly init?: ProcessIdentity;
  /** False from the moment stopping begins. */
  readonly ready: boolean;
}

export interface ContainerRecord {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly createdAtMs: number;
  readonly logPath: string;
  readonly cgroupPath: string;
  readonly stopSignal: string;
  /** Set when it was started: from then on it runs until `exit` is set. */
  readonly startedAtMs?: number;
  readonly process?: ProcessIdentity;
  readonly monitor?: ProcessIdentity;
  readonly exit?: ExitRecord;
}

export interface ExitRecord {
  readonly atMs: number;
  readonly code: number;
  readonly reason: string;
  readonly message: string;
}

/** A file that has grown beyond this is written anew, with the last record alone. */
const largestFileBytes = 64 << 10;

interface Kept<T> {
  readonly record: T;
  /** Of its file. */
  readonly bytes: number;
}

/**
 * A folder of records of one kind, held in memory too: reads never touch the disk. A change is a line at the end, so a
 * crash leaves the old record or the new one, and the file system has no file to make and none to forget.
 */
export class Records<T extends { readonly id: string }> {
  readonly #directory: string;
  readonly #all = new Map<string, Kept<T>>();

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o711 });
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      const text = textOf(path);
      const record = lastRecord<T>(text);
      // One that a power cut left empty counts as absent: what it was about is removed as an orphan.
      if (record === undefined || name !== fileName(record.id)) rmSync(path, { recursive: true });
      else if (text.endsWith("\n")) this.#all.set(record.id, { record, bytes: text.length });
      // Nothing may be added to a line that was cut short.
      else this.#write(record);
    }
  }

  /** Those of the ids that no record has: the rest of a creation that a crash cut short. */
  orphans(ids: Iterable<string>): string[] {
    return [...new Set(ids)].filter((id) => !this.#all.has(id));
  }

  get(id: string): T | undefined {
    return this.#all.get(id)?.record;
  }

  values(): T[] {
    return [...this.#all.values()].map(({ record }) => record);
  }

  put(record: T): void {
    const bytes = this.#all.get(record.id)?.bytes ?? 0;
    if (bytes > largestFileBytes) this.#write(record);
    else {
      const line = lineOf(record);
      appendFileSync(this.#path(record.id), line, { mode: 0o600 });
      this.#all.set(record.id, { record, bytes: bytes + line.length });
    }
  }

  /** Forgets the record. What it tells of must be gone by then: without it nobody knows of the rest. */
  remove(id: string): void {
    rmSync(this.#path(id), { force: true });
    this.#all.delete(id);
  }

  #write(record: T): void {
    const path = this.#path(record.id);
    const line = lineOf(record);
    writeFileSync(`${path}.new`, line, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    this.#all.set(record.id, { record, bytes: line.length });
  }

  #path(id: string): string {
    return join(this.#directory, fileName(id));
  }
}

const fileName = (id: string): string => `${basename(id)}.json`;

const lineOf = (record: unknown): string => `${JSON.stringify(record)}\n`;

function lastRecord<T extends { readonly id: string }>(text: string): T | undefined {
  for (const line of text.split("\n").reverse()) {
    try {
      const record = JSON.parse(line) as T | null;
      if (typeof record?.id === "string") return record;
    } catch {
      // Cut short while it was written: the one before it holds.
    }
  }
  return undefined;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
