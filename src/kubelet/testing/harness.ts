import type { Container, ContainerStatus, Node, Pod, PodSpec } from "../../api/types/core-v1.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { newClient, type ResourceReference } from "../../client/client.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { resources } from "../../client/resources.ts";
import { SharedInformerFactory } from "../../client/shared-informer-factory.ts";
import { FakeTransport } from "../../client/testing/fake-transport.ts";
import { SimulatedImages, type SimulatedImagesOptions, SimulatedRuntime } from "../../cri/simulated/index.ts";
import { Kubelet } from "../kubelet.ts";
import type { KubeletOptions } from "../options.ts";
import { trustBundles } from "../sources.ts";

export interface HarnessOptions {
  readonly images?: Partial<SimulatedImagesOptions>;
  readonly kubelet?: Partial<KubeletOptions>;
  /** How often the node has changed; without it nobody counts. */
  readonly revision?: () => number;
  /** A directory: the kubelet then writes to disk, as over a real runtime. */
  readonly disk?: string;
}

/** A kubelet on a virtual clock, with a simulated runtime and an API server in memory. */
export class Harness {
  readonly clock = new VirtualClock();
  readonly transport: FakeTransport;
  readonly client: ReturnType<typeof newClient>;
  readonly runtime: SimulatedRuntime;
  readonly images: SimulatedImages;
  readonly events: string[] = [];
  readonly #options: HarnessOptions;
  #stop = new AbortController();
  kubelet: Kubelet;

  constructor(options: HarnessOptions = {}) {
    this.#options = options;
    const random = new SeededRandom(1);
    this.transport = new FakeTransport({ clock: this.clock, random, references: [trustBundles] });
    this.client = newClient(this.transport);
    this.runtime = new SimulatedRuntime({ clock: this.clock, random });
    this.images = new SimulatedImages({ clock: this.clock, ...options.images });
    this.kubelet = this.#newKubelet();
  }

  async start(): Promise<void> {
    await this.kubelet.start(this.#stop.signal);
    await this.settle();
  }

  /** Ends the kubelet and begins another over the same runtime, as a restart of Sampan does. */
  async restart(): Promise<void> {
    this.#stop.abort();
    await this.kubelet.stop();
    this.#stop = new AbortController();
    this.kubelet = this.#newKubelet();
    await this.start();
  }

  stop(): Promise<void> {
    this.#stop.abort();
    return this.kubelet.stop();
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 12; turn++) await this.clock.advance(0);
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.settle();
  }

  async create<T extends KubernetesObject>(object: T): Promise<T> {
    const references: readonly ResourceReference[] = Object.values(resources);
    const reference = references.find(
      ({ kind, group }) => kind === object.kind && group === groupOf(object.apiVersion),
    );
    if (reference === undefined) throw new Error(`no resource for ${object.kind}`);
    const created = await this.client.resource(reference).create(object);
    await this.settle();
    return created as T;
  }

  /** Creates a pod bound to the node, and lets it begin. */
  createPod(
    name: string,
    spec: Partial<PodSpec> = {},
    annotations: Record<string, string> = {},
  ): Promise<Pod> {
    return this.create(newPod(name, spec, annotations));
  }

  pod(name: string): Promise<Pod> {
    return this.client.resource(resources.pods).get(name, { namespace: "default" });
  }

  async exists(name: string): Promise<boolean> {
    try {
      await this.pod(name);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async deletePod(name: string, gracePeriodSeconds?: number): Promise<void> {
    const options = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    await this.client.resource(resources.pods).delete(name, { namespace: "default", ...options });
    await this.settle();
  }

  node(): Promise<Node> {
    return this.client.resource(resources.nodes).get("node-1");
  }

  #newKubelet(): Kubelet {
    const { clock, client, runtime, images } = this;
    const informers = new SharedInformerFactory({ client, clock, logger: silentLogger });
    const kubelet = new Kubelet({
      client,
      informers,
      runtime,
      images,
      clock,
      random: new SeededRandom(2),
      logger: silentLogger,
      events: this.#recorder(),
      nodeName: "node-1",
      nodeAddresses: [
        { type: "InternalIP", address: "192.168.0.1" },
        { type: "Hostname", address: "node-1" },
      ],
      rootDirectory: this.#options.disk ?? "/nowhere",
      dns: { servers: ["10.96.0.10"], domain: "cluster.local" },
      ...(this.#options.disk === undefined
        ? {
            simulated: {
              logs: runtime.logs,
              network: runtime.network,
              ...(this.#options.revision !== undefined && { revision: this.#options.revision }),
            },
          }
        : {}),
      ...this.#options.kubelet,
    });
    informers.start(this.#stop.signal).catch(() => undefined);
    return kubelet;
  }

  #recorder(): EventRecorder {
    const recorder: EventRecorder = {
      event: (about, type, reason, message, fieldPath) => {
        const part = fieldPath === undefined ? "" : ` ${fieldPath}`;
        this.events.push(`${about.metadata.name}${part} ${type} ${reason}: ${message}`);
      },
      forComponent: () => recorder,
    };
    return recorder;
  }
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
}

/** A pod as the API server and the scheduler leave it: defaults filled in, bound to node-1. */
export function newPod(
  name: string,
  spec: Partial<PodSpec> = {},
  annotations: Record<string, string> = {},
): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", annotations },
    spec: {
      containers: [newContainer("app")],
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      dnsPolicy: "ClusterFirst",
      nodeName: "node-1",
      ...spec,
    },
  };
}

/** What a pod says of its first container. */
export const app = (pod: Pod): ContainerStatus | undefined => pod.status?.containerStatuses?.[0];

export function newContainer(name: string, rest: Partial<Container> = {}): Container {
  return {
    name,
    image: "example.com/app:1",
    imagePullPolicy: "IfNotPresent",
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    ...rest,
  };
}
