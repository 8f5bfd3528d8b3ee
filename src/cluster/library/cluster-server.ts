import { type Clock, ProcessHold } from "../../apimachinery/clock.ts";
import { newServiceUnavailable } from "../../apimachinery/status.ts";
import type { Filter } from "../../apiserver/endpoints/api-request.ts";
import type { UserInfo } from "../../apiserver/request-context.ts";
import { type Client, newClient } from "../../client/client.ts";
import type { InformerFactory } from "../../client/informer.ts";
import { ConnectionError } from "../../client/server-answer.ts";
import type { Pki } from "../../pki/index.ts";
import type { Storage } from "../../storage/storage.ts";
import type { NodeConnection } from "../../streaming/node-connection.ts";
import type { Cluster, ClusterOptions } from "../cluster.ts";
import { adminUser } from "../identities.ts";
import { signedDurationMs } from "./duration.ts";
import type { ControllerCrashOptions } from "./faults/controller-crashes.ts";
import { checkCounts } from "./faults/rules.ts";
import { ServerTransport } from "./faults/server-transport.ts";
import { SkewedClock } from "./faults/skewed-clock.ts";
import { StoreSession } from "./faults/store-session.ts";
import type { Fault, Faults } from "./faults.ts";
import { checkController, checkNames } from "./known-names.ts";
import type { SignedDuration } from "./options.ts";
import type { Pulse } from "./pulse.ts";

/** What a life of the server is made with, beside what the cluster's options say. */
export type LifeOptions = Pick<
  ClusterOptions,
  "clock" | "storage" | "intercept" | "controllers" | "connect" | "pki"
>;

export interface ClusterServerParts {
  readonly clock: Clock;
  readonly storage: Storage;
  readonly pulse: Pulse;
  readonly faults: Faults;
  /** Which controllers run unless a test has started or stopped them. */
  readonly runs: (name: string) => boolean;
  /** How far its clock is off from the start. Default 0. */
  readonly skewMs?: number | undefined;
  readonly newCluster: (options: LifeOptions) => Cluster;
}

/** Who hears of the server's crashes: nodes. */
export interface ServerFollower {
  /** The server is gone. */
  cut(): void;
  /** It is there again, with caches that may still have to sync. */
  connect(informers: InformerFactory): void;
}

/** From the start of the server to its end. */
class Life {
  readonly cluster: Cluster;
  readonly session: StoreSession;
  readonly #ended = new AbortController();
  readonly #pending = new Set<(error: unknown) => void>();
  /** Answers requests of others; until then it makes what every cluster has. */
  isUp = false;
  isOver = false;

  constructor(cluster: Cluster, session: StoreSession) {
    this.cluster = cluster;
    this.session = session;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  during<T>(work: Promise<T>): Promise<T> {
    const pending = this.#pending;
    return new Promise((resolve, reject) => {
      pending.add(reject);
      work.then(
        (value) => {
          pending.delete(reject);
          resolve(value);
        },
        (error: unknown) => {
          pending.delete(reject);
          reject(error);
        },
      );
    });
  }

  end(): void {
    this.isOver = true;
    this.session.end();
    this.#ended.abort();
    for (const reject of this.#pending) reject(connectionError("ECONNRESET", "read ECONNRESET"));
    this.#pending.clear();
  }
}

/**
 * The control plane of a cluster as the process that it is elsewhere: API server, controllers and scheduler live and die
 * together. What is stored outlives it, and so do nodes and clients, which find it again.
 *
 *   await cluster.server.crash();      // every request fails, every watch breaks
 *   await cluster.server.restart();    // all that was in memory is begun anew from the store
 */
export class ClusterServer {
  readonly #parts: ClusterServerParts;
  readonly #clock: SkewedClock;
  /** Of those who wait for something that happens in the cluster. */
  readonly hold = new ProcessHold();
  readonly #stop = new AbortController();
  readonly #followers = new Set<ServerFollower>();
  readonly #nodes = new Map<string, NodeConnection>();
  /** Controllers that a test has started or stopped: they stay so. */
  readonly #told = new Map<string, boolean>();
  #life: Life;
  #restarting: Promise<void> | undefined;
  /** Where HTTPS is open. */
  #port: number | undefined;

  constructor(parts: ClusterServerParts) {
    this.#parts = parts;
    this.#clock = new SkewedClock(parts.clock, parts.skewMs);
    parts.faults.disk.connect(parts.storage);
    this.#life = this.#begin(undefined);
  }

  /** False from a crash to the restart. */
  get isRunning(): boolean {
    return this.#life.isUp && !this.#life.isOver;
  }

  /**
   * Kills the control plane: whatever is under way breaks off, and every request fails until `restart`. A write that was
   * acknowledged is stored; one that was under way is stored or not.
   */
  async crash(): Promise<void> {
    const life = this.#life;
    if (life.isOver) return;
    this.#parts.faults.log.add("the server crashed");
    for (const follower of this.#followers) follower.cut();
    life.end();
    this.#parts.faults.endWatches(connectionError("ECONNRESET", "read ECONNRESET"));
    await life.cluster.crash();
  }

  /**
   * Begins the control plane anew from the store, after a crash if it runs. Resolves when it answers, on the port that it
   * had; controllers fill their caches from then on. Faults that were added stay.
   */
  async restart(): Promise<void> {
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined;
    });
    await this.#restarting;
  }

  async #restart(): Promise<void> {
    await this.crash();
    if (this.#stop.signal.aborted) throw new Error("the cluster is closed");
    this.#life = this.#begin(this.#life.cluster.pki);
    // What fails before it answers would be no fault of a request.
    await this.#startApi(this.#life);
    this.#parts.faults.log.add("the server started");
    void this.#startControllers(this.#life);
  }

  /** The server's clock is so far ahead, or behind when negative: `-5m`. What expires, and what is yet valid, it judges by it. */
  skew(by: SignedDuration): void {
    this.#clock.skewMs = signedDurationMs(by);
    this.#parts.faults.log.add(`the server's clock is off by ${typeof by === "number" ? `${by}ms` : by}`);
  }

  /** How far its clock is off. */
  get skewMs(): number {
    return this.#clock.skewMs;
  }

  /** The first start; resolves when all caches have synced. */
  async start(): Promise<void> {
    await this.#startApi(this.#life);
    await this.#startControllers(this.#life);
  }

  /** Ends it for good, and closes the store. */
  async stop(): Promise<void> {
    this.#stop.abort();
    if (!this.#life.isOver) await this.#life.cluster.stop();
    await this.#parts.storage.close();
    this.hold.end();
  }

  /** Of the present life, or of the last one while there is none. */
  get cluster(): Cluster {
    return this.#life.cluster;
  }

  /** Aborts when the cluster is closed. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** A client that outlives crashes, by default the administrator's. The process does not end while it waits. */
  client(user: UserInfo = adminUser): Client {
    return this.clientIn(
      user,
      (work) => this.hold.during(work),
      () => {
        if (this.signal.aborted) throw connectionError("ECONNREFUSED", "the cluster is closed");
      },
    );
  }

  /** A client that outlives crashes, for a part of the cluster. `check` may refuse each request. */
  clientIn(
    user: UserInfo,
    around: <T>(work: Promise<T>) => Promise<T> = (work) => work,
    check: () => void = () => undefined,
  ): Client {
    let known: Life | undefined;
    let transport = this.cluster.server.inProcessTransport(user);
    return newClient(
      new ServerTransport(() => {
        check();
        const life = this.#life;
        if (life.isOver) throw connectionError("ECONNREFUSED", "connect ECONNREFUSED");
        if (known !== life) transport = life.cluster.server.inProcessTransport(user);
        known = life;
        return { transport, signal: life.signal, during: (work) => around(life.during(work)) };
      }),
    );
  }

  /** Opens HTTPS on loopback, at the same port after each restart. Resolves with it. */
  async listen(): Promise<number> {
    this.#port ??= await this.cluster.listen({ ...loopback, port: 0 });
    return this.#port;
  }

  startController(name: string): void {
    checkController(name, this.cluster.controllerNames());
    this.#told.set(name, true);
    if (!this.#life.isOver) this.cluster.startController(name);
  }

  async stopController(name: string): Promise<void> {
    checkController(name, this.cluster.controllerNames());
    this.#told.set(name, false);
    if (!this.#life.isOver) await this.cluster.stopController(name);
  }

  /** Of those that a crash would hit. */
  controllerNames(): readonly string[] {
    const { runs } = this.#parts;
    return this.cluster.controllerNames().filter((name) => this.#told.get(name) ?? runs(name));
  }

  /** See `EmbeddedCluster.crashController`. */
  crashController(name: string, options: ControllerCrashOptions): Omit<Fault, "rule"> {
    checkController(name, this.cluster.controllerNames());
    checkNames("crashController", options, ["afterWrites", "times"]);
    checkCounts(options);
    return this.#parts.faults.controllers.plan(name, options, () => {
      const { cluster } = this;
      // Nobody waits for what it was doing: none of it reaches the server any more.
      void cluster.stopController(name);
      if (!this.#life.isOver && this.#told.get(name) !== false) cluster.startController(name);
    });
  }

  follow(follower: ServerFollower): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  connectNode(name: string, connection: NodeConnection): void {
    this.#nodes.set(name, connection);
    this.cluster.connectNode(name, connection);
  }

  disconnectNode(name: string, connection: NodeConnection): void {
    if (this.#nodes.get(name) === connection) this.#nodes.delete(name);
    this.cluster.disconnectNode(name, connection);
  }

  #begin(pki: Pki | undefined): Life {
    const { storage, pulse, faults, runs, newCluster } = this.#parts;
    const session = new StoreSession(storage, faults.disk);
    const intercept: Filter = (state, next) => {
      if (life.isOver)
        return Promise.reject(newServiceUnavailable("a fault was injected: the server has crashed"));
      return pulse.filter(state, (inner) => (life.isUp ? faults.filter(inner, next) : next(inner)));
    };
    const cluster = newCluster({
      clock: this.#clock,
      storage: session,
      intercept,
      controllers: (name) => this.#told.get(name) ?? runs(name),
      connect: (component, transport, signal) => faults.controllers.connect(component, transport, signal),
      ...(pki !== undefined && { pki }),
    });
    const life: Life = new Life(cluster, session);
    return life;
  }

  async #startApi(life: Life): Promise<void> {
    const { cluster } = life;
    for (const [name, connection] of this.#nodes) cluster.connectNode(name, connection);
    await cluster.startApi();
    await cluster.bootstrap();
    if (this.#port !== undefined) {
      await cluster.renewDue();
      await cluster.listen({ ...loopback, port: this.#port });
    }
    life.isUp = true;
  }

  async #startControllers(life: Life): Promise<void> {
    const { cluster } = life;
    for (const follower of this.#followers) follower.connect(cluster.informers);
    try {
      await cluster.startControllers();
    } catch (error) {
      // It crashed before its caches had synced.
      if (!life.isOver && !this.signal.aborted) throw error;
    }
  }
}

/** A test that forgets to close its cluster ends all the same. */
const loopback = { address: "127.0.0.1", keepsProcess: false };

const connectionError = (code: string, message: string): ConnectionError =>
  new ConnectionError("the cluster's server", Object.assign(new Error(message), { code }));
