import { mkdir, readFile } from "node:fs/promises";
import type { Node, Pod } from "../api/types/core-v1.ts";
import { Backoff, KeyedBackoff } from "../apimachinery/backoff.ts";
import type { Timer } from "../apimachinery/clock.ts";
import { onAbort } from "../apimachinery/on-abort.ts";
import { isInvalid } from "../apimachinery/status.ts";
import type { Informer } from "../client/informer.ts";
import { resources } from "../client/resources.ts";
import type { ContainerStatus, DnsConfig } from "../cri/runtime.ts";
import type {
  AttachOptions,
  ByteStream,
  ContainerTarget,
  ExecOptions,
  ExecResult,
  LogOptions,
  NodeConnection,
  NodePage,
  PodTarget,
  TerminalStreams,
} from "../streaming/node-connection.ts";
import { ContainerConfigs } from "./environment/container-configs.ts";
import { type ClusterDns, parseResolvConf } from "./environment/dns-config.ts";
import { EvictionManager } from "./eviction/eviction-manager.ts";
import { defaultThresholds, readSignals } from "./eviction/signals.ts";
import { ImageCollector } from "./images/image-collector.ts";
import { ImageDigests } from "./images/image-digests.ts";
import { ImagePuller } from "./images/image-puller.ts";
import { DiskLogs } from "./logs/disk-logs.ts";
import { rotateLog } from "./logs/rotate-logs.ts";
import { type Machine, pretendMachine, readMachine } from "./node/machine.ts";
import { NodeLease } from "./node/node-lease.ts";
import { allocatableOf, capacityOf, type NodeSources } from "./node/node-object.ts";
import { NodeRegistration } from "./node/node-registration.ts";
import type { NodeContext } from "./node-context.ts";
import { nodePage } from "./node-pages.ts";
import { NodeStreams } from "./node-streams.ts";
import type { KubeletOptions } from "./options.ts";
import { removeOrphanDirectories } from "./orphans.ts";
import { Paths } from "./paths.ts";
import { admitPod } from "./pods/admission.ts";
import { HookRunner } from "./pods/hooks.ts";
import { Pleg } from "./pods/pleg.ts";
import { PodWorker } from "./pods/pod-worker.ts";
import { emptyState, type RuntimeState } from "./pods/runtime-state.ts";
import { ProbeManager } from "./probes/probe-manager.ts";
import { machineNetwork } from "./probes/probe-network.ts";
import { Prober } from "./probes/prober.ts";
import { ObjectSources } from "./sources.ts";
import { resourceMetrics, statsSummary, UsageReader } from "./stats/summary.ts";
import { StatusManager } from "./status/status-manager.ts";
import { TokenCache } from "./volumes/token-cache.ts";
import { VolumeManager } from "./volumes/volume-manager.ts";

/** Logs are measured, and tokens looked at, this often. */
const housekeepingMs = 30_000;

/**
 * The node agent: registers the node, runs the pods that are bound to it, and answers for their logs and streams.
 *
 *   const kubelet = new Kubelet({ client, informers, runtime, images, … });
 *   await kubelet.start(signal);   // resolves when the node is registered and pods are being worked on
 *
 * Stopping, by the signal or by `stop`, leaves containers running: the next kubelet finds and adopts them.
 */
export class Kubelet implements NodeConnection {
  readonly #options: KubeletOptions;
  readonly #stop = new AbortController();
  readonly #workers = new Map<string, PodWorker>();
  /** Whose a sandbox is. */
  readonly #owners = new Map<string, string>();
  readonly #sources: ObjectSources;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #pleg: Pleg;
  readonly #usage: UsageReader;
  readonly #startedMs: number;
  #unsubscribe: (() => void) | undefined;
  /** Ends listening to the signal that it was started with. */
  #deafen: (() => void) | undefined;
  #running: Running | undefined;

  constructor(given: KubeletOptions) {
    const options = { ...given, events: given.events.forComponent("kubelet", given.nodeName) };
    this.#options = options;
    this.#sources = new ObjectSources(options.client, options.informers);
    this.#pods = options.informers.informer(resources.pods, {
      fieldSelector: `spec.nodeName=${options.nodeName}`,
    });
    this.#nodes = options.informers.informer(resources.nodes);
    this.#usage = new UsageReader(options.runtime);
    this.#startedMs = options.clock.now();
    this.#pleg = new Pleg({
      runtime: options.runtime,
      clock: options.clock,
      logger: options.logger,
      signal: this.#stop.signal,
      onChange: (sandboxId) => this.#wake(this.#owners.get(sandboxId)),
      onRelist: (pods) => void this.#removeOrphans(pods),
    });
  }

  /** Resolves when the node is registered and its pods are being worked on. The informers must have been started. */
  async start(signal: AbortSignal): Promise<void> {
    this.#deafen = onAbort(signal, () => void this.stop());
    const { clock, client, logger, nodeName } = this.#options;
    const machine = await this.#readMachine();
    const registration = new NodeRegistration({
      client,
      clock,
      logger,
      read: () => this.#readNode(machine, eviction),
      current: () => this.#nodes.get(nodeName),
      silent: () => this.#options.simulated?.toldElsewhere?.() ?? false,
      revision: () => this.#options.simulated?.revision?.(),
    });
    const lease = new NodeLease({ client, clock, logger, nodeName });
    const eviction = this.#newEviction(() => void registration.report().catch(() => undefined));
    const [context, dns, hostFile] = await Promise.all([
      this.#newContext(machine, registration, eviction),
      this.#readDns(),
      this.#options.simulated === undefined ? readFile("/etc/hosts", "utf8").catch(() => "") : "",
    ]);
    const streams = new NodeStreams({
      context,
      findWorker: (uid) => this.#workers.get(uid),
      onRuntimeEvent: (listener) => this.#pleg.onEvent(listener),
    });
    this.#running = { context, dns, hostFile, registration, lease, eviction, streams, timer: undefined };
    const [node, adopted] = await Promise.all([
      this.#register(registration),
      this.#pleg.list(),
      this.#pods.synced(),
      this.#sources.synced(),
    ]);
    if (this.#stop.signal.aborted) return;
    lease.start();
    registration.start();
    if (this.#options.simulated === undefined) eviction.start();
    this.#adopt(this.#running, adopted);
    this.#pleg.start();
    this.#running.timer = clock.every(housekeepingMs, () => void this.#keepHouse());
    this.#options.events.event(node, "Normal", "Starting", "Starting kubelet.");
  }

  /** Ends the kubelet and leaves containers running. */
  async stop(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#deafen?.();
    this.#unsubscribe?.();
    this.#sources.close();
    const running = this.#running;
    running?.timer?.stop();
    running?.lease.stop();
    running?.eviction.stop();
    running?.registration.stop();
    running?.context.probes.stop();
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop()));
  }

  /** Has a look at the node, and writes its status when something has changed. */
  async report(): Promise<void> {
    await this.#running?.registration.report();
  }

  logs(
    target: ContainerTarget,
    options: LogOptions,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    return this.#streams().logs(target, options, signal);
  }

  exec(
    target: ContainerTarget,
    options: ExecOptions,
    streams: TerminalStreams,
    signal: AbortSignal,
  ): Promise<ExecResult> {
    return this.#streams().exec(target, options, streams, signal);
  }

  attach(
    target: ContainerTarget,
    options: AttachOptions,
    streams: TerminalStreams,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#streams().attach(target, options, streams, signal);
  }

  portForward(pod: PodTarget, port: number, signal: AbortSignal): Promise<ByteStream> {
    return this.#streams().portForward(pod, port, signal);
  }

  page(path: string): Promise<NodePage | undefined> {
    return nodePage(path, {
      nodeName: this.#options.nodeName,
      maxPods: this.#options.maxPods ?? 110,
      ...(this.#options.simulated === undefined ? { systemLogDirectory: "/var/log" } : {}),
      pods: () => this.#podsAndContainers(),
      statsSummary: () => this.statsSummary(),
      resourceMetrics: () => this.resourceMetrics(),
    });
  }

  /** `/stats/summary`: what the node's containers use. */
  async statsSummary(): Promise<object> {
    const { clock, nodeName } = this.#options;
    return statsSummary(nodeName, this.#startedMs, await this.#readUsage(), clock.now());
  }

  /** `/metrics/resource`, as metrics-server reads it. */
  async resourceMetrics(): Promise<string> {
    return resourceMetrics(await this.#readUsage());
  }

  #readUsage(): ReturnType<UsageReader["read"]> {
    return this.#usage.read(this.#podsAndContainers());
  }

  #podsAndContainers(): { pod: Pod; containers: readonly ContainerStatus[] }[] {
    return Array.from(this.#workers.values(), ({ pod, state }) => ({ pod, containers: state.containers }));
  }

  #newEviction(onChange: () => void): EvictionManager {
    const {
      clock,
      events,
      logger,
      images,
      runtime,
      rootDirectory,
      thresholds = defaultThresholds,
    } = this.#options;
    const collector = new ImageCollector({ images, runtime, clock, logger });
    return new EvictionManager({
      clock,
      events,
      logger,
      thresholds,
      readSignals: () => readSignals(rootDirectory),
      workers: () => this.#workers.values(),
      memoryOf: async ({ state }) => {
        const running = state.containers.filter((container) => container.state === "running");
        const all = await Promise.all(
          running.map(({ id }) => runtime.containerStats(id).catch(() => undefined)),
        );
        return all.reduce((sum, stats) => sum + (stats?.memoryWorkingSetBytes ?? 0), 0);
      },
      freeImages: () => collector.free(2 * thresholds.diskAvailableBytes),
      onChange,
    });
  }

  #streams(): NodeStreams {
    if (this.#running === undefined) throw new Error("the kubelet has not been started");
    return this.#running.streams;
  }

  /** Tries until the API server takes the Node: it may come up after the kubelet. */
  async #register(registration: NodeRegistration): Promise<Node> {
    const backoff = new Backoff({ initialMs: 200, maxMs: 7_000 });
    for (;;) {
      try {
        return await registration.register();
      } catch (error) {
        this.#stop.signal.throwIfAborted();
        // Who made a node up hears at once that there can be none like it.
        if (this.#options.simulated !== undefined && isInvalid(error)) throw error;
        this.#options.logger.warn("registering the node failed", { error: String(error) });
        await this.#options.clock.sleep(backoff.next(), this.#stop.signal);
      }
    }
  }

  /** Takes on every pod of the node, with what the runtime already runs of it. Handlers from now on bring changes. */
  #adopt(running: Running, adopted: ReadonlyMap<string, RuntimeState>): void {
    this.#unsubscribe = this.#pods.addHandler({
      added: (pod) => this.#add(running, pod, adopted.get(pod.metadata.uid ?? "") ?? emptyState),
      updated: (_, pod) => this.#update(running, pod),
      deleted: (pod) => this.#workers.get(pod.metadata.uid ?? "")?.remove(pod),
    });
    void this.#removeOrphans(adopted).then(() => this.#removeOrphanDirectories(running.context));
  }

  #update(running: Running, pod: Pod): void {
    const worker = this.#workers.get(pod.metadata.uid ?? "");
    if (worker === undefined) this.#add(running, pod, emptyState);
    else worker.update(pod);
  }

  #add(running: Running, pod: Pod, adopted: RuntimeState): void {
    const elsewhere = this.#options.simulated?.ruledElsewhere?.(pod) ?? false;
    if (elsewhere === false) this.#take(running, pod, adopted);
    else if (elsewhere !== true) {
      void elsewhere.then((isElsewhere) => {
        const { name = "", namespace, uid } = pod.metadata;
        const now = this.#pods.get(name, namespace);
        if (!isElsewhere && now !== undefined && now.metadata.uid === uid) this.#take(running, now, adopted);
      });
    }
  }

  #take(running: Running, pod: Pod, adopted: RuntimeState): void {
    const uid = pod.metadata.uid ?? "";
    if (this.#workers.has(uid) || this.#stop.signal.aborted) return;
    const worker = new PodWorker({
      context: running.context,
      dns: running.dns,
      hostFile: running.hostFile,
      pod,
      adopted,
      onSandbox: (sandboxId) => this.#owners.set(sandboxId, uid),
      onGone: () => this.#forget(uid),
    });
    this.#workers.set(uid, worker);
    if (adopted === emptyState) this.#tellOfScript(pod);
    worker.wake();
  }

  /** A script that cannot be followed must not look like one that is. */
  #tellOfScript(pod: Pod): void {
    const { simulated, events } = this.#options;
    for (const problem of simulated?.scriptProblems?.(pod) ?? []) {
      events.event(pod, "Warning", "InvalidScript", problem);
    }
  }

  #forget(uid: string): void {
    this.#workers.delete(uid);
    for (const [sandboxId, owner] of this.#owners) if (owner === uid) this.#owners.delete(sandboxId);
  }

  #wake(uid: string | undefined): void {
    if (uid !== undefined) this.#workers.get(uid)?.wake();
  }

  /** Sandboxes of pods that the API server does not know, or no longer binds to this node. */
  async #removeOrphans(pods: ReadonlyMap<string, RuntimeState>): Promise<void> {
    const { runtime, logger } = this.#options;
    for (const [uid, { sandboxes }] of pods) {
      if (this.#workers.has(uid) || this.#stop.signal.aborted) continue;
      for (const { id, namespace, name } of sandboxes) {
        logger.info("removing a pod that nobody asked for", { pod: `${namespace}/${name}`, uid });
        await runtime.removePodSandbox(id).catch((error: unknown) => {
          logger.warn("removing a sandbox failed", { sandbox: id, error: String(error) });
        });
      }
    }
  }

  async #removeOrphanDirectories({ paths, logs, options }: NodeContext): Promise<void> {
    if (options.simulated !== undefined) return;
    await removeOrphanDirectories(paths, logs, options.mounter, (uid) => this.#workers.has(uid)).catch(
      (error: unknown) =>
        options.logger.warn("removing what pods left behind failed", { error: String(error) }),
    );
  }

  async #keepHouse(): Promise<void> {
    const { runtime, clock, logger, simulated } = this.#options;
    const { tokens, crashes } = this.#running?.context ?? {};
    crashes?.collectGarbage(clock.now());
    for (const [uid, worker] of this.#workers) {
      if (tokens?.due(uid) === true) worker.wake();
      if (simulated !== undefined) continue;
      for (const container of worker.state.containers.filter(({ state }) => state === "running")) {
        await rotateLog(this.#running?.context.logs ?? new DiskLogs(clock), runtime, clock, container).catch(
          (error: unknown) =>
            logger.warn("rotating a log failed", { log: container.logPath, error: String(error) }),
        );
      }
    }
  }

  async #readMachine(): Promise<Machine> {
    const { simulated, rootDirectory, nodeName } = this.#options;
    if (simulated !== undefined)
      return { ...pretendMachine, hostname: nodeName, machineId: nodeName, systemUuid: nodeName };
    await mkdir(rootDirectory, { recursive: true, mode: 0o750 });
    return readMachine(rootDirectory);
  }

  async #readNode(machine: Machine, eviction: EvictionManager): Promise<NodeSources> {
    const { runtime, images } = this.#options;
    const [status, list] = await Promise.all([runtime.status(), images.listImages()]);
    const pressures = this.#options.simulated?.pressures?.() ?? eviction.pressures;
    return { options: this.#options, machine, runtime: status, images: list, pressures };
  }

  async #readDns(): Promise<ClusterDns> {
    const { dns, simulated } = this.#options;
    const read = async (path: string): Promise<DnsConfig> =>
      parseResolvConf(simulated === undefined ? await readFile(path, "utf8").catch(() => "") : "");
    let host = await read("/etc/resolv.conf");
    // The stub of systemd-resolved listens on the node's loopback, which pods do not reach: its own servers they do.
    if (host.servers.includes("127.0.0.53")) {
      const behind = await read("/run/systemd/resolve/resolv.conf");
      if (behind.servers.length > 0) host = behind;
    }
    return { servers: dns.servers, domain: dns.domain, host };
  }

  async #newContext(
    machine: Machine,
    registration: NodeRegistration,
    eviction: EvictionManager,
  ): Promise<NodeContext> {
    const options = this.#options;
    const { client, clock, logger, events, runtime, images, simulated, nodeName } = options;
    const sources = this.#sources;
    const paths = new Paths(options.rootDirectory);
    const disk = simulated === undefined;
    const hostIps = options.nodeAddresses
      .filter(({ type }) => type === "InternalIP")
      .map(({ address }) => address);
    const allocatable = allocatableOf(capacityOf(options, machine), options.reserved ?? {});
    const network = simulated?.network ?? machineNetwork;
    const tokens = new TokenCache(client, clock);
    const configs = new ContainerConfigs({
      sources,
      paths,
      nodeName,
      hostIps,
      allocatable,
      memoryCapacityBytes: machine.memoryBytes,
      disk,
    });
    const readSecret = sources.secret.bind(sources);
    return {
      options,
      signal: this.#stop.signal,
      paths,
      statuses: new StatusManager({ client, clock, logger, signal: this.#stop.signal }),
      probes: new ProbeManager({
        prober: new Prober(runtime, network),
        clock,
        events,
        onChange: (uid) => this.#wake(uid),
      }),
      hooks: new HookRunner(runtime, network, clock),
      puller: new ImagePuller({ images, clock, events, readSecret }),
      digests: new ImageDigests(images),
      volumes: new VolumeManager({
        sources,
        tokens,
        events,
        clock,
        logger,
        paths,
        mounter: options.mounter,
        disk,
        fields: (podIps) => configs.fields(podIps),
        changed: (uid) => this.#wake(uid),
      }),
      configs,
      tokens,
      logs: simulated?.logs ?? new DiskLogs(clock),
      network,
      crashes: new KeyedBackoff({ initialMs: 10_000, maxMs: 300_000 }),
      runtimeName: (await runtime.status()).name.replace(/^sampan-/, ""),
      hostIps,
      memoryCapacityBytes: machine.memoryBytes,
      admit: (pod) => {
        const { node } = registration;
        if (node === undefined) return undefined;
        return eviction.refusal(pod) ?? admitPod(pod, node, this.#activePods(pod));
      },
      missingPullSecrets: (pod) => missingSecrets(pod, sources),
    };
  }

  /** All other pods that take up room on the node. */
  #activePods(except: Pod): Pod[] {
    const others = [...this.#workers.values()].filter((worker) => worker.holdsRoom);
    return others.map((worker) => worker.pod).filter((pod) => pod.metadata.uid !== except.metadata.uid);
  }
}

interface Running {
  readonly context: NodeContext;
  readonly dns: ClusterDns;
  readonly hostFile: string;
  readonly registration: NodeRegistration;
  readonly lease: NodeLease;
  readonly eviction: EvictionManager;
  readonly streams: NodeStreams;
  timer: Timer | undefined;
}

async function missingSecrets(pod: Pod, sources: ObjectSources): Promise<string[]> {
  const missing: string[] = [];
  for (const { name = "" } of pod.spec?.imagePullSecrets ?? []) {
    const found = await sources.secret(pod.metadata.namespace ?? "", name).catch(() => undefined);
    if (found === undefined) missing.push(name);
  }
  return missing;
}
