import { newClient, type ResourceReference } from "../../src/client/client.ts";
import { resources } from "../../src/client/resources.ts";
import { EmbeddedCluster } from "../../src/cluster/library/embedded-cluster.ts";
import { MemoryStorage } from "../../src/storage/memory/memory-storage.ts";
import { Dice } from "./dice.ts";
import { describeChange, type History } from "./history.ts";
import { Judge } from "./judge.ts";
import { Ledger } from "./ledger.ts";
import { webhookConfiguration } from "./objects.ts";
import { deleteAll, leftOvers } from "./teardown.ts";
import { Follower } from "./watchers.ts";
import { Weather } from "./weather.ts";
import { Workload } from "./workload.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** How often clients act and the weather changes, before it clears. */
  readonly steps: number;
  /** Told of each thing that happens, as it does. */
  readonly onNote?: (line: string) => void;
}

export interface SimulationResult {
  readonly seed: number;
  /** What broke, none for a clean run. */
  readonly breaches: readonly string[];
  /** What happened, line by line. */
  readonly log: readonly string[];
  readonly commits: number;
  readonly requests: number;
  /** How far the cluster's clock went. */
  readonly virtualMs: number;
  /** Equal for runs in which the same was committed. */
  readonly digest: string;
  /** All that was ever in the store. */
  readonly history: History;
}

const nodeNames = ["node-1", "node-2", "node-3"].map((name) => ({ name }));

const minuteMs = 60_000;
/** For the cluster to do what is left when the weather has cleared: a queue waits up to 1,000 s between two tries. */
const restLimitMs = 90 * minuteMs;
/** So long nothing may change in a cluster that is at rest. */
const quietMs = 1.5 * minuteMs;
/** What goes on in a cluster at rest. */
const heartbeats =
  /^\/registry\/(coordination\.k8s\.io\/leases|core\/events|events\.k8s\.io\/events|core\/nodes)\//;

/** What may be tried again and again. */
const mayBeRefused: readonly RegExp[] = [
  // Pods that a quota leaves no room for.
  /code="403".*resource="pods".*verb="POST"/,
  // The lease of a Node that was deleted and is back is collected with the former, and made anew.
  /code="404".*resource="leases".*verb="PATCH"/,
  // An event of which the first was one too many in a short time is counted all the same: the next is written anew.
  /code="404".*resource="events".*verb="PATCH"/,
];

/** One cluster, from its beginning to its end, through everything that the seed has for it. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const simulation = await Simulation.start(options);
  return await simulation.run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #dice: Dice;
  readonly #cluster: EmbeddedCluster;
  readonly #storage: MemoryStorage;
  readonly #judge: Judge;
  readonly #ledger = new Ledger();
  readonly #log: string[] = [];
  readonly #underWay = new Set<Promise<void>>();
  readonly #followers: Follower[] = [];
  /** Followers that wait until time goes on. */
  readonly #pausing: (() => void)[] = [];
  readonly #workload: Workload;
  readonly #weather: Weather;
  readonly #startMs: number;

  private constructor(
    options: SimulationOptions,
    cluster: EmbeddedCluster,
    storage: MemoryStorage,
    judge: Judge,
  ) {
    this.#options = options;
    this.#cluster = cluster;
    this.#storage = storage;
    this.#startMs = cluster.clock.now();
    this.#dice = new Dice(options.seed);
    this.#judge = judge;
    judge.nowMs = () => cluster.clock.now();
    const note = (text: string): void => this.#note(text);
    this.#workload = new Workload({
      client: newClient(this.#ledger.over(cluster.client.transport)),
      history: judge.history,
      note,
      onRelease: (uid) => judge.released.add(uid),
      onForce: (uid) => judge.forced.add(uid),
    });
    this.#weather = new Weather(cluster, note);
  }

  static async start(options: SimulationOptions): Promise<Simulation> {
    const storage = new MemoryStorage();
    const judge = new Judge();
    await judge.follow(storage);
    const cluster = await EmbeddedCluster.start({
      clock: "virtual",
      seed: options.seed,
      nodes: nodeNames,
      store: storage,
    });
    return new Simulation(options, cluster, storage, judge);
  }

  async run(): Promise<SimulationResult> {
    const onRejection = (error: unknown): void =>
      this.#judge.blame(`nobody handled ${error instanceof Error ? error.stack : String(error)}`);
    process.on("unhandledRejection", onRejection);
    let endMs = this.#startMs;
    try {
      this.#startFollowers();
      for (const name of ["team-a", "team-b"])
        if (this.#dice.chance(0.8)) this.#start(this.#workload.begin(name));
      for (let step = 0; step < this.#options.steps && this.#judge.breaches.length === 0; step++)
        await this.#step();
      if (this.#judge.breaches.length === 0) await this.#comeToRest();
      if (this.#judge.breaches.length === 0 && this.#dice.chance(0.4)) await this.#tearDown();
    } catch (error) {
      this.#judge.blame(
        `the simulation itself failed: ${error instanceof Error ? error.stack : String(error)}`,
      );
    } finally {
      for (const follower of this.#followers) follower.stop();
      this.#judge.stop();
      endMs = this.#cluster.clock.now();
      await this.#cluster.close();
      // Requests that are late are cut short with the cluster where it was left in the middle of things.
      if (this.#judge.breaches.length === 0) await this.#stayClosed();
      process.off("unhandledRejection", onRejection);
    }
    const { history, breaches } = this.#judge;
    return {
      seed: this.#options.seed,
      breaches,
      log: this.#log,
      commits: history.changes.length,
      requests: [...this.#ledger.codes.values()].reduce((sum, count) => sum + count, 0),
      virtualMs: endMs - this.#startMs,
      digest: history.digest(),
      history,
    };
  }

  async #step(): Promise<void> {
    const dice = this.#dice;
    if (dice.chance(0.35)) this.#start(this.#weather.change(dice.fork()));
    for (let count = dice.between(0, 4); count > 0; count--) this.#start(this.#workload.act(dice.fork()));
    const pauseMs = dice.weighted([
      [3, dice.between(0, 300)],
      [4, dice.between(500, 5000)],
      [2, dice.between(5000, 30_000)],
      [0.3, dice.between(30_000, 400_000)],
    ]);
    await this.#advance(pauseMs);
    if (dice.chance(0.02)) await this.#branch(dice.fork());
  }

  /** Time passes; then everything that can be said at any time must be true. */
  async #advance(durationMs: number): Promise<void> {
    for (const resume of this.#pausing.splice(0)) resume();
    await this.#cluster.clock.advance(durationMs);
    this.#judge.look(this.#cluster.nodes.save());
    for (const text of this.#ledger.settle(this.#judge.history))
      this.#judge.blame(`acknowledged-writes: ${text}`);
    this.#judgeFollowers(false);
  }

  #start(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) =>
        this.#judge.blame(`a client failed: ${error instanceof Error ? error.stack : String(error)}`),
      )
      .finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  /** The weather clears, and within some time everything is as it should be; then nothing changes any more. */
  async #comeToRest(): Promise<void> {
    this.#start(this.#weather.clear());
    await this.#untilAtRest(() => this.#judge.unrest());
  }

  /** Until nothing is wrong and, for some time, nothing changes: what was to happen later has happened, too. */
  async #untilAtRest(unrest: () => string[]): Promise<void> {
    const { clock } = this.#cluster;
    const { changes } = this.#judge.history;
    const beginMs = clock.now();
    let quietSinceMs = beginMs;
    for (let left = [""]; left.length > 0 || clock.now() - quietSinceMs < quietMs; ) {
      const waitedMs = clock.now() - beginMs;
      if (waitedMs > restLimitMs) {
        for (const text of left) this.#judge.blame(text);
        if (left.length === 0)
          this.#judge.blame(`rest: the cluster goes on: ${changes.slice(-5).map(describeChange).join("; ")}`);
        return;
      }
      const from = changes.length;
      await this.#advance(waitedMs < 2 * minuteMs ? 10_000 : minuteMs);
      if (this.#judge.breaches.length > 0) return;
      if (changes.slice(from).some(({ key }) => !heartbeats.test(key))) quietSinceMs = clock.now();
      this.#start(this.#workload.tidyUp(newClient(this.#ledger.over(this.#cluster.client.transport))));
      await clock.settle();
      left = unrest();
      if (this.#underWay.size > 0) left.push(`${this.#underWay.size} requests are not answered`);
    }
    this.#judgeFollowers(true);
    await this.#asksForNothing();
    this.#note("at rest");
  }

  /** What is at rest does not go on trying: no request is refused any more. */
  async #asksForNothing(): Promise<void> {
    const before = await this.#refusals();
    await this.#advance(minuteMs);
    for (const [what, count] of await this.#refusals()) {
      const more = count - (before.get(what) ?? 0);
      if (more > 0 && !mayBeRefused.some((each) => each.test(what)))
        this.#judge.blame(`rest: ${more} requests were refused in a minute at rest: ${what}`);
    }
  }

  /** What is closed does nothing more: not a timer goes off. */
  async #stayClosed(): Promise<void> {
    let looks = 0;
    const look = (): boolean => {
      looks++;
      return false;
    };
    await this.#cluster.clock.runUntil(look, { limit: "1h" }).catch(() => undefined);
    // It is looked once before the first timer, and once in the end.
    if (looks > 2)
      this.#judge.blame(`close: ${looks - 2} timers went off in the hour after the cluster was closed`);
  }

  /** How many requests were refused so far, by what they were. */
  async #refusals(): Promise<Map<string, number>> {
    const { body } = await this.#cluster.client.transport.request({ method: "GET", path: "/metrics" });
    const lines = String(body).matchAll(/^apiserver_request_total\{(code="[45][^}]*)\} (\d+)$/gm);
    return new Map([...lines].map(([, what = "", count]) => [what, Number(count)]));
  }

  /** Everything that clients made is deleted: nothing is left of it. */
  async #tearDown(): Promise<void> {
    const client = newClient(this.#ledger.over(this.#cluster.client.transport));
    this.#note("everything is deleted");
    this.#start(deleteAll(client, this.#judge.history, this.#dice.fork()));
    await this.#untilAtRest(() => [...this.#judge.unrest(), ...leftOvers(this.#judge.history)]);
  }

  /** Another cluster goes on from here as after a restart of everything; it must come to rest, too. */
  async #branch(dice: Dice): Promise<void> {
    const { history } = this.#judge;
    // Nothing would make its calls fail there.
    if (history.find(resources.validatingwebhookconfigurations, webhookConfiguration) !== undefined) return;
    this.#note("a fork goes on from here");
    const storage = this.#storage.fork();
    const judge = this.#judge.fork();
    await judge.follow(storage);
    const cluster = await EmbeddedCluster.start(
      { clock: "virtual", seed: dice.between(1, 2 ** 31), nodes: nodeNames },
      { storage, nowMs: this.#cluster.clock.now(), runtimes: this.#cluster.nodes.save() },
    );
    const branch = new Simulation({ ...this.#options, steps: 0 }, cluster, storage, judge);
    const { breaches, log } = await branch.run();
    for (const text of breaches) this.#judge.blame(`in a fork: ${text}`);
    if (breaches.length > 0) this.#log.push(...log.map((line) => `  fork: ${line}`));
  }

  #startFollowers(): void {
    const { client } = this.#cluster;
    const pause = (): Promise<void> => new Promise((resolve) => this.#pausing.push(resolve));
    for (const reference of watched) {
      if (!this.#dice.chance(0.4)) continue;
      const labelSelector = this.#dice.weighted([
        [3, ""],
        [1, "app in (d-a,s-a,job)"],
        [1, "tier=one"],
      ] as const);
      const follower = new Follower(reference, { client, labelSelector, pause });
      this.#followers.push(follower);
      void follower.run();
    }
  }

  #judgeFollowers(isCurrent: boolean): void {
    for (const follower of this.#followers) {
      for (const text of follower.judge(this.#judge.history, isCurrent))
        this.#judge.blame(`watch-is-list: ${text}`);
    }
  }

  #note(text: string): void {
    const ms = this.#cluster.clock.now() - this.#startMs;
    const line = `${(ms / 1000).toFixed(3).padStart(9)} r${this.#judge.history.revision} ${text}`;
    this.#log.push(line);
    this.#options.onNote?.(line);
  }
}

const watched: readonly ResourceReference[] = [
  resources.pods,
  resources.configmaps,
  resources.deployments,
  resources.replicasets,
  resources.statefulsets,
  resources.jobs,
  resources.services,
  resources.endpointslices,
  resources.namespaces,
  resources.nodes,
  resources.persistentvolumeclaims,
  resources.persistentvolumes,
  resources.resourcequotas,
  resources.controllerrevisions,
];
