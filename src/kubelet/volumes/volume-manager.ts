import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Pod, Volume } from "../../api/types/core-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { FieldSources } from "../environment/field-paths.ts";
import type { Mounter } from "../options.ts";
import { removeUnmounted } from "../orphans.ts";
import type { Paths } from "../paths.ts";
import { allContainers } from "../pods/pod-spec.ts";
import { anyTrustBundle, type ObjectSources } from "../sources.ts";
import { writeAtomically } from "./atomic-writer.ts";
import type { MountedVolume, MountedVolumes } from "./container-mounts.ts";
import { volumeKind } from "./kinds.ts";
import { giveToGroup } from "./ownership.ts";
import { TmpfsMounts } from "./tmpfs.ts";
import type { TokenCache } from "./token-cache.ts";
import { VolumeError, type VolumeKind, type VolumeRequest } from "./volume.ts";

export interface VolumeManagerOptions {
  readonly sources: ObjectSources;
  readonly tokens: TokenCache;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly paths: Paths;
  readonly mounter: Mounter | undefined;
  /** False on a node that pretends: sources must exist, but nothing is written and no token asked for. */
  readonly disk: boolean;
  fields(podIps: readonly string[]): FieldSources;
  /** Something that the pod refers to has changed. */
  changed(uid: string): void;
}

interface References {
  readonly uids: Set<string>;
  readonly unlisten: () => void;
}

/** Sets volumes up for pods, keeps those made from API objects current, and takes them away. */
export class VolumeManager {
  readonly #options: VolumeManagerOptions;
  readonly #tmpfs: TmpfsMounts;
  /** By pod uid: what is in place. A volume that is in place stays usable when refreshing it fails. */
  readonly #mounted = new Map<string, Map<string, MountedVolume>>();
  /** By what a pod refers to (`ConfigMap default/page`): the pods' uids. */
  readonly #references = new Map<string, References>();

  constructor(options: VolumeManagerOptions) {
    this.#options = options;
    this.#tmpfs = new TmpfsMounts(options.mounter);
  }

  /**
   * Brings all volumes that the pod's containers use into place, or up to date. Rejects with VolumeError when one is
   * missing; an event has told then.
   */
  async mount(pod: Pod, podIps: readonly string[]): Promise<MountedVolumes> {
    const uid = pod.metadata.uid ?? "";
    const mounted = this.#mounted.get(uid) ?? new Map<string, MountedVolume>();
    this.#mounted.set(uid, mounted);
    this.#remember(uid, pod);
    const failures: string[] = [];
    for (const volume of usedVolumes(pod)) {
      try {
        mounted.set(volume.name, await this.#setUp(pod, volume, podIps));
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const text = `MountVolume.SetUp failed for volume "${volume.name}" : ${message}`;
        this.#options.events.event(pod, "Warning", "FailedMount", text);
        if (!mounted.has(volume.name)) failures.push(text);
      }
    }
    if (failures.length > 0) throw new VolumeError(failures.join("; "));
    return mounted;
  }

  /** Takes the pod's volumes away, with all that they hold. What others own (hostPath, claims) is left alone. */
  async unmount(pod: Pod): Promise<void> {
    const uid = pod.metadata.uid ?? "";
    this.forget(uid);
    const { disk, mounter, paths } = this.#options;
    if (!disk) return;
    await removeUnmounted(paths.volumes(uid), mounter);
    this.#tmpfs.forget(paths.volumes(uid));
  }

  forget(uid: string): void {
    this.#mounted.delete(uid);
    this.#options.tokens.forget(uid);
    for (const [key, { uids, unlisten }] of this.#references) {
      if (!uids.delete(uid) || uids.size > 0) continue;
      unlisten();
      this.#references.delete(key);
    }
  }

  async #setUp(pod: Pod, volume: Volume, podIps: readonly string[]): Promise<MountedVolume> {
    const uid = pod.metadata.uid ?? "";
    const { sources, tokens, clock, disk } = this.#options;
    const kind = volumeKind(volume);
    const directory = this.#directory(uid, volume);
    const request: VolumeRequest = {
      pod,
      volume,
      directory,
      sources,
      tokens,
      clock,
      tmpfs: this.#tmpfs,
      fields: this.#options.fields(podIps),
    };
    if (!disk) return this.#pretend(request, kind);
    if ("setUp" in kind) {
      const { hostPath, readOnly = false, groupOwned = false } = await kind.setUp(request);
      if (groupOwned) await this.#own(pod, hostPath, readOnly);
      return { hostPath, readOnly };
    }
    const files = await kind.files(request);
    await mkdir(directory, { recursive: true });
    if (liesInMemory(volume, kind)) await this.#tmpfs.ensure(directory, {});
    if (await writeAtomically(directory, files, clock.now())) await this.#own(pod, directory, true);
    return { hostPath: directory, readOnly: true };
  }

  /** Only what may be missing is looked at. */
  async #pretend(request: VolumeRequest, kind: VolumeKind): Promise<MountedVolume> {
    const { volume } = request;
    if ("files" in kind && volume.projected === undefined) await kind.files(request);
    return { hostPath: request.directory, readOnly: false };
  }

  async #own(pod: Pod, path: string, readOnly: boolean): Promise<void> {
    const { fsGroup, fsGroupChangePolicy } = pod.spec?.securityContext ?? {};
    if (fsGroup === undefined) return;
    await giveToGroup(path, { group: fsGroup, readOnly }, fsGroupChangePolicy === "OnRootMismatch");
  }

  #directory(uid: string, volume: Volume): string {
    return join(this.#options.paths.volumes(uid), volumeKind(volume).plugin, volume.name);
  }

  #remember(uid: string, pod: Pod): void {
    const { sources } = this.#options;
    for (const key of referencesOf(pod)) {
      const found = this.#references.get(key);
      if (found !== undefined) found.uids.add(uid);
      else {
        const uids = new Set([uid]);
        const unlisten = sources.listen(key, () => {
          for (const user of uids) this.#options.changed(user);
        });
        this.#references.set(key, { uids, unlisten });
      }
    }
  }
}

function liesInMemory(volume: Volume, kind: VolumeKind): boolean {
  return volume.emptyDir?.medium === "Memory" || ("secret" in kind && kind.secret);
}

/** A volume that no container mounts need not be there. */
function usedVolumes(pod: Pod): Volume[] {
  const used = new Set<string>();
  for (const { container } of allContainers(pod)) {
    for (const { name } of [...(container.volumeMounts ?? []), ...(container.volumeDevices ?? [])])
      used.add(name);
  }
  return (pod.spec?.volumes ?? []).filter(({ name }) => used.has(name));
}

/** Everything a pod's start may wait for: objects of its volumes and of its containers' environments. */
export function referencesOf(pod: Pod): string[] {
  const namespace = pod.metadata.namespace ?? "";
  const keys = new Set<string>();
  const add = (kind: string, name: string | undefined): void => {
    if (name !== undefined && name !== "") keys.add(`${kind} ${namespace}/${name}`);
  };
  for (const { configMap, secret, projected, persistentVolumeClaim, ephemeral, name } of pod.spec?.volumes ??
    []) {
    add("ConfigMap", configMap?.name);
    add("Secret", secret?.secretName);
    add("PersistentVolumeClaim", persistentVolumeClaim?.claimName);
    if (ephemeral !== undefined) add("PersistentVolumeClaim", `${pod.metadata.name}-${name}`);
    for (const source of projected?.sources ?? []) {
      add("ConfigMap", source.configMap?.name);
      add("Secret", source.secret?.name);
      if (source.clusterTrustBundle !== undefined) keys.add(anyTrustBundle);
    }
  }
  for (const { container } of allContainers(pod)) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      add("ConfigMap", configMapRef?.name);
      add("Secret", secretRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      add("ConfigMap", valueFrom?.configMapKeyRef?.name);
      add("Secret", valueFrom?.secretKeyRef?.name);
    }
  }
  for (const { name } of pod.spec?.imagePullSecrets ?? []) add("Secret", name);
  return [...keys];
}
