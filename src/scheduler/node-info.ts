import type { Node, Taint } from "../api/types/core-v1.ts";
import { isHardTaint } from "./node-matching.ts";
import type { HostPort, PodInfo } from "./pod-info.ts";
import {
  addResources,
  copyResources,
  noResources,
  parseResources,
  parseValue,
  type Resources,
} from "./resources.ts";

/** A node and the sum of the pods on it, kept up to date as they come and go. */
export class NodeInfo {
  readonly name: string;
  /** By uid. */
  readonly pods = new Map<string, PodInfo>();
  requested: Resources = noResources();
  /** With defaults for containers that ask for nothing; for scores. */
  assumedMilliCpu = 0;
  assumedMemoryBytes = 0;
  allocatable: Resources = noResources();
  podsMax = 0;
  hardTaints: readonly Taint[] = [];
  softTaints: readonly Taint[] = [];
  /** Sizes in bytes, by every name of the image. */
  images: ReadonlyMap<string, number> = new Map();
  readonly hostPorts = new Set<HostPort>();
  /** How many pods on the node use a claim, by `namespace/name`. */
  readonly claimUses = new Map<string, number>();
  #node: Node | undefined;

  constructor(name: string, node?: Node) {
    this.name = name;
    if (node !== undefined) this.setNode(node);
  }

  /** False while only pods that name the node are known. */
  get exists(): boolean {
    return this.#node !== undefined;
  }

  get node(): Node {
    if (this.#node === undefined) throw new Error(`node ${this.name} is not known`);
    return this.#node;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.#node?.metadata.labels ?? {};
  }

  setNode(node: Node): void {
    const before = this.#node;
    this.#node = node;
    const allocatable = node.status?.allocatable ?? {};
    this.allocatable = parseResources(allocatable);
    this.podsMax = parseValue(allocatable["pods"] ?? "0");
    const taints = node.spec?.taints ?? [];
    this.hardTaints = taints.filter(isHardTaint);
    this.softTaints = taints.filter(({ effect }) => effect === "PreferNoSchedule");
    if (before?.status?.images !== node.status?.images) this.images = imageSizes(node);
  }

  clearNode(): void {
    this.#node = undefined;
  }

  addPod(pod: PodInfo): void {
    this.pods.set(pod.uid, pod);
    this.#count(pod, 1);
    for (const port of pod.hostPorts) this.hostPorts.add(port);
  }

  /** Takes the pod away that was added with the uid; gives it back. */
  removePod(uid: string): PodInfo | undefined {
    const pod = this.pods.get(uid);
    if (pod === undefined) return undefined;
    this.pods.delete(uid);
    this.#count(pod, -1);
    for (const port of pod.hostPorts) this.hostPorts.delete(port);
    return pod;
  }

  /** A copy whose pods may be changed to ask what would be. */
  clone(): NodeInfo {
    const copy = new NodeInfo(this.name, this.#node);
    for (const [uid, pod] of this.pods) copy.pods.set(uid, pod);
    copy.requested = copyResources(this.requested);
    copy.assumedMilliCpu = this.assumedMilliCpu;
    copy.assumedMemoryBytes = this.assumedMemoryBytes;
    for (const port of this.hostPorts) copy.hostPorts.add(port);
    for (const [claim, uses] of this.claimUses) copy.claimUses.set(claim, uses);
    return copy;
  }

  #count(pod: PodInfo, sign: 1 | -1): void {
    addResources(this.requested, pod.requests, sign);
    this.assumedMilliCpu += sign * pod.assumedRequests.milliCpu;
    this.assumedMemoryBytes += sign * pod.assumedRequests.memoryBytes;
    for (const { name } of pod.claims) {
      const claim = `${pod.namespace}/${name}`;
      const uses = (this.claimUses.get(claim) ?? 0) + sign;
      if (uses > 0) this.claimUses.set(claim, uses);
      else this.claimUses.delete(claim);
    }
  }
}

function imageSizes(node: Node): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { names = [], sizeBytes = 0 } of node.status?.images ?? []) {
    for (const name of names) sizes.set(name, sizeBytes);
  }
  return sizes;
}
