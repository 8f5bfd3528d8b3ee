import type { SavedRuntime } from "../../cri/simulated/index.ts";
import { type Pki, pkiMaterial } from "../../pki/index.ts";
import type { Storage } from "../../storage/storage.ts";
import { BundleWriter } from "../snapshot/bundle.ts";
import { writeBundleFile } from "../snapshot/bundle-file.ts";
import { rowOf, writeRows } from "../snapshot/rows.ts";
import { kubernetesVersion, sampanVersion } from "../version.ts";
import type { CreateClusterOptions } from "./options.ts";
import type { Trouble } from "./trouble.ts";

export interface ClusterToSave {
  readonly storage: Storage;
  readonly nowMs: number;
  readonly runtimes: ReadonlyMap<string, SavedRuntime>;
  readonly trouble: Trouble;
  readonly keys: Pki;
  readonly options: CreateClusterOptions;
}

/** Without a file the bytes are the answer. The state is that of the call: what is written meanwhile is not in it. */
export async function saveCluster(
  { storage, nowMs, runtimes, trouble, keys, options }: ClusterToSave,
  file?: string,
): Promise<Buffer | undefined> {
  const { revision, items } = await storage.list("");
  const header = {
    made: "library",
    createdAt: new Date(nowMs).toISOString(),
    sampan: sampanVersion,
    kubernetes: kubernetesVersion,
    revision,
    objects: items.length,
    nowMs,
    options,
  };
  const fill = (writer: BundleWriter): void => {
    writer.entry({ type: "state", revision });
    writeRows(writer, items.map(rowOf));
    writer.entry({ type: "keys", keys: pkiMaterial(keys) });
    for (const [node, runtime] of runtimes) writer.entry({ type: "runtime", node, runtime });
    writer.entry({ type: "trouble", trouble });
  };
  if (file !== undefined) {
    await writeBundleFile(file, "snapshot", header, fill);
    return undefined;
  }
  const parts: Uint8Array[] = [];
  const writer = new BundleWriter("snapshot", header, (bytes) => parts.push(bytes));
  fill(writer);
  writer.end();
  return Buffer.concat(parts);
}
