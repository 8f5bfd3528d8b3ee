import { inspect } from "node:util";
import { formatGroupResource } from "../../apimachinery/gvk.ts";
import type { SavedRuntime } from "../../cri/simulated/index.ts";
import type { Entry } from "../../history/entry.ts";
import type { Journal } from "../../history/journal.ts";
import type { Storage, StorageEvent } from "../../storage/storage.ts";
import { writeBundleFile } from "../snapshot/bundle-file.ts";
import { rowOf, writeRows } from "../snapshot/rows.ts";
import { kubernetesVersion, sampanVersion } from "../version.ts";
import type { Faults } from "./faults.ts";
import type { CreateClusterOptions } from "./options.ts";
import type { RecordedWrite, Recorder } from "./recorder.ts";

/** What is known of the failure that an artifact is written for. */
export interface ArtifactOptions {
  /** What the test failed with. */
  readonly error?: unknown;
  /** The name of the test. */
  readonly test?: string;
}

export interface ClusterToRecord {
  readonly storage: Storage;
  readonly nowMs: number;
  readonly runtimes: ReadonlyMap<string, SavedRuntime>;
  readonly options: CreateClusterOptions;
  readonly faults: Faults;
  readonly recorder: Recorder | undefined;
  readonly journal: Journal;
}

/** Writes all that happened in a cluster into one file, which `sampan replay` opens. */
export async function writeArtifact(
  cluster: ClusterToRecord,
  file: string,
  { error, test }: ArtifactOptions = {},
): Promise<void> {
  const { storage, nowMs, runtimes, faults, recorder, journal } = cluster;
  const { seed, store: _, from, ...options } = cluster.options;
  await journal.current();
  const revision = await storage.revision();
  const first = await storage.compactedRevision();
  const ground = first === 0 ? [] : (await storage.list("", { revision: first })).items;
  const header = {
    made: "library",
    createdAt: new Date(nowMs).toISOString(),
    sampan: sampanVersion,
    kubernetes: kubernetesVersion,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    nowMs,
    firstRevision: first,
    revision,
    ...(seed !== undefined && { seed }),
    ...(test !== undefined && { test }),
    ...(error !== undefined && { error: typeof error === "string" ? error : inspect(error) }),
    // A saved cluster may be as large as what is written here, and is in it.
    options: { ...options, ...(typeof from === "string" && { from }) },
  };
  await writeBundleFile(file, "artifact", header, async (writer) => {
    writer.entry({ type: "state", revision: first });
    writeRows(writer, ground.map(rowOf));
    writer.entry({ type: "history" });
    for await (const batch of historyOf(storage, first, revision)) writeRows(writer, batch);
    writer.entry({ type: "writes", writes: writesOf(recorder, journal) });
    writer.entry({ type: "faults", faults: faults.log.entries });
    writer.entry({ type: "log" });
    writer.data(Buffer.from(recorder?.log ?? ""));
    for (const { logs } of runtimes.values()) {
      for (const { path, chunks } of logs) {
        writer.entry({ type: "containerLog", path });
        writer.data(Buffer.from(chunks));
      }
    }
  });
}

/** What is known of who wrote: the journal knows why, and the recorder also of what the journal passes over or has forgotten. */
function writesOf(recorder: Recorder | undefined, journal: Journal): RecordedWrite[] {
  const entries = new Map(journal.entries({}).map((entry) => [entry.revision, entry]));
  const recorded = (recorder?.writes ?? []).map((write) => {
    const cause = causeOf(entries.get(write.revision));
    entries.delete(write.revision);
    return cause === undefined ? write : { ...write, cause };
  });
  const others = [...entries.values()].flatMap((entry): RecordedWrite[] => {
    const { revision, timeMs: atMs, request, group, resource, namespace, name } = entry;
    if (request === undefined) return [];
    const path = formatGroupResource({ group, resource });
    const cause = causeOf(entry);
    return [
      {
        revision,
        atMs,
        user: request.user,
        verb: request.verb,
        resource: request.subresource === "" ? path : `${path}/${request.subresource}`,
        namespace,
        name,
        ...(cause !== undefined && { cause }),
      },
    ];
  });
  return [...recorded, ...others];
}

function causeOf(entry: Entry | undefined): string | undefined {
  const cause = entry?.request?.cause;
  return cause === undefined ? undefined : `${cause.controller} for ${cause.key}`;
}

/** Every change after one revision through another, in batches of whole commits. */
async function* historyOf(
  storage: Storage,
  after: number,
  through: number,
): AsyncGenerator<readonly StorageEvent[]> {
  if (after >= through) return;
  for await (const batch of storage.watch("", after)) {
    yield batch.filter((event) => event.revision <= through);
    if ((batch.at(-1)?.revision ?? 0) >= through) return;
  }
}
