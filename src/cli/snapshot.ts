import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { defaultName, findFolder, withInstanceLock } from "../cluster/instance.ts";
import { BundleError } from "../cluster/snapshot/bundle.ts";
import { StorageError } from "../storage/storage.ts";
import {
  type Command,
  CommandError,
  type Io,
  isDiskFull,
  type OptionValues,
  text,
  usageExitCode,
} from "./command.ts";
import { checkName, requireInstance } from "./instances.ts";
import { formatMs, Progress } from "./progress.ts";
import {
  existingSnapshot,
  formatSize,
  prepareSnapshots,
  sizeOf,
  snapshotFile,
  snapshotNames,
  snapshotsFolder,
} from "./snapshot-files.ts";
import { checkSnapshotOptions } from "./snapshot-options.ts";

export const snapshotCommand: Command = {
  name: "snapshot",
  usage: "snapshot save NAME | list | restore NAME | fork [CLUSTER] NEW | delete NAME…",
  summary: "keep a cluster as a file, bring it back, or let a copy run beside it",
  description: `Keeps a cluster, running or not, as a file: its objects with their identities and revisions, its keys and settings,
and the data of its local volumes. Containers are not frozen: pods come back as after a reboot of the machine. Images
are kept by name; those that the restored cluster does not have are told.

  save NAME          of the cluster (--cluster), which runs on
  list               what there is
  restore NAME       a cluster of the name that it had (or --as), started
  fork [CLUSTER] NEW a copy of the cluster, with identities of its own, that runs beside it
  delete NAME…       removes snapshots

A NAME with a "/" in it is the path of a file. A snapshot holds the keys and Secrets of its cluster: treat it as one.`,
  options: {
    cluster: {
      type: "string",
      value: "NAME",
      description: "which cluster is saved or forked (default sampan)",
    },
    name: { type: "string", value: "NAME", description: "the same, as other commands have it" },
    as: { type: "string", value: "NAME", description: "restore: the name of the cluster that is made" },
    "new-identities": {
      type: "boolean",
      description:
        "restore: new keys, tokens and UIDs of the cluster and its nodes, so that it can live beside the one that was saved",
    },
    "same-identities": { type: "boolean", description: "fork: with the keys of the cluster that is forked" },
    "no-volumes": { type: "boolean", description: "without the data of local volumes: they begin empty" },
    "no-start": { type: "boolean", description: "restore, fork: makes the cluster without starting it" },
  },
  examples: [
    "sampan snapshot save loaded                        # of the cluster that runs",
    "sampan down --purge && sampan snapshot restore loaded   # … and it is back",
    "sampan snapshot restore loaded --as trial --new-identities",
    "sampan snapshot fork trial                         # what if? beside the cluster that runs",
    "sampan snapshot save ./loaded.sampan               # a file to take along",
  ],
  maxArguments: 100,
  async run(options, [action = "", ...names], io) {
    try {
      return await act(action, names, options, io);
    } catch (error) {
      if (error instanceof BundleError)
        throw new CommandError(error.message, { remedy: error.remedy, cause: error });
      if (isDiskFull(error) || (error instanceof StorageError && error.code === "noSpace")) {
        throw new CommandError("the disk is full; what was begun is gone again", {
          remedy: "free some space and run this again; nothing is lost",
          cause: error,
        });
      }
      throw error;
    }
  },
};

async function act(action: string, names: readonly string[], options: OptionValues, io: Io): Promise<number> {
  checkSnapshotOptions(action, options);
  switch (action) {
    case "save":
      return await save(only(action, names, "NAME"), options, io);
    case "list":
    case "ls":
      if (names.length > 0)
        throw new CommandError("snapshot list takes no NAME", {
          remedy: "sampan snapshot list",
          exitCode: usageExitCode,
        });
      return await list(io);
    case "restore":
      return await restoreNamed(only(action, names, "NAME"), options, io);
    case "fork":
      return await fork(names, options, io);
    case "delete":
    case "rm":
      return remove(names, io);
    default:
      throw new CommandError(
        action === "" ? "say what to do with snapshots" : `there is no "snapshot ${action}"`,
        {
          remedy: "sampan snapshot save NAME, list, restore NAME, fork NEW, delete NAME",
          exitCode: usageExitCode,
        },
      );
  }
}

function only(action: string, names: readonly string[], what: string): string {
  const [name] = names;
  if (name !== undefined && names.length === 1) return name;
  throw new CommandError(`snapshot ${action} takes one ${what}`, {
    remedy: `sampan snapshot ${action} ${what}`,
    exitCode: usageExitCode,
  });
}

const clusterOf = (options: OptionValues): string =>
  [text(options, "cluster"), text(options, "name")].find((name) => name !== "") ?? defaultName;

async function save(name: string, options: OptionValues, io: Io): Promise<number> {
  const cluster = clusterOf(options);
  const file = snapshotFile(name);
  if (existsSync(file)) {
    throw new CommandError(`there is a snapshot "${name}" already`, {
      remedy: `take another name, or remove it: sampan snapshot delete ${name}`,
    });
  }
  requireInstance(cluster);
  prepareSnapshots();
  const startedMs = performance.now();
  const progress = new Progress(io);
  progress.start(`waiting for another command about cluster "${cluster}"`);
  const saved = await withInstanceLock(cluster, () => saveTo(file, cluster, options, progress));
  progress.done();
  const { objects, tree, volumes } = saved;
  const took = formatMs(performance.now() - startedMs);
  const count = `${tree.files} files of volumes (${formatSize(tree.bytes)})`;
  const data = !volumes ? "no data of volumes" : tree.files === 0 ? "no local volumes" : count;
  io.out(
    `Cluster "${cluster}" is saved as "${name}": ${objects} objects, ${data}; ${formatSize(sizeOf(file))} (${took}).\n`,
  );
  for (const left of tree.left) io.out(`Not in it, because it is no file: ${left}\n`);
  return 0;
}

async function saveTo(file: string, cluster: string, options: OptionValues, progress: Progress) {
  const { saveInstance } = await import("../cluster/snapshot/save-instance.ts");
  const { RealClock } = await import("../apimachinery/clock.ts");
  return await saveInstance({
    instance: requireInstance(cluster),
    file,
    createdAt: new Date(new RealClock().now()).toISOString(),
    volumes: options["no-volumes"] !== true,
    onStep: (what) => progress.start(`${what} of cluster "${cluster}"`),
  });
}

async function list(io: Io): Promise<number> {
  const names = snapshotNames();
  if (names.length === 0) {
    io.out(`There is no snapshot in ${snapshotsFolder()}; make one with: sampan snapshot save NAME\n`);
    return 0;
  }
  const { readBundleFile } = await import("../cluster/snapshot/bundle-file.ts");
  const { snapshotHeader } = await import("../cluster/snapshot/snapshot-header.ts");
  const rows: string[][] = [["NAME", "CLUSTER", "SAVED", "OBJECTS", "VOLUMES", "SIZE"]];
  for (const name of names) {
    const file = snapshotFile(name);
    try {
      const header = await readBundleFile(file, "snapshot", (reader) => snapshotHeader(reader, file));
      const { cluster, createdAt, objects, volumes } = header;
      const saved = `${createdAt.slice(0, 19).replace("T", " ")}Z`;
      rows.push([name, cluster, saved, String(objects), volumes ? "yes" : "no", formatSize(sizeOf(file))]);
    } catch (error) {
      rows.push([name, error instanceof Error ? error.message : String(error)]);
    }
  }
  const widths =
    rows[0]?.map((_, column) =>
      Math.max(...rows.map((row) => (row.length > 2 ? (row[column] ?? "") : "").length)),
    ) ?? [];
  for (const row of rows) {
    io.out(
      `${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()}\n`,
    );
  }
  return 0;
}

async function restoreNamed(name: string, options: OptionValues, io: Io): Promise<number> {
  const file = existingSnapshot(name);
  const { readBundleFile } = await import("../cluster/snapshot/bundle-file.ts");
  const { snapshotHeader } = await import("../cluster/snapshot/snapshot-header.ts");
  const header = await readBundleFile(file, "snapshot", (reader) => snapshotHeader(reader, file));
  const cluster = text(options, "as") === "" ? header.cluster : text(options, "as");
  requireFree(
    cluster,
    `take another name with --as, or remove that cluster first: sampan down --purge --name ${cluster}`,
  );
  prepareSnapshots();
  return await restoreAs(
    cluster,
    file,
    { ...options, newIdentities: options["new-identities"] === true },
    io,
  );
}

async function fork(names: readonly string[], options: OptionValues, io: Io): Promise<number> {
  const [first, second] = names;
  if (first === undefined || names.length > 2) {
    throw new CommandError(
      "snapshot fork takes the name of the new cluster, after that of the one that is forked",
      {
        remedy: "sampan snapshot fork trial, or sampan snapshot fork sampan trial",
        exitCode: usageExitCode,
      },
    );
  }
  const from = second === undefined ? clusterOf(options) : first;
  const cluster = second ?? first;
  requireInstance(from);
  requireFree(cluster, "take another name");
  prepareSnapshots();
  const file = join(snapshotsFolder(), `fork-${cluster}.${process.pid}.tmp`);
  const progress = new Progress(io);
  try {
    progress.start(`waiting for another command about cluster "${from}"`);
    await withInstanceLock(from, () => saveTo(file, from, options, progress));
    progress.done();
    return await restoreAs(
      cluster,
      file,
      { ...options, newIdentities: options["same-identities"] !== true },
      io,
    );
  } finally {
    rmSync(file, { force: true });
  }
}

function requireFree(cluster: string, remedy: string): void {
  checkName(cluster);
  if (findFolder(cluster) === undefined) return;
  throw new CommandError(`there is a cluster "${cluster}" already`, { remedy });
}

async function restoreAs(
  cluster: string,
  file: string,
  options: OptionValues & { readonly newIdentities: boolean },
  io: Io,
): Promise<number> {
  const { restoreInstance } = await import("../cluster/snapshot/restore-instance.ts");
  const startedMs = performance.now();
  const progress = new Progress(io);
  const { instance, header } = await withInstanceLock(cluster, () =>
    restoreInstance({
      file,
      name: cluster,
      newIdentities: options.newIdentities,
      volumes: options["no-volumes"] !== true,
      onStep: (what) => progress.start(what),
    }),
  );
  const missing = await giveImages(instance.directory, header, progress);
  progress.done();
  const took = formatMs(performance.now() - startedMs);
  const identities = options.newIdentities ? ", with identities of its own" : "";
  io.out(
    `Cluster "${cluster}" has the ${header.objects} objects of "${header.cluster}"${identities} (${took}).\n`,
  );
  if (missing.length > 0) {
    io.out(`Images that it does not have; they are pulled, or import them with sampan image import:\n`);
    for (const image of missing) io.out(`  ${image}\n`);
  }
  if (options["no-start"] === true) {
    io.out(`Start it with: sampan up --name ${cluster}\n`);
    return 0;
  }
  const { upCommand } = await import("./up.ts");
  return await upCommand.run({ name: cluster, timeout: "120" }, [], io);
}

async function giveImages(
  directory: string,
  {
    settings,
    directory: from,
    images,
  }: { settings: { runtime: string }; directory: string; images: readonly string[] },
  progress: Progress,
): Promise<string[]> {
  if (settings.runtime !== "crun") return [];
  progress.start("sharing images");
  const { linkImages, missingImages } = await import("../cluster/snapshot/link-images.ts");
  linkImages(from, directory);
  return missingImages(directory, images);
}

function remove(names: readonly string[], io: Io): number {
  if (names.length === 0) {
    throw new CommandError("snapshot delete needs at least one NAME", {
      remedy: "sampan snapshot list shows what there is",
      exitCode: usageExitCode,
    });
  }
  for (const name of names) {
    if (name.includes("/")) {
      throw new CommandError(`"${name}" is a file of yours, not a snapshot by name`, {
        remedy: "remove it with: rm",
      });
    }
    rmSync(existingSnapshot(name));
    io.out(`Snapshot "${name}" is gone.\n`);
  }
  return 0;
}
