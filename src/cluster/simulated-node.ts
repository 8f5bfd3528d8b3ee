import type { Pod, Taint } from "../api/types/core-v1.ts";
import { tryParseQuantity } from "../apimachinery/quantity.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import {
  type PodScripts,
  type SavedRuntime,
  SimulatedImages,
  SimulatedRuntime,
  scriptProblems,
} from "../cri/simulated/index.ts";
import { Kubelet } from "../kubelet/index.ts";
import type { Cluster } from "./cluster.ts";
import { nodeUser } from "./identities.ts";
import type { ClusterStages } from "./stages.ts";

/** What a simulated node shows of itself. */
export interface NodeTraits {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The label `topology.kubernetes.io/zone`, by which pods are spread. */
  readonly zone?: string;
  /** The label `topology.kubernetes.io/region`. */
  readonly region?: string;
  /** Other than 8 processors, 32 GiB of memory, 100 GiB of disk and 110 pods: `{ cpu: "64", "example.com/gpu": "4" }`. */
  readonly capacity?: Readonly<Record<string, string>>;
  /** Held back from pods: capacity minus this is allocatable. */
  readonly reserved?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  /** False leaves out the events that tell of what goes well: pulled, created, started. Default true. */
  readonly events?: boolean;
}

export interface SimulatedNodeSettings extends NodeTraits {
  /** Default `simulated`. */
  readonly name?: string;
  readonly podCidr: string;
  readonly dnsAddress: string;
  /** Scripts of pods beside their annotations. */
  readonly rules?: PodScripts;
  /** Stages, which may rule its pods and itself. */
  readonly stages?: ClusterStages;
  /** What ran on it when it was saved. */
  readonly saved?: SavedRuntime;
}

/** What a node has of its cluster. */
export type NodeHome = Pick<
  Cluster,
  "clock" | "random" | "signal" | "contextFor" | "connectNode" | "disconnectNode"
>;

const defaultName = "simulated";

/** A range of addresses for the pods of each of many nodes, the first being 0. */
export const simulatedPodCidr = (index: number): string => `10.${128 + (index >> 8)}.${index & 255}.0/24`;

/** The range that an address of one of them is in. */
export const simulatedPodCidrOf = (address: string): string =>
  `${address.slice(0, address.lastIndexOf("."))}.0/24`;

/** A node whose pods only pretend to run: for machines without root, and for tests. */
export class SimulatedNode {
  readonly #cluster: NodeHome;
  readonly #settings: SimulatedNodeSettings;
  readonly #runtime: SimulatedRuntime;
  /** Conditions that press on it. */
  readonly #pressures = new Map<string, string>();
  /** How often it has changed. */
  #changes = 0;
  #kubelet: Kubelet | undefined;

  /** Throws TypeError for quantities that are none. */
  constructor(cluster: NodeHome, settings: SimulatedNodeSettings) {
    this.#cluster = cluster;
    this.#settings = settings;
    const { clock, random } = cluster;
    const { podCidr, rules } = settings;
    checkQuantities("capacity", settings.capacity);
    checkQuantities("reserved", settings.reserved);
    this.#runtime = new SimulatedRuntime({ clock, random, podCidr, ...(rules !== undefined && { rules }) });
    if (settings.saved !== undefined) this.#runtime.restore(settings.saved);
  }

  /** What runs on it, as plain data. */
  save(): SavedRuntime {
    return this.#runtime.save();
  }

  /** Resolves when the node object is registered. */
  async start(): Promise<void> {
    const {
      name = defaultName,
      dnsAddress,
      annotations,
      capacity,
      reserved,
      taints,
      stages,
    } = this.#settings;
    const { clock } = this.#cluster;
    const runtime = this.#runtime;
    const context = this.#cluster.contextFor("kubelet", nodeUser(name));
    const images = new SimulatedImages({ clock });
    this.#kubelet = new Kubelet({
      ...context,
      events: this.#settings.events === false ? warningsOnly(context.events) : context.events,
      runtime,
      images,
      nodeName: name,
      nodeAddresses: [
        { type: "InternalIP", address: "127.0.0.1" },
        { type: "Hostname", address: name },
      ],
      rootDirectory: "/var/lib/kubelet",
      labels: labelsOf(this.#settings),
      ...(annotations !== undefined && { annotations }),
      ...(capacity !== undefined && { capacity }),
      ...(reserved !== undefined && { reserved }),
      ...(taints !== undefined && { taints }),
      dns: { servers: [dnsAddress], domain: "cluster.local" },
      simulated: {
        logs: runtime.logs,
        network: runtime.network,
        scriptProblems: problemsOf,
        pressures: () => this.#pressures,
        revision: () => this.#changes + images.revision,
        ...(stages !== undefined && {
          ruledElsewhere: (pod: Pod) => stages.rulesPod(pod),
          toldElsewhere: () => stages.tellOfNodes(),
        }),
      },
    });
    this.#cluster.connectNode(name, this.#kubelet);
    stages?.setNode(name, true);
    await this.#kubelet.start(this.#cluster.signal);
  }

  /** The node says that it is not ready, and why, until `undefined` takes it back. */
  async setProblem(problem: string | undefined): Promise<void> {
    this.#runtime.setProblem(problem);
    this.#changes++;
    await this.#kubelet?.report();
  }

  /** A condition that presses on the node, as `MemoryPressure`: its agent tells of it and takes no heed otherwise. */
  async setPressure(condition: string, pressed: boolean): Promise<void> {
    if (pressed) this.#pressures.set(condition, "");
    else this.#pressures.delete(condition);
    this.#changes++;
    await this.#kubelet?.report();
  }

  /** For good: what ran on it is gone. */
  async stop(): Promise<void> {
    if (this.#kubelet === undefined) return;
    const { name = defaultName, stages } = this.#settings;
    stages?.setNode(name, false);
    this.#cluster.disconnectNode(name, this.#kubelet);
    await this.#kubelet.stop();
    await this.#runtime.close();
  }
}

function labelsOf({ labels, zone, region }: NodeTraits): Record<string, string> {
  return {
    ...(region !== undefined && { "topology.kubernetes.io/region": region }),
    ...(zone !== undefined && { "topology.kubernetes.io/zone": zone }),
    ...labels,
  };
}

function checkQuantities(what: string, quantities: Readonly<Record<string, string>> = {}): void {
  for (const [resource, text] of Object.entries(quantities)) {
    if (tryParseQuantity(text) === undefined) {
      throw new TypeError(`${what} of ${resource}: ${JSON.stringify(text)} is no quantity`);
    }
  }
}

function problemsOf({ metadata, spec }: Pod): readonly string[] {
  if (metadata.annotations === undefined) return [];
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return scriptProblems(
    metadata.annotations,
    containers.map(({ name }) => name),
  );
}

function warningsOnly(events: EventRecorder): EventRecorder {
  return {
    event: (about, type, ...rest) => {
      if (type === "Warning") events.event(about, type, ...rest);
    },
    forComponent: (component, host) => warningsOnly(events.forComponent(component, host)),
  };
}
