/**
 * The embedded runtime: namespaces, networks and mounts of our own, and a conmon with crun (or runc) per container. All
 * that it knows lies below its root directory (places.ts), so containers run on while no one is there, and `open` finds
 * them again.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../apimachinery/clock.ts";
import type { HostPorts } from "../../apimachinery/host-ports.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { ImageStore } from "../../images/image-store.ts";
import { detectCgroups } from "../../linux/cgroups.ts";
import { findProgram, probeHost } from "../../linux/host.ts";
import { openSystem, type System } from "../../linux/system.ts";
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
  type RuntimeProblem,
  type RuntimeService,
  type RuntimeStatus,
} from "../runtime.ts";
import { AddressPool } from "./addresses.ts";
import { attach } from "./attach.ts";
import { reopenLog } from "./conmon.ts";
import {
  containerCgroup,
  containerStatus,
  createContainer,
  noteExit,
  removeContainer,
  removeOrphans,
  startContainer,
  stopContainer,
  updateResources,
} from "./containers.ts";
import { type Engine, requireContainer, requireSandbox } from "./engine.ts";
import { EventHub } from "./event-hub.ts";
import { exec, execSync } from "./exec.ts";
import { ExitWatch } from "./exit-watch.ts";
import { hostDevices, minimumOomScoreAdj, openFileLimits } from "./host-facts.ts";
import { KeyedLock, Limiter } from "./limiter.ts";
import { OciRuntime } from "./oci-runtime.ts";
import { Places } from "./places.ts";
import { PodNetworkTable } from "./pod-network.ts";
import { portForward } from "./port-forward.ts";
import { purgeRuntime } from "./purge.ts";
import { type ContainerRecord, Records, type SandboxRecord } from "./records.ts";
import {
  describeSandbox,
  holdHostPorts,
  removeSandbox,
  removeSandboxOrphans,
  runSandbox,
  sandboxStatus,
  stopSandbox,
} from "./sandboxes.ts";

export interface CrunRuntimeOptions {
  /** All state; private to this runtime. */
  readonly rootDirectory: string;
  /** Addresses of this node's pods; the first is the gateway. */
  readonly podCidr: string;
  /** At most 8 characters, unlike that of any other cluster on the machine: names interfaces, tables and groups. */
  readonly interfacePrefix: string;
  readonly images: ImageStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where `localhostProfile` names point to; `<rootDirectory>/seccomp` when absent. */
  readonly seccompDirectory?: string;
  /** Largest packet of pods: that of the host's way out. 1400 when absent fits every tunnel. */
  readonly mtu?: number;
  /** Makes its system calls; one of its own when absent. Ends with the runtime. */
  readonly system?: System;
  /** Host ports are the machine's, which other clusters may share; without it all are this one's. */
  readonly hostPorts?: HostPorts;
  /** Insists on one; crun, or runc where it is not installed, when absent. */
  readonly ociRuntime?: "crun" | "runc";
}

/** Twice the processors: more at once only makes each wait longer. */
const startPlaces = Math.max(2, 2 * availableParallelism());

export class CrunRuntime implements RuntimeService {
  readonly #engine: Engine;
  readonly #locks = new KeyedLock();
  readonly #starts = new Limiter(startPlaces);

  private constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Takes up what an earlier process left. Throws `failedPrecondition` naming what the host lacks. Quick: the slow parts
   * (the system thread, the network table) go on behind it, and the first sandbox waits for them.
   */
  static async open(options: CrunRuntimeOptions): Promise<CrunRuntime> {
    const engine = openEngine(options);
    const runtime = new CrunRuntime(engine);
    const watch = (): void =>
      engine.exitWatch.start((id) => {
        if (id === undefined) runtime.#lookAtAll();
        else noteExit(engine, id);
      });
    if (engine.placesReady === undefined) watch();
    else {
      engine.placesReady.then(watch).catch((error: unknown) =>
        options.logger.error("the folder for running containers could not be mounted", {
          error: String(error),
        }),
      );
    }
    await removeOrphans(engine);
    await removeSandboxOrphans(engine);
    runtime.#lookAtAll();
    return runtime;
  }

  async status(): Promise<RuntimeStatus> {
    const problems = [...probeHost(), ...(await this.#degradations())];
    return {
      name: `sampan-${this.#engine.oci.name}`,
      version: "1.36",
      ready: !problems.some((problem) => problem.fatal),
      problems,
    };
  }

  async runPodSandbox(config: PodSandboxConfig): Promise<string> {
    return this.#starts.run(() => runSandbox(this.#engine, config));
  }

  async stopPodSandbox(sandboxId: string): Promise<void> {
    await this.#locks.run(sandboxId, async () => {
      const record = this.#engine.sandboxes.get(sandboxId);
      // From here on no container can be added to it.
      if (record?.ready === true) this.#engine.sandboxes.put({ ...record, ready: false });
      const containers = this.#containersOf(sandboxId);
      await Promise.all(
        containers.map((id) => this.#locks.run(id, () => stopContainer(this.#engine, id, 0))),
      );
      await stopSandbox(this.#engine, sandboxId);
    });
  }

  async removePodSandbox(sandboxId: string): Promise<void> {
    await this.stopPodSandbox(sandboxId);
    await Promise.all(this.#containersOf(sandboxId).map((id) => this.removeContainer(id)));
    await this.#locks.run(sandboxId, () => removeSandbox(this.#engine, sandboxId));
  }

  async podSandboxStatus(sandboxId: string): Promise<PodSandboxStatus> {
    return sandboxStatus(this.#engine, sandboxId);
  }

  async listPodSandboxes(): Promise<PodSandboxStatus[]> {
    return this.#engine.sandboxes.values().map((record) => describeSandbox(this.#engine, record));
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    return this.#starts.run(() => createContainer(this.#engine, sandboxId, config));
  }

  async startContainer(containerId: string): Promise<void> {
    await this.#locks.run(containerId, () =>
      this.#starts.run(() => startContainer(this.#engine, containerId)),
    );
  }

  /** Not in the container's queue: a second call with less patience must be able to overtake the first. */
  async stopContainer(containerId: string, timeoutMs: number): Promise<void> {
    await stopContainer(this.#engine, containerId, timeoutMs);
  }

  async removeContainer(containerId: string): Promise<void> {
    await this.#locks.run(containerId, () => removeContainer(this.#engine, containerId));
  }

  async containerStatus(containerId: string): Promise<ContainerStatus> {
    return containerStatus(this.#engine, containerId);
  }

  async listContainers(filter?: { readonly sandboxId?: string }): Promise<ContainerStatus[]> {
    return this.#engine.containers
      .values()
      .filter((record) => filter?.sandboxId === undefined || record.sandboxId === filter.sandboxId)
      .map((record) => containerStatus(this.#engine, record.id));
  }

  async updateContainerResources(containerId: string, resources: LinuxResources): Promise<void> {
    updateResources(this.#engine, containerId, resources);
  }

  async reopenContainerLog(containerId: string): Promise<void> {
    const record = requireContainer(this.#engine, containerId);
    if (noteExit(this.#engine, containerId)?.exit !== undefined || record.startedAtMs === undefined) {
      throw new CriError("failedPrecondition", `container "${containerId}" is not running`);
    }
    reopenLog(this.#engine.places.container(containerId));
  }

  async containerStats(containerId: string): Promise<ContainerStats> {
    const record = requireContainer(this.#engine, containerId);
    return { ...containerCgroup(this.#engine, record).usage(), atMs: this.#engine.clock.now() };
  }

  async execSync(
    containerId: string,
    command: readonly string[],
    timeoutMs: number,
  ): Promise<ExecSyncResult> {
    return execSync(this.#engine, containerId, command, timeoutMs);
  }

  async exec(
    containerId: string,
    command: readonly string[],
    tty: boolean,
    streams: TerminalStreams,
    signal: AbortSignal,
  ): Promise<ExecResult> {
    return exec(this.#engine, containerId, command, tty, streams, signal);
  }

  /** Whether there is a terminal is the container's own choice, made at its creation. */
  async attach(
    containerId: string,
    _tty: boolean,
    streams: TerminalStreams,
    signal: AbortSignal,
  ): Promise<void> {
    await attach(this.#engine, containerId, streams, signal);
  }

  async portForward(sandboxId: string, port: number, signal: AbortSignal): Promise<ByteStream> {
    return portForward(this.#engine, sandboxId, port, signal);
  }

  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    return this.#engine.events.subscribe(signal);
  }

  /** The file of a sandbox's network namespace, for those who look into it (tests, network policy). */
  networkNamespace(sandboxId: string): string {
    requireSandbox(this.#engine, sandboxId);
    return join(this.#engine.places.sandbox(sandboxId), "net");
  }

  /** Removes everything that this runtime ever made on this machine, and closes it. */
  async purge(): Promise<void> {
    const { sandboxes, containers, exitWatch, placesReady, networkReady, system } = this.#engine;
    // What cannot be removed in good order is removed by its name.
    for (const { id } of sandboxes.values()) await this.removePodSandbox(id).catch(() => undefined);
    for (const { id } of containers.values()) await this.removeContainer(id).catch(() => undefined);
    exitWatch.close();
    // Done late, they would come after their removal.
    await placesReady?.catch(() => undefined);
    await networkReady.catch(() => undefined);
    try {
      await purgeRuntime(this.#engine);
    } finally {
      await system.close();
    }
  }

  async close(): Promise<void> {
    await this.#engine.placesReady?.catch(() => undefined);
    this.#engine.exitWatch.close();
    await this.#engine.networkReady.catch(() => undefined);
    await this.#engine.system.close();
  }

  async #degradations(): Promise<RuntimeProblem[]> {
    if (await this.#engine.system.isDirect()) return [];
    return [
      {
        what: "the native module koffi did not load: pods start slower, and there are no terminals or port-forwards",
        remedy: "npm ci",
        fatal: false,
      },
    ];
  }

  #containersOf(sandboxId: string): string[] {
    return this.#engine.containers
      .values()
      .filter((record) => record.sandboxId === sandboxId)
      .map((record) => record.id);
  }

  #lookAtAll(): void {
    for (const { id } of this.#engine.containers.values()) noteExit(this.#engine, id);
  }
}

function openEngine(options: CrunRuntimeOptions): Engine {
  const { rootDirectory, interfacePrefix, podCidr } = options;
  if (!/^[a-z][a-z0-9]{0,7}$/.test(interfacePrefix)) {
    throw new CriError("invalidArgument", `"${interfacePrefix}" cannot begin an interface's name`);
  }
  const system = options.system ?? openSystem();
  const cgroups = detectCgroups();
  const places = new Places(rootDirectory);
  const oci = OciRuntime.find(places.ociState, system, cgroups, options.ociRuntime);
  const conmon = findProgram("conmon");
  if (cgroups === undefined || oci === undefined || conmon === undefined) {
    void system.close();
    const missing = probeHost().filter((problem) => problem.fatal);
    throw new CriError(
      "failedPrecondition",
      missing.map(({ what, remedy }) => `${what}: ${remedy}`).join("; ") || "this host cannot run containers",
    );
  }
  const sandboxes = new Records<SandboxRecord>(places.records.sandboxes);
  const containers = new Records<ContainerRecord>(places.records.containers);
  const addresses = new AddressPool(podCidr);
  const held = sandboxes.values().filter((sandbox) => sandbox.ready);
  for (const { address } of held) if (address !== undefined) addresses.restore(address);
  for (const sandbox of held) holdHostPorts(options.hostPorts, sandbox);
  const network = new PodNetworkTable({ interfacePrefix, podCidr, system });
  const networkReady = network.install(
    held.flatMap(({ config, address }) =>
      address === undefined ? [] : config.portMappings.map((mapping) => ({ mapping, address })),
    ),
  );
  networkReady.catch((error: unknown) =>
    options.logger.error("the pod network could not be set up", { error: String(error) }),
  );
  let devices: ReturnType<typeof hostDevices> | undefined;
  return {
    rootDirectory,
    places,
    placesReady: places.prepare(system),
    interfacePrefix,
    seccompDirectory: options.seccompDirectory ?? join(rootDirectory, "seccomp"),
    mtu: options.mtu ?? 1400,
    clock: options.clock,
    random: options.random,
    logger: options.logger,
    images: options.images,
    hostPorts: options.hostPorts,
    system,
    cgroups,
    oci,
    conmon,
    addresses,
    network,
    networkReady,
    sandboxes,
    containers,
    events: new EventHub(),
    exitWatch: new ExitWatch(places.exits),
    facts: {
      openFiles: openFileLimits(),
      oomScoreAdjMin: minimumOomScoreAdj(),
      devices: () => {
        devices ??= hostDevices();
        return devices;
      },
    },
  };
}
