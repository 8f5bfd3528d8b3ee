/**
 * What the runtime knows, on disk: one folder per sandbox and container with one record each. A record is replaced by
 * renaming, so a crash leaves the old or the new one.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
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

/** A folder of records of one kind, held in memory too: reads never touch the disk. */
export class Records<T extends { readonly id: string }> {
  readonly #directory: string;
  readonly #file: string;
  readonly #all = new Map<string, T>();

  constructor(directory: string, file: string) {
    this.#directory = directory;
    this.#file = file;
    mkdirSync(directory, { recursive: true, mode: 0o711 });
    for (const id of readdirSync(directory)) {
      const record = readRecord<T>(join(directory, id, file));
      // One that a power cut left torn or empty counts as absent.
      if (record?.id === id) this.#all.set(id, record);
    }
  }

  /** Folders without a record: the rest of a creation that a crash cut short. */
  orphans(): string[] {
    return readdirSync(this.#directory).filter((id) => !this.#all.has(id));
  }

  directory(id: string): string {
    return join(this.#directory, id);
  }

  get(id: string): T | undefined {
    return this.#all.get(id);
  }

  values(): T[] {
    return [...this.#all.values()];
  }

  put(record: T): void {
    const path = join(this.directory(record.id), this.#file);
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    this.#all.set(record.id, record);
  }

  /**
   * Removes the folder, in which nothing may be mounted any more, and forgets the record. A busy disk takes its time for
   * a folder: nobody else waits for that.
   */
  async remove(id: string): Promise<void> {
    await rm(this.directory(id), { recursive: true, force: true });
    this.#all.delete(id);
  }
}

function readRecord<T>(path: string): T | null | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}
