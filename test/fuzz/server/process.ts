/**
 * The cluster under test, in a process of its own: a crash is one, memory is its own, and what keeps its event loop busy
 * is the server. It is told by its parent what to do and reports what must not happen.
 */
import { setFlagsFromString, writeHeapSnapshot } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Logger } from "../../../src/apimachinery/logger.ts";
import { Cluster } from "../../../src/cluster/cluster.ts";
import { SimulatedNode } from "../../../src/cluster/simulated-node.ts";
import { inspectStore } from "./inspect-store.ts";
import { type Measurement, type Question, type Report, stallLimitMs } from "./messages.ts";
import { stayAtHome } from "./stay-at-home.ts";
import { Sweeper } from "./sweeper.ts";

stayAtHome();
// Both are opened by the first that writes to them, which is no socket that a request left behind.
for (const stream of [process.stdout, process.stderr]) stream.write("");
let isReady = false;
const tell = (report: Report): void => void process.send?.(report);
const fault = (text: string): void => tell({ type: "fault", text });

process.on("unhandledRejection", (reason) => fault(`unhandled rejection: ${textOf(reason)}`));
process.on("uncaughtException", (error) => {
  fault(`uncaught exception: ${textOf(error)}`);
  // Without a cluster there is nothing to ask.
  if (!isReady) process.exit(1);
});

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `, because of ${error.cause.message}` : "";
  return `${error.stack ?? error.message}${cause}`;
}

/** Passes on what the API server itself did not expect; what controllers complain of is not its concern. */
const logger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error(message, fields) {
    if (message === "request failed unexpectedly" || message === "an answer could not be sent") {
      fault(`${message}: ${JSON.stringify(fields)}`);
    }
  },
  named: () => logger,
};

const tokens = new Map([
  ["admin", { name: "fuzz-admin", groups: ["system:masters", "system:authenticated"] }],
  ["viewer", { name: "fuzz-viewer", groups: ["system:authenticated"] }],
  ["nothing", { name: "", groups: [] }],
]);
const dnsAddress = "10.96.0.10";
const cluster = new Cluster({
  dnsAddress,
  logger,
  apiEndpoint: { ip: "10.0.0.1", port: 6443 },
  security: {
    staticTokens: new Map(Array.from(tokens, ([token, user]) => [token, { uid: "", extra: {}, ...user }])),
  },
});
await cluster.startApi();
const port = await cluster.listen({ address: "127.0.0.1", port: 0 });
await cluster.bootstrap();
await cluster.startControllers();
const node = new SimulatedNode(cluster, { podCidr: "10.244.0.0/24", dnsAddress });
await node.start();
const sweeper = await Sweeper.start(cluster);

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** How long the event loop was busy between two looks at it: what it does there, nobody else is served. */
class BusyMeter {
  #lastUs = this.#nowUs();
  #busiestMs = 0;
  /** What the parent asks for itself is not the fault of a request. */
  #isPaused = false;

  constructor() {
    setInterval(() => this.look(), 10).unref();
  }

  look(): void {
    const nowUs = this.#nowUs();
    const cpuMs = (nowUs - this.#lastUs) / 1000;
    this.#lastUs = nowUs;
    if (this.#isPaused) return;
    this.#busiestMs = Math.max(this.#busiestMs, cpuMs);
    if (cpuMs > stallLimitMs) tell({ type: "stall", cpuMs });
  }

  takeBusiest(): number {
    const taken = this.#busiestMs;
    this.#busiestMs = 0;
    return taken;
  }

  async pausedFor<T>(work: () => Promise<T>): Promise<T> {
    this.#isPaused = true;
    try {
      return await work();
    } finally {
      this.look();
      this.#isPaused = false;
    }
  }

  #nowUs(): number {
    const { user, system } = process.threadCpuUsage();
    return user + system;
  }
}
const meter = new BusyMeter();

async function measure(): Promise<Measurement> {
  await cluster.storage.compact(await cluster.storage.revision());
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    collectGarbage();
  }
  // For who looks for what it is that grows.
  const folder = process.env["FUZZ_SNAPSHOTS"];
  if (folder !== undefined) writeHeapSnapshot(`${folder}/${Date.now()}.heapsnapshot`);
  const { heapUsed, external, rss } = process.memoryUsage();
  const handles: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) handles[name] = (handles[name] ?? 0) + 1;
  const { items } = await cluster.storage.list("/");
  return {
    heapBytes: heapUsed,
    externalBytes: external,
    residentBytes: rss,
    handles,
    storedObjects: items.length,
  };
}

/** What failed for want of rights is tried again after minutes; who begins anew tries at once. */
async function restartControllers(): Promise<void> {
  for (const name of cluster.controllerNames()) {
    await cluster.stopController(name);
    cluster.startController(name);
  }
}

/** The seats of priority levels that stay taken while no request is under way but those of the cluster's own parts. */
async function seatsHeld(): Promise<readonly string[]> {
  let held: readonly string[] = [];
  for (let attempt = 0; attempt < 100; attempt++) {
    const now = cluster.server.metrics
      .text()
      .split("\n")
      .filter((line) => /^apiserver_flowcontrol_current_executing_seats\{.*\} [1-9]/.test(line));
    // Whoever comes and goes is not there each time.
    held = attempt === 0 ? now : now.filter((line) => held.some((earlier) => isSameSeries(earlier, line)));
    if (held.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return held;
}

const isSameSeries = (a: string, b: string): boolean =>
  a.slice(0, a.indexOf("}")) === b.slice(0, b.indexOf("}"));

function answer(question: Question): Promise<unknown> {
  switch (question.type) {
    case "sweep":
      return meter.pausedFor(async () => {
        if (await sweeper.restoreRights()) await restartControllers();
        const left = await sweeper.sweep();
        for (const seats of await seatsHeld()) fault(`held for requests that are over: ${seats}`);
        return left;
      });
    case "measure":
      return meter.pausedFor(measure);
    case "inspect":
      return meter.pausedFor(() => inspectStore(cluster.storage));
    case "busiest":
      // After whatever is still queued.
      return new Promise((resolve) =>
        setTimeout(() => {
          meter.look();
          resolve(meter.takeBusiest());
        }, 15),
      );
    case "stop":
      return node.stop().then(() => cluster.stop());
  }
}

process.on("message", (question: Question) => {
  answer(question).then(
    (value) => {
      tell({ type: "answer", value });
      if (question.type === "stop") process.disconnect();
    },
    (error: unknown) => {
      fault(`${question.type}: ${textOf(error)}`);
      tell({ type: "answer", value: undefined });
    },
  );
});
process.on("disconnect", () => process.exit());
isReady = true;
tell({ type: "ready", port, ca: cluster.pki.authority.certificate });
