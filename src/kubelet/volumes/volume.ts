import type { Pod, Volume } from "../../api/types/core-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { FieldSources } from "../environment/field-paths.ts";
import type { ObjectSources } from "../sources.ts";
import type { TmpfsMounts } from "./tmpfs.ts";
import type { TokenCache } from "./token-cache.ts";

/** What a kind of volume is set up from. */
export interface VolumeRequest {
  readonly pod: Pod;
  readonly volume: Volume;
  /** The volume's own directory below the pod's; made by those kinds that use it. */
  readonly directory: string;
  readonly sources: ObjectSources;
  readonly fields: FieldSources;
  readonly tokens: TokenCache;
  readonly clock: Clock;
  readonly tmpfs: TmpfsMounts;
}

/** One kind of volume: a file each. */
export type VolumeKind = FileVolume | PlaceVolume;

/** A volume that is a few files made from API objects. */
export interface FileVolume {
  /** Its directory below `volumes/`, as Kubernetes names it. */
  readonly plugin: string;
  /** Lies in memory where mounting is possible. */
  readonly secret: boolean;
  files(request: VolumeRequest): Promise<VolumeFiles>;
}

/** A volume that is a place on the node. */
export interface PlaceVolume {
  readonly plugin: string;
  /** Must succeed also when it is set up already. */
  setUp(request: VolumeRequest): Promise<VolumePlace>;
}

export interface VolumePlace {
  readonly hostPath: string;
  readonly readOnly?: boolean;
  /** Files in it are to belong to the pod's fsGroup. */
  readonly groupOwned?: boolean;
}

/** Content by path in the volume. */
export type VolumeFiles = Map<string, VolumeFile>;

export interface VolumeFile {
  readonly data: Buffer;
  readonly mode: number;
  /** Whose it is; of this process where it is not said. */
  readonly user?: number;
}

/** The volume cannot be set up for now; the message is what the event says. */
export class VolumeError extends Error {
  override readonly name = "VolumeError";
}

/** The mode of files unless the volume says otherwise. */
export const defaultFileMode = 0o644;
