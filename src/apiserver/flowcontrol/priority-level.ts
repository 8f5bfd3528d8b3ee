import type { PriorityLevelConfiguration } from "../../api/types/flowcontrol-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { exemptName } from "./bootstrap-configuration.ts";
import { QueueSet, type Queuing } from "./queue-set.ts";
import { RetryAfter } from "./retry-after.ts";
import type { DemandSummary } from "./seat-demand.ts";

/** How much of the old demand is kept in each period: it halves in five minutes (of periods of ten seconds). */
const smoothing = 0.977;
/** The part of a level's seats that one request may take at most. */
const maxSeatsPart = 0.15;

const noDemand: DemandSummary = { average: 0, deviation: 0, max: 0, durationMs: 0 };

/** One priority level: its configuration, its seats and its queues. */
export class PriorityLevel {
  readonly name: string;
  readonly queues: QueueSet;
  readonly retryAfter = new RetryAfter();
  configuration: PriorityLevelConfiguration;
  /** True for a level that nobody configures any more, while its requests are being worked off. */
  isQuiescing = false;
  /** Seats by the level's share; what it keeps when it lends; what it may grow to; what it has now. */
  nominal = 0;
  min = 0;
  max = 0;
  current = 0;
  /** What it should have by its demand. */
  target = 0;
  maxSeats = 1;
  demand = noDemand;
  smoothed = 0;
  #isNew = true;

  constructor(configuration: PriorityLevelConfiguration, clock: Clock, waitLimitMs: number) {
    this.name = configuration.metadata.name ?? "";
    this.configuration = configuration;
    this.queues = new QueueSet(clock, waitLimitMs, 0, undefined);
  }

  get uid(): string {
    return this.configuration.metadata.uid ?? "";
  }

  get isExempt(): boolean {
    return this.configuration.spec.type === "Exempt";
  }

  get shares(): number {
    const { limited, exempt } = this.configuration.spec;
    return limited === undefined
      ? (exempt?.nominalConcurrencyShares ?? 0)
      : (limited.nominalConcurrencyShares ?? 30);
  }

  get queuing(): Queuing | undefined {
    const queuing = this.configuration.spec.limited?.limitResponse?.queuing;
    if (queuing === undefined) return undefined;
    const { queues = 64, handSize = 8, queueLengthLimit = 50 } = queuing;
    return { queues, handSize, queueLengthLimit };
  }

  /** Its part of all seats, when all levels together have so many shares. */
  share(totalSeats: number, totalShares: number): void {
    const { limited, exempt } = this.configuration.spec;
    const { lendablePercent = 0 } = limited ?? exempt ?? {};
    const borrowing = limited?.borrowingLimitPercent;
    this.nominal = totalShares === 0 ? 0 : Math.ceil((totalSeats * this.shares) / totalShares);
    const lendable = Math.round((this.nominal * lendablePercent) / 100);
    this.min = this.nominal - lendable;
    this.max =
      this.nominal + (borrowing === undefined ? totalSeats : Math.round((this.nominal * borrowing) / 100));
    const handSize = this.queuing?.handSize ?? 1;
    this.maxSeats = Math.max(
      1,
      Math.min(Math.ceil(this.nominal * maxSeatsPart), Math.floor(this.nominal / handSize)),
    );
    if (this.#isNew) this.current = this.nominal - Math.floor(lendable / 2);
    this.#isNew = false;
  }

  /** Looks at what was wanted since the last time. */
  observe(nowMs: number): void {
    const observed = this.queues.demand.reset(nowMs);
    if (observed.durationMs <= 0) {
      this.demand = { ...this.demand, max: observed.max };
      return;
    }
    this.demand = observed;
    const envelope = observed.average + observed.deviation;
    this.smoothed = Math.max(envelope, smoothing * this.smoothed + (1 - smoothing) * envelope);
  }

  /** The fewest seats that the level may have now: what it lately wanted of its own, never less than it keeps. */
  get floor(): number {
    return Math.max(this.min, Math.min(this.nominal, this.demand.max));
  }

  /**
   * A level that is not exempt always has a seat, so that it moves on between two adjustments. Not so one that was given
   * none and may borrow none: its requests wait in vain, as whoever made it wanted. Without queues upstream still lets
   * them in one at a time.
   */
  apply(seats: number): void {
    const fewest = this.queuing === undefined ? 1 : Math.min(1, this.max);
    this.current = this.isExempt ? seats : Math.max(fewest, seats);
    this.queues.configure(this.isExempt ? Number.POSITIVE_INFINITY : this.current, this.queuing);
  }
}

/** Why a configuration cannot be used, in words for the log; undefined when it can. */
export function brokenLevel({ metadata, spec }: PriorityLevelConfiguration): string | undefined {
  if ((spec.type === "Limited") !== (spec.limited !== undefined)) return "type and limited disagree";
  if ((spec.type === "Exempt") !== (spec.exempt !== undefined)) return "type and exempt disagree";
  if ((spec.type === "Exempt") !== (metadata.name === exemptName)) return "name and type disagree";
  const response = spec.limited?.limitResponse;
  if (response !== undefined && (response.type === "Reject") !== (response.queuing === undefined)) {
    return "limitResponse and queuing disagree";
  }
  return undefined;
}
