import { SeededRandom, SystemRandom } from "../../apimachinery/random.ts";
import type { SavedRuntime } from "../../cri/simulated/index.ts";
import type { PkiMaterial } from "../../pki/index.ts";
import { MemoryStorage } from "../../storage/memory/memory-storage.ts";
import type { KeyValue } from "../../storage/storage.ts";
import { BundleError, BundleReader, bufferSource } from "../snapshot/bundle.ts";
import { readBundleFile } from "../snapshot/bundle-file.ts";
import { renewIdentities } from "../snapshot/new-identities.ts";
import { keyValueOf, readRows } from "../snapshot/rows.ts";
import { EmbeddedCluster } from "./embedded-cluster.ts";
import type { CreateClusterOptions } from "./options.ts";
import type { Trouble } from "./trouble.ts";

/** What a saved cluster has of its own. */
const fixed = ["nodes", "store", "startTime", "serviceCidr"] as const;

/**
 * A cluster that goes on from what `cluster.save()` gave, or from its file. Throws BundleError for a file that is
 * damaged, cut short, foreign or of a newer format, and TypeError for options that make no sense.
 */
export async function restoreCluster(
  from: string | Uint8Array,
  options: CreateClusterOptions = {},
): Promise<EmbeddedCluster> {
  const { identities = "same", from: _, ...given } = options;
  if (identities !== "same" && identities !== "new") {
    throw new TypeError(`identities: ${JSON.stringify(identities)} is neither "same" nor "new"`);
  }
  const refused = fixed.find((name) => given[name] !== undefined);
  if (refused !== undefined)
    throw new TypeError(`${refused} is what the saved cluster has: it cannot be given`);
  const saved =
    typeof from === "string"
      ? await readBundleFile(from, "snapshot", readCluster)
      : readCluster(new BundleReader("snapshot", "the saved cluster", bufferSource(from)));
  const { seed: savedSeed, ...savedOptions } = saved.options;
  // A seed makes the same keys each time: another cluster needs another one.
  const seed = given.seed ?? (identities === "same" ? savedSeed : undefined);
  const storage = MemoryStorage.of(saved.values, saved.revision);
  if (identities === "new") {
    await renewIdentities(storage, seed === undefined ? new SystemRandom() : new SeededRandom(seed));
  }
  return await EmbeddedCluster.start(
    { ...savedOptions, ...given, ...(seed !== undefined && { seed }) },
    {
      storage,
      nowMs: saved.nowMs,
      runtimes: saved.runtimes,
      trouble: saved.trouble,
      ...(identities === "same" && saved.keys !== undefined && { keys: saved.keys }),
    },
  );
}

interface ReadCluster {
  readonly options: CreateClusterOptions;
  readonly nowMs: number;
  readonly revision: number;
  readonly values: readonly KeyValue[];
  readonly runtimes: ReadonlyMap<string, SavedRuntime>;
  /** Absent in what earlier versions saved. */
  readonly trouble: Trouble | undefined;
  readonly keys: PkiMaterial | undefined;
}

interface SavedEntry {
  readonly type: string;
  readonly node?: string;
  readonly runtime?: SavedRuntime;
  readonly keys?: PkiMaterial;
  readonly trouble?: Trouble;
}

/** Reads all of it before anything is made of it: a checksum at the end says whether it is whole. */
function readCluster(reader: BundleReader): ReadCluster {
  const { header } = reader;
  if (header["made"] !== "library") {
    throw new BundleError(
      "this is the snapshot of a cluster with a folder of its own, not of one in a test",
      "restore it with: sampan snapshot restore",
    );
  }
  const values: KeyValue[] = [];
  const runtimes = new Map<string, SavedRuntime>();
  let keys: PkiMaterial | undefined;
  let trouble: Trouble | undefined;
  for (const { type, bytes } of reader.records()) {
    if (type === "data") {
      for (const row of readRows(bytes)) values.push(keyValueOf(row));
      continue;
    }
    const entry = JSON.parse(bytes.toString("utf8")) as SavedEntry;
    if (entry.runtime !== undefined) runtimes.set(entry.node ?? "", entry.runtime);
    keys = entry.keys ?? keys;
    trouble = entry.trouble ?? trouble;
  }
  return {
    options: header["options"] ?? {},
    nowMs: Number(header["nowMs"]),
    revision: Number(header["revision"]),
    values,
    runtimes,
    trouble,
    keys,
  };
}
