import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { RealClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { SystemRandom } from "../../apimachinery/random.ts";
import { outlineOfStored } from "../../apiserver/extensions/definition-outline.ts";
import { SqliteStorage } from "../../storage/sqlite/sqlite-storage.ts";
import { writeState } from "../../storage/sqlite/write-state.ts";
import type { KeyValue, Storage } from "../../storage/storage.ts";
import { readSettings } from "../api-server-settings.ts";
import { adoptFolder, homeDirectory, type Instance, writePrivate } from "../instance.ts";
import { localNodeName } from "../names.ts";
import { readBundleFile } from "./bundle-file.ts";
import { type TreeEntry, TreeReader } from "./file-tree.ts";
import { movingRules, type Place } from "./move-cluster.ts";
import { renewIdentities } from "./new-identities.ts";
import { rewriteObjects } from "./rewrite.ts";
import { keyValueOf, readRows } from "./rows.ts";
import { type SnapshotHeader, snapshotHeader } from "./snapshot-header.ts";

export interface RestoreOptions {
  readonly file: string;
  /** Of the new cluster: there is none of it yet. */
  readonly name: string;
  readonly newIdentities: boolean;
  /** Leaves out the data of volumes: they begin empty. */
  readonly volumes: boolean;
  /** Told what is being done. */
  readonly onStep: (what: string) => void;
  readonly home?: string;
}

/**
 * Makes a cluster of a snapshot, ready to be started. All is prepared in a folder beside it, which becomes the cluster's
 * when everything is there and the file has proved whole: whoever is interrupted leaves no half of a cluster.
 */
export async function restoreInstance(
  options: RestoreOptions,
): Promise<{ readonly instance: Instance; readonly header: SnapshotHeader }> {
  const { name, newIdentities, onStep, home = homeDirectory() } = options;
  const prepared = join(home, `.restore-${name}.${process.pid}.tmp`);
  try {
    onStep("reading the snapshot");
    mkdirSync(home, { recursive: true, mode: 0o711 });
    mkdirSync(prepared, { mode: 0o700 });
    const header = await unpack(options, prepared);
    if (newIdentities) rmSync(join(prepared, "pki"), { recursive: true, force: true });
    onStep("making the cluster");
    const instance = await adoptFolder(
      { name, prepared, like: header.settings },
      (chosen) => settle(chosen, prepared, header, newIdentities),
      home,
    );
    return { instance, header };
  } finally {
    rmSync(prepared, { recursive: true, force: true });
  }
}

interface SnapshotEntry {
  readonly type: string;
  readonly file?: TreeEntry;
}

/** Writes all that is in the file into the folder. Throws BundleError when it is not whole. */
async function unpack({ file, volumes }: RestoreOptions, prepared: string): Promise<SnapshotHeader> {
  return await readBundleFile(file, "snapshot", (reader) => {
    const header = snapshotHeader(reader, file);
    const values: KeyValue[] = [];
    const tree = new TreeReader(prepared);
    let takes: "rows" | "file" | "nothing" = "nothing";
    for (const { type, bytes } of reader.records()) {
      if (type === "entry") {
        const entry = JSON.parse(bytes.toString("utf8")) as SnapshotEntry;
        if (entry.type === "state") takes = "rows";
        else takes = entry.file === undefined ? "nothing" : addFile(tree, entry.file, volumes);
      } else if (takes === "rows") for (const row of readRows(bytes)) values.push(keyValueOf(row));
      else if (takes === "file") tree.write(bytes);
    }
    tree.end();
    writeState(join(prepared, "state.db"), values, header.revision, outlineOfStored);
    return header;
  });
}

function addFile(tree: TreeReader, entry: TreeEntry, volumes: boolean): "file" | "nothing" {
  if (!volumes && entry.path.startsWith("volumes/")) return "nothing";
  tree.add(entry);
  return "file";
}

/** Makes the state fit where the cluster is now, and who it is. */
async function settle(
  { directory, settings }: Instance,
  prepared: string,
  header: SnapshotHeader,
  newIdentities: boolean,
): Promise<void> {
  moveSettings(prepared, header.directory, directory);
  const from: Place = { ...header.settings, directory: header.directory, node: header.node };
  const node = settings.runtime === "crun" ? localNodeName() : header.node;
  const rules = movingRules(from, { ...settings, directory, node });
  if (rules.length === 0 && !newIdentities) return;
  const storage = await openState(prepared);
  try {
    if (rules.length > 0) await rewriteObjects(storage, rules);
    if (newIdentities) await renewIdentities(storage, new SystemRandom());
  } finally {
    await storage.close();
  }
}

/** Settings of the API server name their files by where they were. */
function moveSettings(prepared: string, from: string, to: string): void {
  const file = join(prepared, "api-server", "settings.json");
  if (from === to || !existsSync(file)) return;
  const moved = Object.entries(readSettings(prepared)).map(([name, value]) => [
    name,
    value.startsWith(`${from}/`) ? `${to}${value.slice(from.length)}` : value,
  ]);
  writePrivate(file, `${JSON.stringify(Object.fromEntries(moved), undefined, 2)}\n`);
}

/** The state in the folder; what is encrypted is read and written as the cluster does. */
async function openState(prepared: string): Promise<Storage> {
  const clock = new RealClock();
  const inner = await SqliteStorage.open({ file: join(prepared, "state.db"), clock });
  const file = join(prepared, "api-server", "encryption-provider-config");
  if (!existsSync(file) || readFileSync(file, "utf8") === "") return inner;
  const { EncryptedState } = await import("../encrypted-state.ts");
  const options = { file, inner, clock, random: new SystemRandom(), logger: silentLogger };
  return (await EncryptedState.open(options)).storage;
}
