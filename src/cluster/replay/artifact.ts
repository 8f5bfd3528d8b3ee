import type { SavedLogs } from "../../cri/simulated/logs.ts";
import { MemoryStorage } from "../../storage/memory/memory-storage.ts";
import type { KeyValue, StorageEvent } from "../../storage/storage.ts";
import type { FaultLogEntry } from "../library/faults/fault-log.ts";
import type { RecordedWrite } from "../library/recorder.ts";
import type { BundleReader } from "../snapshot/bundle.ts";
import { readBundleFile } from "../snapshot/bundle-file.ts";
import { keyValueOf, type Row, readRows } from "../snapshot/rows.ts";

/** What stands at the head of an artifact. */
export interface ArtifactHeader {
  readonly createdAt: string;
  readonly sampan: string;
  readonly kubernetes: string;
  readonly node: string;
  readonly platform: string;
  readonly nowMs: number;
  /** The oldest revision that can be looked at; 0 when the history is whole. */
  readonly firstRevision: number;
  readonly revision: number;
  readonly seed?: number;
  readonly test?: string;
  readonly error?: string;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A failed test's cluster, as it was at every moment. */
export interface Artifact {
  readonly header: ArtifactHeader;
  /** The whole history; nobody writes to it. */
  readonly storage: MemoryStorage;
  readonly writes: readonly RecordedWrite[];
  readonly faults: readonly FaultLogEntry[];
  /** What the server logged. */
  readonly log: string;
  readonly containerLogs: SavedLogs;
}

/** Reads an artifact. Throws BundleError for a file that is damaged, cut short, foreign or of a newer format. */
export async function readArtifact(file: string): Promise<Artifact> {
  return await readBundleFile(file, "artifact", read);
}

interface ArtifactEntry {
  readonly type: string;
  readonly path?: string;
  readonly writes?: readonly RecordedWrite[];
  readonly faults?: readonly FaultLogEntry[];
}

function read(reader: BundleReader): Artifact {
  const header = reader.header as unknown as ArtifactHeader;
  const ground: KeyValue[] = [];
  const history: Row[] = [];
  const logs: { path: string; identity: string; start: number; chunks: string }[] = [];
  let writes: readonly RecordedWrite[] = [];
  let faults: readonly FaultLogEntry[] = [];
  let log = "";
  let current: ArtifactEntry = { type: "" };
  for (const { type, bytes } of reader.records()) {
    if (type === "entry") {
      current = JSON.parse(bytes.toString("utf8")) as ArtifactEntry;
      writes = current.writes ?? writes;
      faults = current.faults ?? faults;
      if (current.path !== undefined)
        logs.push({ path: current.path, identity: String(logs.length), start: 0, chunks: "" });
    } else if (current.type === "state") for (const row of readRows(bytes)) ground.push(keyValueOf(row));
    else if (current.type === "history") history.push(...readRows(bytes));
    else if (current.type === "log") log += bytes.toString("utf8");
    else {
      const last = logs.at(-1);
      if (last !== undefined) last.chunks += bytes.toString("utf8");
    }
  }
  const storage = MemoryStorage.replayed(ground, header.firstRevision, commitsOf(ground, history));
  return { header, storage, writes, faults, log, containerLogs: logs };
}

/** The changes, by commit, each with the value before it. */
function* commitsOf(ground: readonly KeyValue[], history: readonly Row[]): Generator<StorageEvent[], void> {
  const values = new Map<string, Uint8Array>(ground.map(({ key, value }) => [key, value]));
  let commit: StorageEvent[] = [];
  for (const { key, revision, createRevision, value } of history) {
    if (commit[0] !== undefined && commit[0].revision !== revision) {
      yield commit;
      commit = [];
    }
    const type = value === undefined ? "delete" : "put";
    commit.push({ type, key, revision, createRevision, value, previousValue: values.get(key) });
    if (value === undefined) values.delete(key);
    else values.set(key, value);
  }
  if (commit.length > 0) yield commit;
}
