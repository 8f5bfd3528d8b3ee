import type { PodInfo } from "./pod-info.ts";

const nobody: readonly PodInfo[] = [];

/** Pods that wait for a node on which others make room for them. */
export class Nominations {
  /** By node name, then by uid. */
  readonly #byNode = new Map<string, Map<string, PodInfo>>();
  readonly #nodes = new Map<string, string>();

  /** Replaces what was known of the pod; an empty name ends its nomination. */
  set(pod: PodInfo, nodeName: string): void {
    this.remove(pod.uid);
    if (nodeName === "") return;
    this.#nodes.set(pod.uid, nodeName);
    const pods = this.#byNode.get(nodeName);
    if (pods === undefined) this.#byNode.set(nodeName, new Map([[pod.uid, pod]]));
    else pods.set(pod.uid, pod);
  }

  remove(uid: string): void {
    const nodeName = this.#nodes.get(uid);
    if (nodeName === undefined) return;
    this.#nodes.delete(uid);
    const pods = this.#byNode.get(nodeName);
    pods?.delete(uid);
    if (pods?.size === 0) this.#byNode.delete(nodeName);
  }

  nodeOf({ uid }: PodInfo): string | undefined {
    return this.#nodes.get(uid);
  }

  /** The pods nominated to the node that are at least as important as the given one, without itself. */
  on(nodeName: string, { uid, priority }: PodInfo): readonly PodInfo[] {
    // Asked for every node that is looked at.
    if (this.#byNode.size === 0) return nobody;
    const pods = this.#byNode.get(nodeName);
    if (pods === undefined) return nobody;
    return [...pods.values()].filter((other) => other.uid !== uid && other.priority >= priority);
  }

  /** The pods nominated to the node that are less important. */
  below(nodeName: string, { priority }: PodInfo): PodInfo[] {
    return [...(this.#byNode.get(nodeName)?.values() ?? [])].filter((other) => other.priority < priority);
  }
}
