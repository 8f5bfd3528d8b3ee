import { resources } from "../../client/resources.ts";
import type { PodScripts, SavedRuntime } from "../../cri/simulated/index.ts";
import { nthNodeName } from "../names.ts";
import { SimulatedNode, simulatedPodCidr, simulatedPodCidrOf } from "../simulated-node.ts";
import type { ClusterStages } from "../stages.ts";
import { checkNode } from "./check-options.ts";
import { signedDurationMs } from "./duration.ts";
import type { Faults } from "./faults.ts";
import { type FailureKind, NodeFailures } from "./node-failures.ts";
import { NodeView, type NodeViewParts } from "./node-view.ts";
import type { NodeOptions, SignedDuration } from "./options.ts";
import type { NodePlan, NodeTrouble, Pressure, Trouble } from "./trouble.ts";

interface ClusterNodesParts extends NodeViewParts {
  readonly faults: Faults;
  readonly dnsAddress: string;
  /** What pods do, beside their annotations. */
  readonly scripts: PodScripts;
  readonly stages: ClusterStages;
  /** What ran on nodes of the cluster that this one goes on from. */
  readonly saved: ReadonlyMap<string, SavedRuntime> | undefined;
  /** What was wrong with them. */
  readonly trouble: Omit<Trouble, "serverSkewMs"> | undefined;
}

interface RunningNode {
  readonly options: NodeOptions;
  /** Why it says that it is not ready. */
  problem?: string | undefined;
  readonly pressures: Set<Pressure>;
  readonly view: NodeView;
  readonly node: SimulatedNode;
}

/** The simulated nodes of a cluster. */
export class ClusterNodes {
  readonly #parts: ClusterNodesParts;
  readonly #nodes = new Map<string, RunningNode>();
  readonly #partitions = new Map<string, () => void>();
  readonly #failures: NodeFailures;
  readonly #saved: Map<string, SavedRuntime>;
  readonly #troubles: Map<string, NodeTrouble>;
  readonly #plans: Map<string, NodePlan>;
  /** Ranges of addresses that nodes of before go on with, or that their pods still show. */
  readonly #taken: Set<string | undefined>;
  #made = 0;

  constructor(parts: ClusterNodesParts) {
    this.#parts = parts;
    this.#saved = new Map(parts.saved);
    this.#troubles = new Map(Object.entries(parts.trouble?.nodes ?? {}));
    this.#plans = new Map(parts.trouble?.plans.map((plan) => [plan.node.name, plan]));
    this.#taken = new Set([...this.#saved.values()].map(({ addresses }) => addresses.range));
    parts.faults.connect({ server: parts.server, nodes: this });
    this.#failures = new NodeFailures(parts.clock, {
      fail: (name, kind) => this.#fail(name, kind),
      recover: (options, kind) => this.#recover(options, kind),
    });
  }

  /** Of the nodes that run. */
  names(): string[] {
    return [...this.#nodes.keys()];
  }

  /** Resolves when the Node object is there. Throws TypeError when one of the name runs already. */
  async add(options: NodeOptions): Promise<void> {
    const { dnsAddress, scripts, stages } = this.#parts;
    const { name, failures: _, ...traits } = options;
    checkNode(options);
    if (this.#nodes.has(name)) throw new TypeError(`node ${JSON.stringify(name)} runs already`);
    const state = this.#takeSaved(name);
    const { skewMs = 0, problem, pressures = [], isPartitioned = false } = this.#takeTrouble(name);
    const view = new NodeView(this.#parts);
    const node = new SimulatedNode(view, {
      ...traits,
      name,
      podCidr: state?.addresses.range ?? this.#newRange(),
      dnsAddress,
      rules: scripts,
      stages,
      ...(state !== undefined && { saved: state }),
    });
    this.#nodes.set(name, { options, view, node, problem, pressures: new Set(pressures) });
    view.clock.skewMs = skewMs;
    if (problem !== undefined) await node.setProblem(problem);
    for (const what of pressures) await node.setPressure(conditionOf[what], true);
    if (this.#partitions.has(name)) view.partition();
    else if (isPartitioned) this.#isolate(name, view);
    const started = node.start();
    // Its agent comes as soon as it is connected again; nobody can wait for that.
    if (isPartitioned) started.catch(() => undefined);
    else await started;
    this.#failures.plan(options, this.#plans.get(name));
  }

  #takeTrouble(name: string): NodeTrouble {
    const trouble = this.#troubles.get(name) ?? {};
    this.#troubles.delete(name);
    return trouble;
  }

  #isolate(name: string, view: NodeView): void {
    this.#partitions.set(name, this.#parts.faults.isolate(`system:node:${name}`));
    view.partition();
  }

  /** What ran on it, once: when it has crashed and comes back, it is empty. */
  #takeSaved(name: string): SavedRuntime | undefined {
    const state = this.#saved.get(name);
    this.#saved.delete(name);
    return state;
  }

  /** Pods of a node that had crashed before keep their addresses until they are given up. */
  async #keepApart(): Promise<void> {
    const pods = this.#parts.server.cluster.informers.informer(resources.pods);
    await pods.synced();
    for (const { status } of pods.list()) {
      if (status?.podIP !== undefined) this.#taken.add(simulatedPodCidrOf(status.podIP));
    }
  }

  /** One that no other node has, nor had in the cluster that this one goes on from. */
  #newRange(): string {
    for (;;) {
      const range = simulatedPodCidr(this.#made++);
      if (!this.#taken.has(range)) return range;
    }
  }

  /**
   * The node fails, as when its plug is pulled: its agent says nothing more and what ran on it is gone. The Node object
   * stays, and the cluster notices in its own time. `add` brings it back, empty.
   */
  async crash(name: string): Promise<void> {
    const { node, view } = this.#running(name);
    await node.stop();
    view.close();
    this.#nodes.delete(name);
    this.#parts.faults.log.add(`node ${name} crashed`);
  }

  /**
   * Cuts the node off from the API server: its agent and pods go on, each of its requests fails, so that it gives no sign
   * of life, and it hears nothing of what is wanted of it. Its logs and streams are out of reach.
   */
  partition(name: string): void {
    const { view } = this.#running(name);
    if (this.#partitions.has(name)) return;
    this.#isolate(name, view);
    this.#parts.faults.log.add(`node ${name} was cut off`);
  }

  /** Ends a partition: the node learns what has changed, and tells how it is. */
  heal(name: string): void {
    const connect = this.#partitions.get(name);
    if (connect === undefined) return;
    connect();
    this.#partitions.delete(name);
    this.#nodes.get(name)?.view.heal();
    this.#parts.faults.log.add(`node ${name} was connected again`);
  }

  /**
   * The node's clock is so far ahead of the others, or behind when negative: `-5m`. By it the node dates its leases and
   * conditions, and takes its pods' tokens for good or expired. 0 puts it right.
   */
  skew(name: string, by: SignedDuration): void {
    this.#running(name).view.clock.skewMs = signedDurationMs(by);
    this.#parts.faults.log.add(
      `the clock of node ${name} is off by ${typeof by === "number" ? `${by}ms` : by}`,
    );
  }

  /**
   * The node says of itself that it is not ready, and why; its pods go on. `ready` takes it back.
   */
  async notReady(name: string, why = "a fault was injected"): Promise<void> {
    const running = this.#running(name);
    running.problem = why;
    await running.node.setProblem(why);
    this.#parts.faults.log.add(`node ${name} is not ready`);
  }

  async ready(name: string): Promise<void> {
    const running = this.#running(name);
    running.problem = undefined;
    await running.node.setProblem(undefined);
    this.#parts.faults.log.add(`node ${name} is ready again`);
  }

  /** A condition presses on the node, from which a taint follows; with `false` it no longer does. */
  async pressure(name: string, what: Pressure, pressed = true): Promise<void> {
    const running = this.#running(name);
    if (pressed) running.pressures.add(what);
    else running.pressures.delete(what);
    await running.node.setPressure(conditionOf[what], pressed);
    this.#parts.faults.log.add(`node ${name} has ${pressed ? "" : "no more "}pressure of ${what}`);
  }

  /** So many nodes, named node-1, node-2 and so on, or those given. */
  async start(nodes: number | readonly NodeOptions[]): Promise<void> {
    const list =
      typeof nodes === "number"
        ? Array.from({ length: nodes }, (_, index): NodeOptions => ({ name: nthNodeName(index) }))
        : nodes;
    if (this.#parts.saved !== undefined) await this.#keepApart();
    for (const options of list) await this.add(options);
    // Those that had crashed in the cluster that this one goes on from come back in their time.
    for (const plan of this.#plans.values()) this.#failures.plan(plan.node, plan);
  }

  async stop(): Promise<void> {
    this.#failures.stop();
    for (const { view } of this.#nodes.values()) view.close();
    await Promise.all([...this.#nodes.values()].map(({ node }) => node.stop()));
    this.#nodes.clear();
  }

  /** What runs on each node, for a cluster that is to go on from there. */
  save(): Map<string, SavedRuntime> {
    return new Map([...this.#nodes].map(([name, { node }]) => [name, node.save()]));
  }

  /** What is wrong with them, for the same purpose. */
  trouble(): Omit<Trouble, "serverSkewMs"> {
    const nodes = [...this.#nodes].flatMap(
      ([name, { view, problem, pressures }]): [string, NodeTrouble][] => {
        const { skewMs } = view.clock;
        const trouble: NodeTrouble = {
          ...(skewMs !== 0 && { skewMs }),
          ...(problem !== undefined && { problem }),
          ...(pressures.size > 0 && { pressures: [...pressures] }),
          ...(this.#partitions.has(name) && { isPartitioned: true }),
        };
        return Object.keys(trouble).length === 0 ? [] : [[name, trouble]];
      },
    );
    return { nodes: Object.fromEntries(nodes), plans: this.#failures.save() };
  }

  /** Of the nodes that run. */
  options(): NodeOptions[] {
    return [...this.#nodes.values()].map(({ options }) => options);
  }

  async #fail(name: string, kind: FailureKind): Promise<void> {
    if (!this.#nodes.has(name)) return;
    if (kind === "crash") await this.crash(name);
    else if (kind === "partition") this.partition(name);
    else if (kind === "not-ready") await this.notReady(name);
    else await this.pressure(name, pressureOf[kind]);
  }

  async #recover(options: NodeOptions, kind: FailureKind): Promise<void> {
    const { name } = options;
    const running = this.#nodes.get(name);
    if (kind === "crash") {
      if (running === undefined) await this.add(options);
    } else if (kind === "partition") this.heal(name);
    else if (running === undefined) return;
    else if (kind === "not-ready") await this.ready(name);
    else await this.pressure(name, pressureOf[kind], false);
  }

  #running(name: string): RunningNode {
    const found = this.#nodes.get(name);
    if (found !== undefined) return found;
    throw new TypeError(
      `no node ${JSON.stringify(name)} runs; there are ${this.names().join(", ") || "none"}`,
    );
  }
}

const conditionOf = { memory: "MemoryPressure", disk: "DiskPressure", pid: "PIDPressure" } as const;
const pressureOf = { "memory-pressure": "memory", "disk-pressure": "disk", "pid-pressure": "pid" } as const;
