import { existsSync } from "node:fs";
import { join } from "node:path";
import type { KeyValue } from "../../storage/storage.ts";
import type { Instance } from "../instance.ts";
import { localNodeName } from "../names.ts";
import { kubernetesVersion, sampanVersion } from "../version.ts";
import { writeBundleFile } from "./bundle-file.ts";
import { type SavedTree, writeTree } from "./file-tree.ts";
import { readState } from "./read-state.ts";
import { rowOf, writeRows } from "./rows.ts";
import type { SnapshotHeader } from "./snapshot-header.ts";

/** What a cluster keeps beside its state: keys, settings of its API server, who may pull images. */
const keptFiles = ["pki", "api-server", "registries.yaml"];

export interface SaveOptions {
  readonly instance: Instance;
  readonly file: string;
  readonly createdAt: string;
  readonly volumes: boolean;
  /** Told what is being done. */
  readonly onStep: (what: string) => void;
}

/**
 * Writes a cluster, running or not, into a file. The state is that of one revision; the files of volumes are read one
 * after another, while containers may write. The caller holds the instance's lock.
 */
export async function saveInstance(
  options: SaveOptions,
): Promise<SnapshotHeader & { readonly tree: SavedTree }> {
  const { instance, file, createdAt, onStep } = options;
  const { directory, settings } = instance;
  onStep("reading the state");
  const { revision, values } = await readState(instance);
  const volumes = options.volumes && existsSync(join(directory, "volumes"));
  const header: SnapshotHeader = {
    made: "instance",
    cluster: instance.name,
    createdAt,
    sampan: sampanVersion,
    kubernetes: kubernetesVersion,
    revision,
    objects: values.length,
    settings,
    directory,
    node: settings.runtime === "crun" ? localNodeName() : "",
    volumes: options.volumes,
    images: settings.runtime === "crun" ? imagesOf(values) : [],
  };
  let tree: SavedTree = { files: 0, bytes: 0, left: [] };
  await writeBundleFile(file, "snapshot", header, (writer) => {
    onStep("writing the state");
    writer.entry({ type: "state", revision });
    writeRows(writer, values.map(rowOf));
    for (const path of keptFiles) writeTree(writer, directory, path);
    if (!volumes) return;
    onStep("writing the volumes");
    tree = writeTree(writer, directory, "volumes");
  });
  return { ...header, tree };
}

/** The images that pods name. A pod that cannot be read (it is encrypted) names none. */
function imagesOf(values: readonly KeyValue[]): string[] {
  const images = new Set<string>();
  for (const { key, value } of values) {
    if (!key.startsWith("/registry/core/pods/")) continue;
    for (const image of imagesOfPod(Buffer.from(value).toString("utf8"))) images.add(image);
  }
  return [...images].toSorted();
}

interface PodImages {
  readonly spec?: {
    readonly containers?: readonly { readonly image?: string }[];
    readonly initContainers?: readonly { readonly image?: string }[];
  };
  readonly status?: { readonly phase?: string };
}

function imagesOfPod(text: string): string[] {
  try {
    const { spec, status } = JSON.parse(text) as PodImages;
    if (status?.phase === "Succeeded" || status?.phase === "Failed") return [];
    return [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].flatMap(({ image }) => image ?? []);
  } catch {
    return [];
  }
}
