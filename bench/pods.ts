/**
 * Real pods through the API of a running cluster: how long one alone takes from its creation to Running, and how many
 * start per second when all are created at once. The image is present, as the bounds say. Needs root and crun.
 *
 *   npm run bench -- pods [--count 60] [--alone 15] [--runs 3] [--image busybox|host] [--runtime crun|simulated]
 *                         [--program FOLDER]
 */
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import type { Pod } from "../src/api/types/core-v1.ts";
import type { Client } from "../src/client/client.ts";
import { resources } from "../src/client/resources.ts";
import { hostImageName } from "../src/images/host-image.ts";
import { buildBusybox } from "../test/images/build.ts";
import { BenchCluster, repository } from "./parts/bench-cluster.ts";
import { median, quantile, report } from "./parts/figures.ts";
import { busyNote, emptyNode } from "./parts/processes.ts";

const { values: options } = parseArgs({
  options: {
    count: { type: "string", default: "60" },
    alone: { type: "string", default: "15" },
    runs: { type: "string", default: "3" },
    image: { type: "string", default: "busybox" },
    runtime: { type: "string", default: "crun" },
    program: { type: "string", default: repository },
  },
});
const namespace = "default";

interface Image {
  readonly name: string;
  readonly command: readonly string[];
}

/** A small program that waits until it is asked to end, so that the runtime is measured and not what it runs. */
async function imageFor(cluster: BenchCluster): Promise<Image> {
  if (options.image === "host" || options.runtime === "simulated") {
    const program = `setInterval(() => {}, 1e6); process.on("SIGTERM", () => process.exit(0));`;
    return { name: hostImageName, command: ["node", "-e", program] };
  }
  const { archive, name } = await buildBusybox();
  const importing = ["image", "import", archive, "--name", cluster.name];
  execFileSync(cluster.node, [...cluster.main, ...importing], { env: cluster.environment });
  return { name, command: ["sh", "-c", "trap exit TERM; sleep 100000 & wait"] };
}

function newPod(name: string, { name: image, command }: Image): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace },
    spec: {
      containers: [{ name: "main", image, command: [...command], imagePullPolicy: "IfNotPresent" }],
      terminationGracePeriodSeconds: 1,
    },
  };
}

/** Follows the pods of the namespace and tells when one runs, and when one is gone. */
class PodWatch {
  readonly #waiting = new Map<string, () => void>();
  readonly #stop = new AbortController();

  async start(client: Client): Promise<void> {
    const pods = client.resource(resources.pods);
    const { metadata } = await pods.list({ namespace });
    const resourceVersion = metadata.resourceVersion ?? "";
    const events = pods.watch({ namespace, resourceVersion, signal: this.#stop.signal });
    void (async () => {
      for await (const { type, object } of events) {
        const state = type === "DELETED" ? "gone" : (object.status?.phase ?? "");
        this.#waiting.get(`${object.metadata.name} ${state}`)?.();
      }
    })().catch((error: unknown) => console.error(error));
  }

  /** Resolves at the next event that shows the pod so. */
  until(name: string, state: "Running" | "gone"): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(`${name} ${state}`, resolve));
  }

  stop(): void {
    this.#stop.abort();
  }
}

const cluster = new BenchCluster({
  runtime: options.runtime === "simulated" ? "simulated" : "crun",
  program: options.program,
});

async function main(): Promise<void> {
  await cluster.up();
  const image = await imageFor(cluster);
  const client = cluster.newClient();
  const pods = client.resource(resources.pods);
  const watch = new PodWatch();
  await watch.start(client);

  const start = async (name: string): Promise<void> => {
    const running = watch.until(name, "Running");
    await pods.create(newPod(name, image));
    await running;
  };
  const remove = async (name: string): Promise<void> => {
    const gone = watch.until(name, "gone");
    await pods.delete(name, { namespace });
    await gone;
  };

  await start("warm-up");
  await remove("warm-up");
  const aloneMs: number[] = [];
  const goneMs: number[] = [];
  for (let n = 0; n < Number(options.alone); n++) {
    const startedMs = performance.now();
    await start(`alone-${n}`);
    const runningMs = performance.now();
    await remove(`alone-${n}`);
    aloneMs.push(runningMs - startedMs);
    goneMs.push(performance.now() - runningMs);
  }

  const count = Number(options.count);
  const perSecond: number[] = [];
  const removedPerSecond: number[] = [];
  for (let run = 0; run < Number(options.runs); run++) {
    const names = Array.from({ length: count }, (_, n) => `many-${run}-${n}`);
    const startedMs = performance.now();
    await Promise.all(names.map(start));
    const runningMs = performance.now();
    await Promise.all(names.map(remove));
    perSecond.push((count / (runningMs - startedMs)) * 1000);
    removedPerSecond.push((count / (performance.now() - runningMs)) * 1000);
  }
  watch.stop();
  const { startMs } = await emptyNode(cluster.node);
  report(
    `Pods of ${image.name} (${options.runtime}); ${busyNote()}; an empty Node starts in ${startMs.toFixed(0)} ms`,
    [
      {
        name: "one alone, creation to Running, p50",
        value: median(aloneMs),
        unit: "ms",
        atMost: 100,
        note: `p90 ${quantile(aloneMs, 0.9).toFixed(0)} ms; ${(median(aloneMs) / startMs).toFixed(1)}× an empty Node`,
      },
      { name: "one alone, deletion to gone, p50", value: median(goneMs), unit: "ms" },
      {
        name: `${count} created at once`,
        value: median(perSecond),
        unit: "pods/s",
        atLeast: 20,
        note: `runs: ${perSecond.map((value) => value.toFixed(1)).join(", ")}`,
      },
      { name: `${count} deleted at once`, value: median(removedPerSecond), unit: "pods/s" },
    ],
  );
}

try {
  await main();
} finally {
  await cluster.remove();
}
