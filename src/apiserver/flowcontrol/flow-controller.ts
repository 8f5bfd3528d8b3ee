import type { FlowSchema, PriorityLevelConfiguration } from "../../api/types/flowcontrol-v1.ts";
import type { Clock, Timer } from "../../apimachinery/clock.ts";
import type { Metric } from "../../apimachinery/metrics.ts";
import type { RequestState } from "../endpoints/api-request.ts";
import { mandatoryConfiguration } from "./bootstrap-configuration.ts";
import { allocate } from "./concurrency-allocation.ts";
import { FlowMetrics, type FlowSeries } from "./flow-metrics.ts";
import { FlowSchemaMatcher } from "./flow-schema-matcher.ts";
import { brokenLevel, PriorityLevel } from "./priority-level.ts";
import type { Outcome } from "./queue-set.ts";
import { type ObjectCount, seatsOf } from "./work-estimate.ts";

export interface FlowControllerOptions {
  readonly clock: Clock;
  /** Seats that the levels share. */
  readonly totalSeats: number;
  /** How long a request may wait for seats. */
  readonly waitLimitMs: number;
  readonly count: ObjectCount;
  readonly register: (metric: Metric) => void;
}

/** A schema with what its requests need. */
export interface Flow {
  readonly name: string;
  readonly uid: string;
  readonly distinguishBy: string | undefined;
  readonly level: PriorityLevel;
  readonly series: FlowSeries;
}

/** Why a request was not seated. */
export interface Refusal {
  readonly flow: Flow;
  readonly reason: Exclude<Outcome, "seated">;
}

const adjustmentIntervalMs = 10_000;

/**
 * Priority and fairness: finds the schema of each request and seats it in the schema's priority level, at once, after a
 * wait in a queue, or not at all (mirrors flowcontrol/apf_controller.go). All in memory; `configure` is told what the API
 * objects say.
 */
export class FlowController {
  readonly #clock: Clock;
  readonly #totalSeats: number;
  readonly #waitLimitMs: number;
  readonly #count: ObjectCount;
  readonly #metrics: FlowMetrics;
  #levels = new Map<string, PriorityLevel>();
  #nominalSum = 0;
  #matcher = new FlowSchemaMatcher<Flow>([]);
  #fallback: Flow | undefined;
  #timer: Timer | undefined;

  constructor({ clock, totalSeats, waitLimitMs, count, register }: FlowControllerOptions) {
    this.#clock = clock;
    this.#totalSeats = totalSeats;
    this.#waitLimitMs = waitLimitMs;
    this.#count = count;
    this.#metrics = new FlowMetrics(register, () => this.#levels.values());
    this.configure([], []);
  }

  get levels(): readonly PriorityLevel[] {
    return [...this.#levels.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Begins to move unused seats to where they are wanted, every ten seconds. */
  start(): void {
    this.#timer ??= this.#clock.every(adjustmentIntervalMs, () => this.adjust());
  }

  stop(): void {
    this.#timer?.stop();
    this.#timer = undefined;
  }

  /**
   * Takes over levels and schemas; mandatory ones that are missing are imagined. Schemas whose level is missing or broken
   * are left out. Levels that are gone keep their seats until their requests are done.
   */
  configure(levels: readonly PriorityLevelConfiguration[], schemas: readonly FlowSchema[]): void {
    this.#takeLevels(
      withMissing(levels, mandatoryConfiguration.levels).filter((each) => brokenLevel(each) === undefined),
    );
    const flows: { schema: FlowSchema; value: Flow }[] = [];
    for (const schema of withMissing(schemas, mandatoryConfiguration.schemas)) {
      const level = this.#levels.get(schema.spec.priorityLevelConfiguration.name);
      if (level === undefined || level.isQuiescing) continue;
      const name = schema.metadata.name ?? "";
      const value: Flow = {
        name,
        uid: schema.metadata.uid ?? "",
        distinguishBy: schema.spec.distinguisherMethod?.type,
        level,
        series: this.#metrics.series(level.name, name),
      };
      flows.push({ schema, value });
      if (name === "catch-all") this.#fallback = value;
    }
    this.#matcher = new FlowSchemaMatcher(flows);
  }

  /** The schema that a request belongs to. */
  classify({ user, info }: RequestState): Flow {
    const flow = this.#matcher.match(user, info) ?? this.#fallback;
    if (flow === undefined) throw new Error("there is no schema that catches all");
    return flow;
  }

  /** Seats the request, or tells why not. A request that is seated at once costs no promise. */
  admit(state: RequestState, flow: Flow): Seat | Refusal | Promise<Seat | Refusal> {
    const { level, series } = flow;
    const seats = seatsOf(state.info, state.request.query, this.#count, level.maxSeats);
    const nowMs = this.#clock.now();
    series.seats.observe(seats);
    // Parts of this process are never made to wait: what they hold back others wait for, and they bound themselves.
    if (state.request.isInProcess || level.isExempt) level.queues.seatAtOnce(seats, nowMs);
    else if (!level.queues.trySeat(seats, nowMs)) return this.#wait(state, flow, seats);
    return new Seat(flow, seats, this.#clock, state.info.verb);
  }

  async #wait(state: RequestState, flow: Flow, seats: number): Promise<Seat | Refusal> {
    const { level, series } = flow;
    const sinceMs = this.#clock.now();
    const outcome = level.queues.wait({
      schemaName: flow.name,
      distinguisher: distinguisherOf(state, flow),
      seats,
      signal: state.signal,
    });
    if (typeof outcome === "string") return refuse(flow, outcome);
    series.inQueue.add();
    series.inQueueSeats.add(seats);
    series.queueLength.observe(level.queues.waiting);
    const settled = await outcome;
    series.inQueue.add(-1);
    series.inQueueSeats.add(-seats);
    const waitedSeconds = (this.#clock.now() - sinceMs) / 1000;
    (settled === "seated" ? series.waitedAndRan : series.waitedInVain).observe(waitedSeconds);
    return settled === "seated" ? new Seat(flow, seats, this.#clock, state.info.verb) : refuse(flow, settled);
  }

  /** Shares the seats anew by what each level lately wanted; levels borrow what others do not use. */
  adjust(): void {
    const nowMs = this.#clock.now();
    const levels = [...this.#levels.values()];
    for (const level of levels) level.observe(nowMs);
    const items = levels.map((level) => {
      level.target = Math.max(level.floor, level.smoothed);
      return { target: level.target, lowerBound: level.floor, upperBound: level.max };
    });
    const { shares, fraction } = allocate(this.#nominalSum, items);
    this.#metrics.fairFraction = fraction;
    for (const [index, level] of levels.entries()) level.apply(Math.round(shares[index] ?? level.nominal));
    this.#reap();
  }

  #takeLevels(configurations: readonly PriorityLevelConfiguration[]): void {
    const next = new Map<string, PriorityLevel>();
    for (const configuration of configurations) {
      const name = configuration.metadata.name ?? "";
      const level =
        this.#levels.get(name) ?? new PriorityLevel(configuration, this.#clock, this.#waitLimitMs);
      level.configuration = configuration;
      level.isQuiescing = false;
      next.set(name, level);
    }
    for (const [name, level] of this.#levels) {
      if (next.has(name) || level.queues.isIdle) continue;
      level.isQuiescing = true;
      next.set(name, level);
    }
    this.#levels = next;
    const all = [...next.values()];
    const totalShares = all.reduce((sum, { shares }) => sum + shares, 0);
    for (const level of all) level.share(this.#totalSeats, totalShares);
    this.#nominalSum = all.reduce((sum, { nominal }) => sum + nominal, 0);
    this.adjust();
  }

  #reap(): void {
    for (const [name, level] of this.#levels) {
      if (level.isQuiescing && level.queues.isIdle) this.#levels.delete(name);
    }
  }
}

/** What a request holds while it is worked on. Giving it back twice does nothing. */
export class Seat {
  readonly flow: Flow;
  readonly #seats: number;
  readonly #clock: Clock;
  readonly #sinceMs: number;
  readonly #verb: string;
  #held = true;

  constructor(flow: Flow, seats: number, clock: Clock, verb: string) {
    this.flow = flow;
    this.#seats = seats;
    this.#clock = clock;
    this.#verb = verb;
    this.#sinceMs = clock.now();
    const { series } = flow;
    series.dispatched.value++;
    series.executing.value++;
    series.executingSeats.value += seats;
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    const { level, series } = this.flow;
    series.executing.value--;
    series.executingSeats.value -= this.#seats;
    series.ran(this.#verb).observe((this.#clock.now() - this.#sinceMs) / 1000);
    level.queues.release(this.#seats);
  }
}

function refuse(flow: Flow, reason: Outcome): Refusal {
  if (reason === "seated") throw new Error("a request that is seated is not refused");
  flow.series.rejected(reason).add();
  return { flow, reason };
}

function distinguisherOf({ user, info }: RequestState, { distinguishBy }: Flow): string {
  switch (distinguishBy) {
    case "ByUser":
      return user.name;
    case "ByNamespace":
      return info.namespace;
    default:
      return "";
  }
}

/** Those, and the ones of the mandatory that are not among them. */
function withMissing<T extends { readonly metadata: { readonly name?: string | undefined } }>(
  found: readonly T[],
  mandatory: readonly T[],
): T[] {
  const names = new Set(found.map(({ metadata }) => metadata.name));
  return [...found, ...mandatory.filter(({ metadata }) => !names.has(metadata.name))];
}
