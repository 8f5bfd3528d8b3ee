import { type Clock, RealClock, VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { type Random, SeededRandom, SystemRandom } from "../../apimachinery/random.ts";
import { always } from "../../apiserver/authorization/always.ts";
import type { Client, DeleteCallOptions, ListOptions, ResourceClient } from "../../client/client.ts";
import { PodScripts, type SavedRuntime } from "../../cri/simulated/index.ts";
import { newHistory } from "../../history/in-memory.ts";
import type { Journal, JournalOrigin } from "../../history/journal.ts";
import { createPki, type PkiMaterial } from "../../pki/index.ts";
import { MemoryStorage } from "../../storage/memory/memory-storage.ts";
import type { Storage, StorageEvent } from "../../storage/storage.ts";
import { Cluster, type ClusterOptions, defaultServiceCidr } from "../cluster.ts";
import { pretendedVolumes } from "../local-volumes.ts";
import { dnsAddressIn } from "../service-range.ts";
import { ClusterStages } from "../stages.ts";
import type { ArtifactOptions } from "./artifact.ts";
import { deleteOptionNames, listOptionNames } from "./call-options.ts";
import { allChanges, type ChangesOptions } from "./changes.ts";
import { checkUser } from "./check-options.ts";
import { ClusterClock } from "./cluster-clock.ts";
import { ClusterServer, type LifeOptions } from "./cluster-server.ts";
import { ClusterEndpoint, type Endpoint } from "./endpoint.ts";
import type { ControllerCrashOptions } from "./faults/controller-crashes.ts";
import { type Fault, Faults } from "./faults.ts";
import type { Change, Difference, DiffOptions, RewindToOptions, Rewound } from "./history.ts";
import { checkNames, checkText } from "./known-names.ts";
import { type AnyObject, Applier, type ApplyOptions, type Manifests } from "./manifests.ts";
import { ClusterNodes } from "./nodes.ts";
import { type CreateClusterOptions, type TestUser, userInfo } from "./options.ts";
import { preload } from "./preload.ts";
import { Pulse } from "./pulse.ts";
import { chosenControllers, firstNode, newClock } from "./read-options.ts";
import { Recorder } from "./recorder.ts";
import { beginningOf, handedOutOnce, type TemplateOptions } from "./template.ts";
import type { Trouble } from "./trouble.ts";
import { type UntilOptions, until } from "./until.ts";
import type { Explanation } from "./why.ts";

/** What a cluster begins with when it is not new. */
export interface SavedState {
  readonly storage: Storage;
  readonly nowMs: number;
  readonly runtimes: ReadonlyMap<string, SavedRuntime>;
  /** What was wrong in it; nothing by default. */
  readonly trouble?: Trouble | undefined;
  /** The keys of the cluster that was before; without them it gets new ones. */
  readonly keys?: PkiMaterial;
  /** How it came to be so. */
  readonly history?: JournalOrigin;
  /** What bytes in the storage say, where that is known; see `WatchCacheOptions`. */
  readonly decoded?: ClusterOptions["decoded"];
}

/**
 * A cluster in your own process: API server, controllers, scheduler and simulated nodes. It opens no port unless it is
 * asked to, writes no file, and ends with the process.
 *
 *   await using cluster = await createCluster({ clock: "virtual", nodes: 3 });
 *   await cluster.apply(readFileSync("deploy.yaml", "utf8"));
 *   await cluster.until(async () => (await cluster.get("deployment", "web")).status?.readyReplicas === 3);
 *   await cluster.clock.advance("10m");
 */
export class EmbeddedCluster implements AsyncDisposable {
  /** Acts as the cluster's administrator; see `clientOf` for others. */
  readonly client: Client;
  readonly clock: ClusterClock;
  readonly faults: Faults;
  readonly nodes: ClusterNodes;
  /** What simulated pods do, beside their annotations: `cluster.pods.script({ name: "web-*" }, { readyAfter: "5s" })`. */
  readonly pods = new PodScripts();
  /** The control plane, to be crashed and started again. */
  readonly server: ClusterServer;
  readonly #options: CreateClusterOptions;
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #recorder: Recorder | undefined;
  readonly #journal: Journal;
  readonly #applier: Applier;
  readonly #ended = new AbortController();
  readonly #endpoint: ClusterEndpoint;
  #closing: Promise<void> | undefined;

  private constructor(parts: {
    readonly options: CreateClusterOptions;
    readonly server: ClusterServer;
    readonly storage: Storage;
    readonly clock: Clock;
    readonly random: Random;
    readonly pulse: Pulse;
    readonly faults: Faults;
    readonly stages: ClusterStages;
    readonly saved: SavedState | undefined;
    readonly recorder: Recorder | undefined;
    readonly journal: Journal;
  }) {
    const { options, server, storage, clock, random, pulse, faults, stages, saved } = parts;
    for (const { pods, script } of options.scripts ?? []) this.pods.script(pods, script);
    this.#recorder = parts.recorder;
    this.#journal = parts.journal;
    this.#options = options;
    this.#storage = storage;
    this.server = server;
    this.#clock = clock;
    this.#random = random;
    this.client = server.client();
    this.#endpoint = new ClusterEndpoint(server, clock);
    this.clock = new ClusterClock(clock, pulse);
    this.faults = faults;
    this.nodes = new ClusterNodes({
      server,
      clock,
      random,
      faults,
      dnsAddress: dnsAddressIn(server.cluster.serviceCidr),
      scripts: this.pods,
      stages,
      saved: saved?.runtimes,
      trouble: saved?.trouble,
    });
    this.#applier = new Applier(this.client, () => this.#pause());
  }

  /** What `createCluster` does; with `saved`, a cluster that goes on from there. */
  static async start(options: CreateClusterOptions, saved?: SavedState): Promise<EmbeddedCluster> {
    const clock = newClock(options, saved?.nowMs);
    if (clock instanceof VirtualClock) await preload();
    const random = options.seed === undefined ? new SystemRandom() : new SeededRandom(options.seed);
    const recorder = options.record === true ? new Recorder(clock) : undefined;
    const pulse = new Pulse(clock, recorder);
    const faults = new Faults(clock, random);
    const { admission, serviceCidr = defaultServiceCidr } = options;
    const controllers = chosenControllers(options.controllers);
    const common: TemplateOptions = {
      serviceCidr,
      // Where DNS would be: simulated pods are told so.
      dnsAddress: dnsAddressIn(serviceCidr),
      apiEndpoint: { ip: "10.0.0.1", port: 6443 },
      localVolumes: pretendedVolumes(firstNode(options.nodes)),
      controllers: controllers.runs,
      scheduler: options.scheduler !== false,
      security: {
        ...(admission?.enable !== undefined && { enableAdmission: admission.enable }),
        ...(admission?.disable !== undefined && { disableAdmission: admission.disable }),
        ...(options.authorization === "AlwaysAllow" && { authorizers: () => always("allow") }),
      },
    };
    const pki = createPki({
      clock,
      ...(clock instanceof VirtualClock && { outsideClock: new RealClock() }),
      ...(saved?.keys !== undefined && { material: saved.keys }),
      ...(options.seed !== undefined && { reproducibleFrom: String(options.seed) }),
    });
    const beginning =
      saved === undefined && options.store === undefined
        ? await beginningOf(options, common, { nowMs: clock.now(), random, pki })
        : undefined;
    const storage = beginning?.storage ?? saved?.storage ?? options.store ?? new MemoryStorage();
    if (recorder !== undefined) recorder.revision = await storage.revision();
    const history = newHistory({ clock, logger: silentLogger, origin: saved?.history });
    const newCluster = (life: LifeOptions): Cluster =>
      new Cluster({
        ...common,
        ...life,
        history,
        ...(recorder !== undefined && { logger: recorder.logger, keepsHistory: true }),
        random,
        security: { ...common.security, webhookCalls: faults.webhooks.intercept },
        pki: life.pki ?? pki,
        onRenewed: () => embedded.#endpoint.renew(),
        // After a restart the server finds out itself what there is.
        ...(life.pki === undefined && {
          isBootstrapped: beginning !== undefined,
          decoded: beginning?.decoded ?? saved?.decoded,
        }),
      });
    if (clock instanceof VirtualClock) clock.watchActivity(() => pulse.count);
    const stages = new ClusterStages();
    const server = new ClusterServer({
      clock,
      storage,
      pulse,
      faults,
      runs: controllers.runs,
      skewMs: saved?.trouble?.serverSkewMs,
      newCluster: (life) => stages.attach(newCluster(life)),
    });
    const { journal } = history;
    const parts = {
      options,
      server,
      storage,
      clock,
      random,
      pulse,
      faults,
      stages,
      saved,
      recorder,
      journal,
    };
    const embedded = new EmbeddedCluster(parts);
    try {
      await server.start();
      void history.journal.follow(storage, embedded.#ended.signal);
      controllers.check(server.cluster.controllerNames());
      await embedded.nodes.start(options.nodes ?? 1);
      if (clock instanceof VirtualClock) await clock.settle();
      return embedded;
    } catch (error) {
      await embedded.close();
      throw error;
    }
  }

  /**
   * Every change of the cluster's state, from the first on, in the order of revisions; what was forked or restored begins
   * with the state that it was given. Ends with the cluster, or with `follow: false` when all that has happened was told:
   *
   *   for await (const batch of cluster.changes({ follow: false })) log.push(...batch);
   */
  changes(options: ChangesOptions = {}): AsyncIterable<readonly StorageEvent[]> {
    this.#checkOpen("changes");
    return allChanges(this.#storage, options);
  }

  /**
   * Why a thing is not ready, and what to do next: `(await cluster.why("deployment/web")).text`. Rejects with TypeError
   * when the name is of no resource.
   */
  async why(what: string, namespace = "default"): Promise<Explanation> {
    const { why } = await import("./why.ts");
    return await why({ client: this.client, nowMs: this.clock.now() }, what, namespace);
  }

  /**
   * Every change of a thing, oldest first: who made it, through which request and for which reconcile, with the states
   * before and after. Also of what is gone.
   */
  async history(what: string, namespace = "default"): Promise<readonly Change[]> {
    return await (await import("./history.ts")).historyOf(this.client, what, namespace);
  }

  /** What differs between two revisions: of a thing, of a namespace, or of all that people wrote. */
  async diff(options: DiffOptions): Promise<Difference[]> {
    return await (await import("./history.ts")).diff(this.client, options);
  }

  /** Writes things back as they were, as new writes that are admitted like any other. */
  async rewind(options: RewindToOptions): Promise<Rewound[]> {
    return await (await import("./history.ts")).rewindTo(this.client, options, () => this.#pause());
  }

  /** The newest revision: what `diff` and `rewind` take. */
  async revision(): Promise<number> {
    this.#checkOpen("revision");
    return await this.#storage.revision();
  }

  /** A client that acts as someone else, with the rights that the cluster gives them. */
  clientOf(user: TestUser): Client {
    checkUser(user);
    return this.server.client(userInfo(user));
  }

  /**
   * Server-side apply of whatever the manifests hold, in their order; what needs a definition of the same manifests waits
   * for it. Resolves with the objects as the server has them, rejects with the StatusError of the first that is refused.
   */
  async apply(manifests: Manifests, options: ApplyOptions = {}): Promise<AnyObject[]> {
    return await this.#applier.apply(manifests, options);
  }

  /** A resource by the names that kubectl takes: `pods`, `deploy`, `certificates.cert-manager.io`. */
  async resource(name: string): Promise<ResourceClient<AnyObject>> {
    return this.client.resource(await this.#applier.resource(name)) as ResourceClient<AnyObject>;
  }

  /** One object; rejects with a StatusError of reason NotFound when there is none. */
  async get(resource: string, name: string, namespace = "default"): Promise<AnyObject> {
    checkText("name", name);
    checkText("namespace", namespace);
    const mapped = await this.#applier.resource(resource);
    const scope = mapped.namespaced ? { namespace } : {};
    return (await this.client.resource(mapped).get(name, scope)) as AnyObject;
  }

  /** All objects of a resource; of every namespace unless the options name one. */
  async list(resource: string, options: ListOptions = {}): Promise<readonly AnyObject[]> {
    checkNames("list", options, listOptionNames);
    return (await (await this.resource(resource)).list(options)).items;
  }

  async delete(resource: string, name: string, options: DeleteCallOptions = {}): Promise<void> {
    checkText("name", name);
    checkNames("delete", options, deleteOptionNames);
    const mapped = await this.#applier.resource(resource);
    const scope = mapped.namespaced ? { namespace: options.namespace ?? "default" } : {};
    await this.client.resource(mapped).delete(name, { ...options, ...scope });
  }

  /**
   * Asks until the answer is truthy and resolves with it; what the question throws counts as "not yet". A virtual clock
   * moves on meanwhile. Rejects after the timeout, telling what was seen last and what the cluster's events say.
   */
  async until<T>(ask: () => T | Promise<T>, options: UntilOptions = {}): Promise<NonNullable<T>> {
    this.#checkOpen("until");
    return await this.server.hold.during(until({ clock: this.#clock, client: this.client }, ask, options));
  }

  /**
   * Opens HTTPS on a free port of loopback, for programs in other languages; once, however often it is called. The open
   * port does not keep the process alive.
   */
  async serve(): Promise<Endpoint> {
    this.#checkOpen("serve");
    return await this.#endpoint.open();
  }

  /** The path of a kubeconfig for the administrator, in a folder that goes with the cluster. Opens HTTPS. */
  async kubeconfig(): Promise<string> {
    return (await this.serve()).kubeconfig;
  }

  /** Starts and stops controllers by Kubernetes' names, as a crash would, or a new version. */
  async stopController(name: string): Promise<void> {
    await this.server.stopController(name);
  }

  startController(name: string): void {
    this.server.startController(name);
  }

  /**
   * Kills a controller in the middle of what it does, when so many more of its writes have been answered, and begins it
   * anew: what it was about to write is never written, and what it had in memory is lost.
   */
  crashController(name: string, options: ControllerCrashOptions = {}): Omit<Fault, "rule"> {
    return this.server.crashController(name, options);
  }

  /**
   * A cluster that goes on from the same state, and knows nothing of this one from here on: objects with their identities
   * and revisions, simulated containers with their ages and logs, the time, the history. What was under way in memory
   * (backoff, queues) begins anew, as after a restart.
   */
  async fork(): Promise<EmbeddedCluster> {
    this.#checkOpen("fork");
    const storage = this.#storage;
    if (!(storage instanceof MemoryStorage)) throw new Error("only a cluster in memory can be forked");
    if (this.#clock instanceof VirtualClock) await this.#clock.settle();
    const saved: SavedState = {
      storage: storage.fork(),
      nowMs: this.#clock.now(),
      runtimes: this.nodes.save(),
      trouble: this.#trouble(),
      decoded: handedOutOnce(this.server.cluster.server.decoded()),
    };
    const history = await this.#journal.fork(await saved.storage.revision());
    const { seed, store: _, ...options } = this.#options;
    // Another stream of chance than ours, and the same one each time.
    const nextSeed = seed === undefined ? {} : { seed: Math.floor(this.#random.next() * 2 ** 32) };
    const now = { nodes: this.nodes.options(), scripts: this.pods.list() };
    return await EmbeddedCluster.start({ ...options, ...nextSeed, ...now }, { ...saved, history });
  }

  /**
   * Writes the cluster into a file that only its owner may read, or into memory: its objects with their identities and
   * revisions, simulated containers with their ages and logs, the time, its options and its keys. `createCluster({ from })`
   * goes on from there, in this process or another, as often as you like.
   */
  async save(): Promise<Buffer>;
  async save(file: string): Promise<undefined>;
  async save(file?: string): Promise<Buffer | undefined> {
    this.#checkOpen("save");
    const { saveCluster } = await import("./save.ts");
    if (this.#clock instanceof VirtualClock) await this.#clock.settle();
    const { seed, store: _, ...options } = this.#options;
    return await saveCluster(
      {
        storage: this.#storage,
        nowMs: this.#clock.now(),
        runtimes: this.nodes.save(),
        trouble: this.#trouble(),
        keys: this.server.cluster.pki,
        options: {
          ...options,
          nodes: this.nodes.options(),
          scripts: this.pods.list(),
          ...(seed !== undefined && { seed: Math.floor(this.#random.next() * 2 ** 32) }),
        },
      },
      file,
    );
  }

  #trouble(): Trouble {
    return { ...this.nodes.trouble(), serverSkewMs: this.server.skewMs };
  }

  /**
   * Writes what happened in the cluster into one file: its history, logs of containers, faults, options and seed, and with
   * `record` also who wrote what and the server's log. `sampan replay FILE` opens it, at any revision.
   */
  async artifact(file: string, options: ArtifactOptions = {}): Promise<void> {
    this.#checkOpen("artifact");
    const { writeArtifact } = await import("./artifact.ts");
    await writeArtifact(
      {
        storage: this.#storage,
        nowMs: this.#clock.now(),
        runtimes: this.nodes.save(),
        options: this.#options,
        faults: this.faults,
        recorder: this.#recorder,
        journal: this.#journal,
      },
      file,
      options,
    );
  }

  /** Ends everything. Calling it again does nothing. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#ended.abort();
    // What is being opened is there to be closed first.
    await this.#endpoint.settled();
    await this.nodes.stop();
    await this.server.stop();
    this.#endpoint.remove();
  }

  /** What is asked of a cluster that is closed has come too late: a test did not wait for something. */
  #checkOpen(what: string): void {
    if (this.#closing !== undefined)
      throw new Error(`${what}(): the cluster is closed; was something not awaited before its test ended?`);
  }

  async #pause(): Promise<void> {
    if (this.#clock instanceof VirtualClock) await this.#clock.settle();
    else await this.server.hold.during(this.#clock.sleep(10));
  }
}
