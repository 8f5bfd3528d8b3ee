import type { SavedRuntime } from "../../cri/simulated/index.ts";
import type { Cluster } from "../cluster.ts";
import { SimulatedNode, simulatedPodCidr } from "../simulated-node.ts";
import type { Fault, Faults } from "./faults.ts";
import type { NodeOptions } from "./options.ts";

interface ClusterNodesParts {
  readonly cluster: Cluster;
  readonly faults: Faults;
  readonly dnsAddress: string;
  /** What ran on nodes of the cluster that this one goes on from. */
  readonly saved: ReadonlyMap<string, SavedRuntime> | undefined;
}

/** The simulated nodes of a cluster. */
export class ClusterNodes {
  readonly #parts: ClusterNodesParts;
  readonly #nodes = new Map<string, { readonly options: NodeOptions; readonly node: SimulatedNode }>();
  readonly #partitions = new Map<string, Fault>();
  #made = 0;

  constructor(parts: ClusterNodesParts) {
    this.#parts = parts;
  }

  /** Of the nodes that run. */
  names(): string[] {
    return [...this.#nodes.keys()];
  }

  /** Resolves when the Node object is there. Throws TypeError when one of the name runs already. */
  async add(options: NodeOptions): Promise<void> {
    const { cluster, dnsAddress, saved } = this.#parts;
    const { name, labels } = options;
    if (this.#nodes.has(name)) throw new TypeError(`node ${JSON.stringify(name)} runs already`);
    const state = saved?.get(name);
    const node = new SimulatedNode(cluster, {
      name,
      podCidr: simulatedPodCidr(this.#made++),
      dnsAddress,
      ...(labels !== undefined && { labels }),
      ...(state !== undefined && { saved: state }),
    });
    this.#nodes.set(name, { options, node });
    await node.start();
  }

  /**
   * The node fails, as when its plug is pulled: its agent says nothing more and what ran on it is gone. The Node object
   * stays, and the cluster notices in its own time. `add` brings it back, empty.
   */
  async crash(name: string): Promise<void> {
    await this.#running(name).stop();
    this.#nodes.delete(name);
  }

  /**
   * Cuts the node off from the API server: its agent and pods go on, and each of its requests fails, so that it gives no
   * sign of life. It still hears what is wanted of it: the parts of one process share what they read.
   */
  partition(name: string): void {
    this.#running(name);
    if (this.#partitions.has(name)) return;
    const user = `system:node:${name}`;
    const message = "a fault was injected: the node is cut off";
    this.#partitions.set(name, this.#parts.faults.add({ user, error: "ServiceUnavailable", message }));
  }

  /** Ends a partition. */
  heal(name: string): void {
    this.#partitions.get(name)?.remove();
    this.#partitions.delete(name);
  }

  /** So many nodes, named node-1, node-2 and so on, or those given. */
  async start(nodes: number | readonly NodeOptions[]): Promise<void> {
    const list =
      typeof nodes === "number"
        ? Array.from({ length: nodes }, (_, index): NodeOptions => ({ name: nodeName(index) }))
        : nodes;
    for (const options of list) await this.add(options);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map(({ node }) => node.stop()));
    this.#nodes.clear();
  }

  /** What runs on each node, for a cluster that is to go on from there. */
  save(): Map<string, SavedRuntime> {
    return new Map([...this.#nodes].map(([name, { node }]) => [name, node.save()]));
  }

  /** Of the nodes that run. */
  options(): NodeOptions[] {
    return [...this.#nodes.values()].map(({ options }) => options);
  }

  #running(name: string): SimulatedNode {
    const found = this.#nodes.get(name);
    if (found !== undefined) return found.node;
    throw new TypeError(
      `no node ${JSON.stringify(name)} runs; there are ${this.names().join(", ") || "none"}`,
    );
  }
}

/** node-1, node-2 and so on; the first has index 0. */
export const nodeName = (index: number): string => `node-${index + 1}`;
