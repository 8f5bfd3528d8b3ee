import { join } from "node:path";
import type { Clock } from "../../apimachinery/clock.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { ByteStream, ExecResult, TerminalStreams } from "../../streaming/node-connection.ts";
import {
  type ContainerConfig,
  type ContainerStats,
  type ContainerStatus,
  CriError,
  type ExecSyncResult,
  type LinuxResources,
  type PodSandboxConfig,
  type PodSandboxStatus,
  type RuntimeEvent,
  type RuntimeService,
  type RuntimeStatus,
} from "../runtime.ts";
import { AddressPool, type SavedAddresses } from "./addresses.ts";
import { type SavedContainer, SimulatedContainer } from "./container.ts";
import { EventStream } from "./event-stream.ts";
import { type SavedLogs, SimulatedLogs } from "./logs.ts";
import { SimulatedNetwork } from "./network.ts";
import type { PodScripts } from "./pod-scripts.ts";
import { aborted, answer, converse, pretendConnection } from "./streams.ts";

export interface SimulatedRuntimeOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Where pod addresses come from: one range per node, or one pool shared by several runtimes. Default 10.244.0.0/24. */
  readonly podCidr?: string;
  readonly addresses?: AddressPool;
  /** Scripts beside those in the pods' annotations. */
  readonly rules?: PodScripts;
  /** How long steps take, beyond what annotations say. All default to 0: nothing is scheduled then. */
  readonly sandboxMs?: number;
  readonly startMs?: number;
}

/** All that a runtime knows, as plain data: what `restore` begins with. */
export interface SavedRuntime {
  readonly sandboxes: readonly {
    readonly id: string;
    readonly config: PodSandboxConfig;
    readonly createdAtMs: number;
    readonly ips: readonly string[];
    readonly ready: boolean;
  }[];
  readonly containers: readonly {
    readonly id: string;
    readonly sandboxId: string;
    readonly config: ContainerConfig;
    readonly state: SavedContainer;
  }[];
  readonly addresses: SavedAddresses;
  readonly logs: SavedLogs;
}

interface Sandbox {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly createdAtMs: number;
  readonly ips: readonly string[];
  readonly containers: Map<string, SimulatedContainer>;
  ready: boolean;
}

/**
 * A container runtime that pretends: pods have addresses, containers start, print, become ready, fail and end when
 * their annotations say so (see script.ts). All of it happens on the given clock, identities come from the given
 * source, and nothing is written to disk: thousands of pods fit into one process.
 *
 * `logs` stands in for the log files and `network` for the wire of HTTP and TCP probes; both are handed to the kubelet.
 */
export class SimulatedRuntime implements RuntimeService {
  readonly logs: SimulatedLogs;
  readonly network: SimulatedNetwork;
  readonly #options: SimulatedRuntimeOptions;
  readonly #addresses: AddressPool;
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #containers = new Map<string, SimulatedContainer>();
  readonly #events = new EventStream();
  #problem: string | undefined;

  constructor(options: SimulatedRuntimeOptions) {
    this.#options = options;
    this.#addresses = options.addresses ?? new AddressPool(options.podCidr ?? "10.244.0.0/24");
    this.logs = new SimulatedLogs(options.clock);
    this.network = new SimulatedNetwork((id) => this.#containers.get(id));
  }

  save(): SavedRuntime {
    return {
      sandboxes: [...this.#sandboxes.values()].map(({ id, config, createdAtMs, ips, ready }) => ({
        id,
        config,
        createdAtMs,
        ips,
        ready,
      })),
      containers: [...this.#containers.values()].map((container) => ({
        id: container.id,
        sandboxId: container.sandboxId,
        config: container.config,
        state: container.save(),
      })),
      addresses: this.#addresses.save(),
      logs: this.logs.save(),
    };
  }

  /** Fills a new runtime. What ran goes on running, as old as it is on this runtime's clock. */
  restore(saved: SavedRuntime): void {
    this.#addresses.restore(saved.addresses);
    this.logs.restore(saved.logs);
    for (const sandbox of saved.sandboxes) {
      this.#sandboxes.set(sandbox.id, { ...sandbox, containers: new Map() });
    }
    for (const { id, sandboxId, config, state } of saved.containers) {
      const sandbox = this.#sandboxes.get(sandboxId);
      if (sandbox !== undefined) this.#addContainer(sandbox, config, id, state);
    }
  }

  /** Says of itself that it is not ready, and why; what runs goes on running. */
  setProblem(problem: string | undefined): void {
    this.#problem = problem;
  }

  status(): Promise<RuntimeStatus> {
    const problem = this.#problem;
    return Promise.resolve({
      name: "sampan-simulated",
      version: "1.36",
      ready: problem === undefined,
      problems: problem === undefined ? [] : [{ what: problem, remedy: "", fatal: true }],
    });
  }

  async runPodSandbox(config: PodSandboxConfig): Promise<string> {
    const { clock, sandboxMs = 0 } = this.#options;
    if (sandboxMs > 0) await clock.sleep(sandboxMs);
    const ips: string[] = [];
    if (!config.hostNetwork) {
      const address = this.#addresses.take();
      if (address === undefined) throw new CriError("resourceExhausted", "no pod address is free");
      ips.push(address);
    }
    const id = this.#newId();
    this.#sandboxes.set(id, {
      id,
      config,
      createdAtMs: clock.now(),
      ips,
      containers: new Map(),
      ready: true,
    });
    return id;
  }

  async stopPodSandbox(sandboxId: string): Promise<void> {
    const sandbox = this.#sandboxes.get(sandboxId);
    if (sandbox === undefined || !sandbox.ready) return;
    sandbox.ready = false;
    for (const address of sandbox.ips) this.#addresses.giveBack(address);
    await Promise.all([...sandbox.containers.values()].map((container) => container.stop(0)));
    this.#events.emit({ type: "stopped", sandboxId, containerId: "" });
  }

  async removePodSandbox(sandboxId: string): Promise<void> {
    await this.stopPodSandbox(sandboxId);
    const sandbox = this.#sandboxes.get(sandboxId);
    if (sandbox === undefined) return;
    for (const id of sandbox.containers.keys()) this.#containers.delete(id);
    await this.logs.removeTree(sandbox.config.logDirectory);
    this.#sandboxes.delete(sandboxId);
  }

  podSandboxStatus(sandboxId: string): Promise<PodSandboxStatus> {
    const sandbox = this.#sandboxes.get(sandboxId);
    if (sandbox === undefined)
      return Promise.reject(new CriError("notFound", `sandbox ${sandboxId} not found`));
    return Promise.resolve(statusOf(sandbox));
  }

  listPodSandboxes(): Promise<PodSandboxStatus[]> {
    return Promise.resolve([...this.#sandboxes.values()].map(statusOf));
  }

  createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    const sandbox = this.#sandboxes.get(sandboxId);
    if (sandbox === undefined || !sandbox.ready) {
      return Promise.reject(new CriError("notFound", `sandbox ${sandboxId} not found or not ready`));
    }
    return Promise.resolve(this.#addContainer(sandbox, config, this.#newId()));
  }

  #addContainer(sandbox: Sandbox, config: ContainerConfig, id: string, saved?: SavedContainer): string {
    const container = new SimulatedContainer({
      id,
      sandboxId: sandbox.id,
      config,
      scripts: [sandbox.config.annotations, ...(this.#options.rules?.settingsFor(sandbox.config) ?? [])],
      logPath: join(sandbox.config.logDirectory, config.logPath),
      clock: this.#options.clock,
      logs: this.logs,
      onExit: (ended, reason) => this.#onExit(ended, reason),
      ...(saved !== undefined && { saved }),
    });
    sandbox.containers.set(id, container);
    this.#containers.set(id, container);
    return id;
  }

  async startContainer(containerId: string): Promise<void> {
    const container = this.#container(containerId);
    if (container.state !== "created") {
      throw new CriError("failedPrecondition", `container ${containerId} is ${container.state}`);
    }
    const delayMs = container.script.startDelayMs + (this.#options.startMs ?? 0);
    if (delayMs > 0) await this.#options.clock.sleep(delayMs);
    const { startError } = container.script;
    if (startError !== undefined) {
      container.failToStart(startError);
      throw new CriError("internal", startError);
    }
    // It may have been stopped while it was starting.
    if (container.state !== "created")
      throw new CriError("failedPrecondition", `container ${containerId} was stopped`);
    this.#events.emit({ type: "started", sandboxId: container.sandboxId, containerId });
    container.start();
  }

  async stopContainer(containerId: string, timeoutMs: number): Promise<void> {
    await this.#containers.get(containerId)?.stop(timeoutMs);
  }

  async removeContainer(containerId: string): Promise<void> {
    const container = this.#containers.get(containerId);
    if (container === undefined) return;
    await container.stop(0);
    this.#containers.delete(containerId);
    this.#sandboxes.get(container.sandboxId)?.containers.delete(containerId);
  }

  containerStatus(containerId: string): Promise<ContainerStatus> {
    const container = this.#containers.get(containerId);
    if (container === undefined)
      return Promise.reject(new CriError("notFound", `container ${containerId} not found`));
    return Promise.resolve(container.status());
  }

  listContainers(filter: { readonly sandboxId?: string } = {}): Promise<ContainerStatus[]> {
    const { sandboxId } = filter;
    const containers =
      sandboxId === undefined ? this.#containers : this.#sandboxes.get(sandboxId)?.containers;
    return Promise.resolve([...(containers?.values() ?? [])].map((container) => container.status()));
  }

  async updateContainerResources(containerId: string, _resources: LinuxResources): Promise<void> {
    this.#container(containerId);
  }

  reopenContainerLog(containerId: string): Promise<void> {
    const container = this.#containers.get(containerId);
    if (container !== undefined) this.logs.touch(container.status().logPath);
    return Promise.resolve();
  }

  async containerStats(containerId: string): Promise<ContainerStats> {
    const { cpuNs, memoryBytes } = this.#container(containerId).usage();
    return {
      cpuUsageNs: cpuNs,
      memoryWorkingSetBytes: memoryBytes,
      memoryUsageBytes: memoryBytes,
      atMs: this.#options.clock.now(),
    };
  }

  async execSync(
    containerId: string,
    command: readonly string[],
    timeoutMs: number,
  ): Promise<ExecSyncResult> {
    const container = this.#running(containerId);
    const outcome = answer(container, command);
    if (outcome.atMs > 0) await this.#options.clock.sleep(Math.min(outcome.atMs, timeoutMs));
    if (outcome.atMs > timeoutMs) {
      throw new CriError("deadlineExceeded", `command ${command.join(" ")} timed out`);
    }
    const collect = (stream: "stdout" | "stderr"): Buffer =>
      Buffer.from(outcome.output.map((part) => (part.stream === stream ? part.text : "")).join(""));
    return { exitCode: outcome.exitCode, stdout: collect("stdout"), stderr: collect("stderr") };
  }

  async exec(
    containerId: string,
    command: readonly string[],
    _tty: boolean,
    streams: TerminalStreams,
    signal: AbortSignal,
  ): Promise<ExecResult> {
    const container = this.#running(containerId);
    return { exitCode: await converse(container, command, streams, this.#options.clock, signal) };
  }

  async attach(
    containerId: string,
    _tty: boolean,
    streams: TerminalStreams,
    signal: AbortSignal,
  ): Promise<void> {
    const container = this.#running(containerId);
    const left = AbortSignal.any([signal]);
    const { stdin, stdout } = streams;
    if (stdin !== undefined && stdout !== undefined) stdin.pipe(stdout, { end: false });
    await Promise.race([container.ended(left), aborted(left)]);
  }

  async portForward(sandboxId: string, _port: number, signal: AbortSignal): Promise<ByteStream> {
    const sandbox = this.#sandboxes.get(sandboxId);
    if (sandbox === undefined || !sandbox.ready)
      throw new CriError("notFound", `sandbox ${sandboxId} not found`);
    const connection = pretendConnection(`${sandbox.config.namespace}/${sandbox.config.name}`);
    signal.addEventListener("abort", () => connection.close(), { once: true });
    return connection;
  }

  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    return this.#events.listen(signal);
  }

  /** The node is gone, and all that ran on it: no timer of it goes off any more. */
  close(): Promise<void> {
    for (const container of this.#containers.values()) container.abandon();
    return Promise.resolve();
  }

  #onExit(container: SimulatedContainer, reason: string): void {
    const { sandboxId, id } = container;
    if (reason === "OOMKilled") this.#events.emit({ type: "oom", sandboxId, containerId: id });
    this.#events.emit({ type: "stopped", sandboxId, containerId: id });
  }

  #container(containerId: string): SimulatedContainer {
    const container = this.#containers.get(containerId);
    if (container === undefined) throw new CriError("notFound", `container ${containerId} not found`);
    return container;
  }

  #running(containerId: string): SimulatedContainer {
    const container = this.#container(containerId);
    if (container.state === "running") return container;
    throw new CriError("failedPrecondition", `container ${containerId} is not running`);
  }

  /** What a container was made from: for tests. Throws when there is none. */
  configOf(containerId: string): ContainerConfig {
    return this.#container(containerId).config;
  }

  /** 64 hexadecimal digits, as runtimes name things. */
  #newId(): string {
    const { random } = this.#options;
    return `${random.uuid()}${random.uuid()}`.replaceAll("-", "");
  }
}

function statusOf({ id, config, createdAtMs, ips, ready }: Sandbox): PodSandboxStatus {
  const { name, namespace, uid, attempt, labels, annotations } = config;
  const state = ready ? "ready" : "notReady";
  return { id, name, namespace, uid, attempt, state, createdAtMs, ips, labels, annotations };
}
