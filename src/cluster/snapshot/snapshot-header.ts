import { type InstanceSettings, isSettings } from "../instance.ts";
import { BundleError, type BundleReader } from "./bundle.ts";

/** What stands at the head of an instance's snapshot: all that `list` shows, and where the cluster was. */
export interface SnapshotHeader {
  readonly made: "instance";
  /** Of the cluster. */
  readonly cluster: string;
  readonly createdAt: string;
  readonly sampan: string;
  readonly kubernetes: string;
  readonly revision: number;
  readonly objects: number;
  readonly settings: InstanceSettings;
  /** The cluster's folder. */
  readonly directory: string;
  /** The name of its machine's node. */
  readonly node: string;
  /** Whether the data of its local volumes is in it. */
  readonly volumes: boolean;
  /** Images of its pods. */
  readonly images: readonly string[];
}

/** Throws BundleError for the header of something else. */
export function snapshotHeader(reader: BundleReader, file: string): SnapshotHeader {
  const header: Readonly<Record<string, unknown>> = reader.header;
  if (header["made"] === "library") {
    throw new BundleError(
      `${file} is the snapshot of a cluster in a test: it has no folder of its own`,
      'go on from it with: createCluster({ from: "FILE" })',
    );
  }
  if (header["made"] === "instance" && isSettings(header["settings"]))
    return header as unknown as SnapshotHeader;
  throw new BundleError(
    `${file} is no snapshot of a cluster`,
    "name a file that `sampan snapshot save` wrote",
  );
}
