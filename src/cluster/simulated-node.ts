import { type SavedRuntime, SimulatedImages, SimulatedRuntime } from "../cri/simulated/index.ts";
import { Kubelet } from "../kubelet/index.ts";
import type { Cluster } from "./cluster.ts";
import { nodeUser } from "./identities.ts";

export interface SimulatedNodeSettings {
  /** Default `simulated`. */
  readonly name?: string;
  readonly podCidr: string;
  readonly dnsAddress: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** What ran on it when it was saved. */
  readonly saved?: SavedRuntime;
}

const defaultName = "simulated";

/** A range of addresses for the pods of each of many nodes, the first being 0. */
export const simulatedPodCidr = (index: number): string => `10.${128 + (index >> 8)}.${index & 255}.0/24`;

/** A node whose pods only pretend to run: for machines without root, and for tests. */
export class SimulatedNode {
  readonly #cluster: Cluster;
  readonly #settings: SimulatedNodeSettings;
  readonly #runtime: SimulatedRuntime;
  #kubelet: Kubelet | undefined;

  constructor(cluster: Cluster, settings: SimulatedNodeSettings) {
    this.#cluster = cluster;
    this.#settings = settings;
    const { clock, random } = cluster;
    this.#runtime = new SimulatedRuntime({ clock, random, podCidr: settings.podCidr });
    if (settings.saved !== undefined) this.#runtime.restore(settings.saved);
  }

  /** What runs on it, as plain data. */
  save(): SavedRuntime {
    return this.#runtime.save();
  }

  /** Resolves when the node object is registered. */
  async start(): Promise<void> {
    const { name = defaultName, dnsAddress, labels } = this.#settings;
    const { clock } = this.#cluster;
    const runtime = this.#runtime;
    this.#kubelet = new Kubelet({
      ...this.#cluster.contextFor("kubelet", nodeUser(name)),
      runtime,
      images: new SimulatedImages({ clock }),
      nodeName: name,
      nodeAddresses: [
        { type: "InternalIP", address: "127.0.0.1" },
        { type: "Hostname", address: name },
      ],
      rootDirectory: "/var/lib/kubelet",
      ...(labels !== undefined && { labels }),
      dns: { servers: [dnsAddress], domain: "cluster.local" },
      simulated: { logs: runtime.logs, network: runtime.network },
    });
    this.#cluster.connectNode(name, this.#kubelet);
    await this.#kubelet.start(this.#cluster.signal);
  }

  async stop(): Promise<void> {
    if (this.#kubelet === undefined) return;
    this.#cluster.disconnectNode(this.#settings.name ?? defaultName, this.#kubelet);
    await this.#kubelet.stop();
  }
}
