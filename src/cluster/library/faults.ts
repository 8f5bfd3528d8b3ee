import type { Clock } from "../../apimachinery/clock.ts";
import type { Random } from "../../apimachinery/random.ts";
import { newServiceUnavailable, newStatusError } from "../../apimachinery/status.ts";
import type { WatchSink } from "../../apiserver/cache/watcher.ts";
import type {
  ApiResponse,
  Filter,
  Handler,
  RequestState,
  WatchResponse,
} from "../../apiserver/endpoints/api-request.ts";
import { durationMs } from "./duration.ts";
import { ControllerCrashes } from "./faults/controller-crashes.ts";
import { FaultyDisk } from "./faults/disk.ts";
import { FaultLog } from "./faults/fault-log.ts";
import type { HeldSink } from "./faults/held-sink.ts";
import { LateSink } from "./faults/late-sink.ts";
import {
  checkRandomOptions,
  FaultSchedule,
  type RandomFaultOptions,
  type RandomFaults,
  type Victims,
} from "./faults/random-faults.ts";
import { ReadFaults } from "./faults/reads.ts";
import {
  checkCounts,
  checkRule,
  checkWatches,
  describeHit,
  errorOf,
  type FaultRule,
  matches,
} from "./faults/rules.ts";
import { type WebhookFault, type WebhookFaultRule, WebhookFaults } from "./faults/webhook-faults.ts";
import { checkNames } from "./known-names.ts";

export type { RandomFaultKind, RandomFaultOptions, RandomFaults } from "./faults/random-faults.ts";
export type { FaultReason, FaultRule } from "./faults/rules.ts";
export type { WebhookError, WebhookFault, WebhookFaultRule } from "./faults/webhook-faults.ts";

/** A fault that was added. */
export interface Fault {
  readonly rule: FaultRule;
  /** How many requests it has hit. */
  readonly hits: number;
  /** Nothing is hit any more, and watches that it held back are told at once what they have missed. */
  remove(): void;
}

interface ActiveFault extends Fault {
  hits: number;
  seen: number;
  readonly delayMs: number;
  /** Of the watches that it holds back. */
  readonly held: Set<HeldSink>;
}

interface OpenWatch {
  readonly state: RequestState;
  readonly sink: WatchSink;
}

/**
 * What goes wrong on demand. Faults act inside the API server, so they hit controllers, the scheduler, nodes and clients
 * over HTTPS alike; a request that matches several is delayed by each and refused by the first with an error.
 *
 *   const fault = cluster.faults.add({ verb: "update", resource: "pods", times: 3, error: "Conflict" });
 *   …
 *   expect(fault.hits).toBe(3);
 */
export class Faults {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #active = new Set<ActiveFault>();
  readonly #watches = new Set<OpenWatch>();
  readonly #reads: ReadFaults;
  #victims: Victims | undefined;
  /** Users who are cut off. */
  readonly #isolated = new Set<string>();
  /** What went wrong so far, oldest first: requests that a fault has hit, crashes, partitions. */
  readonly log: FaultLog;
  /** What the store is written to; see `fillDisk`. */
  readonly disk: FaultyDisk;
  /** See `addWebhook`. */
  readonly webhooks: WebhookFaults;
  /** See `EmbeddedCluster.crashController`. */
  readonly controllers: ControllerCrashes;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.log = new FaultLog(clock);
    this.disk = new FaultyDisk(this.log);
    this.controllers = new ControllerCrashes(this.log);
    this.webhooks = new WebhookFaults(clock, random, this.log);
    this.#reads = new ReadFaults(clock, this.disk);
  }

  /** Throws TypeError for a rule that says nothing, or what is not known. */
  add(rule: FaultRule): Fault {
    checkRule(rule);
    const delayMs = rule.delay === undefined ? 0 : durationMs(rule.delay);
    const fault: ActiveFault = {
      rule,
      hits: 0,
      seen: 0,
      delayMs,
      held: new Set(),
      remove: () => {
        this.#active.delete(fault);
        this.#reads.remove(rule);
        for (const sink of fault.held) sink.release();
        fault.held.clear();
      },
    };
    this.#active.add(fault);
    this.#reads.add(rule);
    return fault;
  }

  /**
   * Calls of webhooks fail, or are late, whatever stands behind them: what becomes of the requests their failurePolicy
   * says. Throws TypeError for a rule that says nothing, or what is not known.
   *
   *   cluster.faults.addWebhook({ webhook: "pods.example.com", error: "ConnectionRefused" });
   *   cluster.faults.addWebhook({ definition: "sites.example.dev", delay: "20s" });    // one that converts
   */
  addWebhook(rule: WebhookFaultRule): WebhookFault {
    return this.webhooks.add(rule);
  }

  /**
   * The disk of the store is full: writes fail with 507 as they do then, and reads go on. `after` lets so many writes pass
   * before, `times` makes room again after so many that failed. Removing the fault makes room.
   */
  fillDisk(options: { readonly after?: number; readonly times?: number } = {}): Omit<Fault, "rule"> {
    checkNames("fillDisk", options, ["after", "times"]);
    checkCounts(options);
    this.log.add("the disk is full");
    return this.disk.fill(options);
  }

  /**
   * Faults of all kinds come by chance from here on, and end by themselves after a while. What goes wrong, and when, comes
   * from a seed, and the log tells it. The test's own client is spared, but for what hits everybody: a server that has
   * crashed, a disk that is full.
   *
   *   const chaos = cluster.faults.random({ rate: 6 });
   *   await cluster.clock.advance("30m");
   *   await chaos.stop();
   */
  random(options: RandomFaultOptions = {}): RandomFaults {
    checkRandomOptions(options);
    const victims = this.#victims;
    if (victims === undefined) throw new Error("there is no cluster yet");
    const seed = options.seed ?? Math.floor(this.#random.next() * 2 ** 32);
    return new FaultSchedule({ clock: this.#clock, faults: this, victims }, { ...options, seed });
  }

  /** To be called once: what there is to be broken. */
  connect(victims: Victims): void {
    this.#victims = victims;
  }

  /** Takes all faults away. What has crashed or was cut off stays so. */
  clear(): void {
    for (const fault of this.#active) fault.remove();
    this.disk.clear();
    this.controllers.clear();
    this.webhooks.clear();
  }

  /** Every request of the user fails, until the answer is called: no answer reaches it. */
  isolate(user: string): () => void {
    this.#isolated.add(user);
    return () => this.#isolated.delete(user);
  }

  /** Ends all watches: the connections are broken. */
  endWatches(error: unknown): void {
    for (const { sink } of this.#watches) sink.end(error);
  }

  /**
   * Ends the watches that match, as a server does that restarts; `expired` ends them with 410, so that their clients list
   * anew. Answers how many there were.
   */
  dropWatches(
    match: Pick<FaultRule, "resource" | "namespace" | "user"> = {},
    options: { readonly expired?: boolean } = {},
  ): number {
    checkWatches(match, options);
    const { expired = false } = options;
    const hit = [...this.#watches].filter(({ state }) => matches({ ...match, verb: "watch" }, state));
    for (const { sink } of hit) {
      sink.end(
        expired
          ? newStatusError(410, "Expired", "too old resource version: a fault was injected")
          : undefined,
      );
    }
    return hit.length;
  }

  /** The step of the API server that makes the faults. */
  readonly filter: Filter = (state, next) =>
    this.#active.size === 0 && this.#isolated.size === 0 && state.info.verb !== "watch"
      ? next(state)
      : this.#filtered(state, next);

  async #filtered(state: RequestState, next: Handler): Promise<ApiResponse> {
    this.#checkConnected(state);
    const hit = this.#active.size === 0 ? [] : [...this.#active].filter((fault) => this.#hits(fault, state));
    const late = hit.reduce((sum, { delayMs }) => sum + delayMs, 0);
    const isWatch = state.info.verb === "watch";
    if (late > 0 && !isWatch) await this.#clock.sleep(late, state.signal);
    for (const { rule } of hit) await this.#reads.apply(rule, state);
    const failing = hit.find(({ rule }) => rule.error !== undefined)?.rule;
    if (failing !== undefined && failing.afterEffect !== true) throw errorOf(failing, state);
    const response = await next(state);
    this.#checkConnected(state);
    if (failing !== undefined) throw errorOf(failing, state);
    return isWatch ? this.#followed(response, state, hit) : response;
  }

  #checkConnected({ user }: RequestState): void {
    if (this.#isolated.has(user.name))
      throw newServiceUnavailable(`a fault was injected: ${user.name} is cut off`);
  }

  #hits(fault: ActiveFault, state: RequestState): boolean {
    const { after = 0, times = Infinity, probability = 1 } = fault.rule;
    const { rule } = fault;
    if (fault.hits >= times || !matches(rule, state)) return false;
    if (rule.error === undefined && rule.delay === undefined && !this.#reads.concerns(rule, state))
      return false;
    if (fault.seen++ < after) return false;
    if (probability < 1 && this.#random.next() >= probability) return false;
    fault.hits++;
    this.log.add(describeHit(fault.rule, state));
    return true;
  }

  #followed(response: ApiResponse, state: RequestState, hit: readonly ActiveFault[]): ApiResponse {
    if (response.type !== "watch") return response;
    const watches = this.#watches;
    const open: WatchResponse["open"] = async (given, signal) => {
      const held: { readonly fault: ActiveFault; readonly sink: HeldSink }[] = [];
      let sink = given;
      const holdBy = (fault: ActiveFault, holding: HeldSink | undefined): void => {
        // One that was removed meanwhile holds nothing back.
        if (holding === undefined || !this.#active.has(fault)) return;
        fault.held.add(holding);
        held.push({ fault, sink: holding });
        sink = holding;
      };
      for (const fault of hit) {
        if (fault.delayMs > 0) holdBy(fault, new LateSink(sink, this.#clock, fault.delayMs));
      }
      for (const fault of hit) holdBy(fault, this.#reads.trailing(fault.rule, sink));
      const watch = { state, sink };
      watches.add(watch);
      const stop = await response.open(sink, signal);
      return () => {
        watches.delete(watch);
        for (const { fault, sink: holding } of held) {
          fault.held.delete(holding);
          holding.drop();
        }
        stop();
      };
    };
    return { ...response, open };
  }
}
