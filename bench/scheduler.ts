/**
 * Pods scheduled per second over simulated nodes: from the pod's arrival at the informer to its binding, against an API
 * server that answers at once, so that what is measured is the scheduler. Each workload runs in the same process, one
 * after the other; "plain" is the bound of the house plan (3,000 pods/s over 1,000 nodes).
 *
 *   node bench/scheduler.ts [nodes, default 1000] [pods, default 10000]
 */
import type { Node, Pod, PodSpec } from "../src/api/types/core-v1.ts";
import { RealClock } from "../src/apimachinery/clock.ts";
import { silentLogger } from "../src/apimachinery/logger.ts";
import { type KubernetesObject, keyOf } from "../src/apimachinery/object.ts";
import { SeededRandom } from "../src/apimachinery/random.ts";
import type {
  Transport,
  TransportRequest,
  TransportResponse,
  WatchEvent,
} from "../src/apimachinery/transport.ts";
import { newClient } from "../src/client/client.ts";
import type { EventRecorder } from "../src/client/event-recorder.ts";
import { SharedInformerFactory } from "../src/client/shared-informer-factory.ts";
import { Scheduler } from "../src/scheduler/scheduler.ts";

const nodeCount = Number(process.argv[2] ?? 1000);
const podCount = Number(process.argv[3] ?? 10_000);

/** Lists and watches of what it is given; a binding sets the node and is heard by the watch. */
class InstantServer implements Transport {
  readonly #objects = new Map<string, Map<string, KubernetesObject>>();
  #revision = 1;
  #bound = 0;
  #wanted = 0;
  #allBound = Promise.withResolvers<void>();
  readonly #changes = new Map<string, WatchEvent[]>();
  readonly #wakers = new Map<string, () => void>();

  add(resource: string, object: KubernetesObject): void {
    object.metadata.resourceVersion = String(++this.#revision);
    const objects = this.#objects.get(resource) ?? new Map<string, KubernetesObject>();
    this.#objects.set(resource, objects.set(keyOf(object), object));
    this.#publish(resource, { type: "ADDED", object } as WatchEvent);
  }

  allBound(count: number): Promise<void> {
    this.#wanted = this.#bound + count;
    this.#allBound = Promise.withResolvers<void>();
    return this.#allBound.promise;
  }

  async request({ method, path, body }: TransportRequest): Promise<TransportResponse> {
    const parts = path.split("/");
    if (method === "POST" && parts.at(-1) === "binding")
      this.#bind(parts, body as { target: { name: string } });
    const items = method === "GET" ? [...(this.#objects.get(parts.at(-1) ?? "")?.values() ?? [])] : [];
    const list = { metadata: { resourceVersion: String(this.#revision) }, items };
    return { status: 200, body: list, warnings: [] };
  }

  #bind(parts: readonly string[], { target }: { readonly target: { readonly name: string } }): void {
    const pods = this.#objects.get("pods");
    const key = `${parts.at(-4)}/${parts.at(-2)}`;
    const pod = pods?.get(key) as Pod | undefined;
    if (pods === undefined || pod === undefined) throw new Error(`no pod ${key}`);
    const metadata = { ...pod.metadata, resourceVersion: String(++this.#revision) };
    const next: Pod = {
      ...pod,
      metadata,
      spec: { ...(pod.spec ?? { containers: [] }), nodeName: target.name },
    };
    pods.set(key, next);
    this.#publish("pods", { type: "MODIFIED", object: next } as unknown as WatchEvent);
    if (++this.#bound === this.#wanted) this.#allBound.resolve();
  }

  #publish(resource: string, event: WatchEvent): void {
    this.#changes.get(resource)?.push(event);
    this.#wakers.get(resource)?.();
  }

  async *watch({ path }: Omit<TransportRequest, "method" | "body">): AsyncGenerator<WatchEvent> {
    const resource = path.split("/").at(-1) ?? "";
    for (;;) {
      const pending = this.#changes.get(resource) ?? [];
      this.#changes.set(resource, []);
      yield* pending;
      if ((this.#changes.get(resource) ?? []).length > 0) continue;
      await new Promise<void>((resolve) => this.#wakers.set(resource, resolve));
    }
  }

  stream(): Promise<never> {
    throw new Error("not served");
  }

  connect(): Promise<never> {
    throw new Error("not served");
  }
}

const noEvents: EventRecorder = { event() {}, forComponent: () => noEvents };

function newNode(index: number): Node {
  const name = `node-${index}`;
  const labels = {
    "kubernetes.io/hostname": name,
    "topology.kubernetes.io/zone": `zone-${index % 3}`,
  };
  const allocatable = { cpu: "64", memory: "256Gi", pods: "500" };
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels }, spec: {}, status: { allocatable } };
}

function newPod(name: string, spec: Partial<PodSpec>): Pod {
  const containers = [
    { name: "main", image: "app:1", resources: { requests: { cpu: "100m", memory: "128Mi" } } },
  ];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid: name, labels: { app: name.split("-")[0] ?? "" } },
    spec: { containers, ...spec },
  };
}

const own = { matchLabels: { app: "spread" } };
const workloads: Readonly<Record<string, Partial<PodSpec>>> = {
  plain: {},
  selector: { nodeSelector: { "topology.kubernetes.io/zone": "zone-1" } },
  spread: {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "topology.kubernetes.io/zone",
        whenUnsatisfiable: "DoNotSchedule",
        labelSelector: own,
      },
    ],
  },
  affinity: {
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 100,
            podAffinityTerm: {
              topologyKey: "kubernetes.io/hostname",
              labelSelector: { matchLabels: { app: "affinity" } },
            },
          },
        ],
      },
    },
  },
};

async function main(): Promise<void> {
  const server = new InstantServer();
  for (let index = 0; index < nodeCount; index++) server.add("nodes", newNode(index));
  const client = newClient(server);
  const clock = new RealClock();
  const informers = new SharedInformerFactory({ client, clock, logger: silentLogger });
  const random = new SeededRandom(1);
  const scheduler = new Scheduler({
    client,
    informers,
    events: noEvents,
    clock,
    random,
    logger: silentLogger,
  });
  const controller = new AbortController();
  await informers.start(controller.signal);
  await scheduler.start(controller.signal);
  for (const [name, spec] of Object.entries(workloads)) {
    const beforeMs = performance.now();
    const done = server.allBound(podCount);
    for (let index = 0; index < podCount; index++) server.add("pods", newPod(`${name}-${index}`, spec));
    await done;
    const perSecond = (podCount * 1000) / (performance.now() - beforeMs);
    console.log(`${name.padEnd(10)} ${perSecond.toFixed(0).padStart(7)} pods/s over ${nodeCount} nodes`);
  }
  process.exit(0);
}

await main();
