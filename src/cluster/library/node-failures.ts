import type { Clock, Timer } from "../../apimachinery/clock.ts";
import { durationMs } from "./duration.ts";
import type { Duration, NodeOptions } from "./options.ts";
import type { FailurePlan, NodePlan } from "./trouble.ts";

/**
 * Something that goes wrong with a node, by itself: `{ kind: "not-ready", after: "1m", for: "20s", every: "2m" }` is a
 * node that flaps. Times count from when the node was first added.
 */
export interface NodeFailure {
  /**
   * `crash`: its agent and all that runs on it are gone; it comes back empty. `partition`: it gives no sign of life.
   * `not-ready`: it says so itself. The pressures are conditions, from which taints follow.
   */
  readonly kind: FailureKind;
  readonly after: Duration;
  /** Until it is well again; for ever when absent. */
  readonly for?: Duration;
  /** Again after each of these, which must be longer than `for`. */
  readonly every?: Duration;
}

export type FailureKind = (typeof failureKinds)[number];

export const failureKinds = [
  "crash",
  "partition",
  "not-ready",
  "memory-pressure",
  "disk-pressure",
  "pid-pressure",
] as const;

/** What makes a failure happen, and takes it back. */
interface Failing {
  fail(name: string, kind: FailureKind): Promise<void>;
  recover(node: NodeOptions, kind: FailureKind): Promise<void>;
}

/** Makes the failures of nodes happen in their time. */
export class NodeFailures {
  readonly #clock: Clock;
  readonly #failing: Failing;
  readonly #plans = new Map<string, { readonly node: NodeOptions; readonly failures: readonly Plan[] }>();

  constructor(clock: Clock, failing: Failing) {
    this.#clock = clock;
    this.#failing = failing;
  }

  /**
   * Plans the failures of a node; of one that was planned before nothing changes. With what was saved they go on from
   * there. Throws TypeError for wrong times.
   */
  plan(node: NodeOptions, saved?: NodePlan): void {
    const { name, failures = [] } = node;
    if (this.#plans.has(name) || failures.length === 0) return;
    const plans = failures
      .map(spanOf)
      .map((span, index) => new Plan(this.#clock, this.#failing, node, span, saved?.failures[index]));
    this.#plans.set(name, { node, failures: plans });
  }

  /** What is planned, for a cluster that is to go on from there. */
  save(): NodePlan[] {
    return [...this.#plans.values()].map(({ node, failures }) => ({
      node,
      failures: failures.map((plan) => plan.save()),
    }));
  }

  /** Nothing fails any more by itself. */
  stop(): void {
    for (const { failures } of this.#plans.values()) for (const plan of failures) plan.stop();
    this.#plans.clear();
  }
}

/** A failure that comes, goes and may come again. */
class Plan {
  readonly #clock: Clock;
  readonly #failing: Failing;
  readonly #node: NodeOptions;
  readonly #span: Span;
  #begin: Due | undefined;
  #end: Due | undefined;

  constructor(
    clock: Clock,
    failing: Failing,
    node: NodeOptions,
    span: Span,
    { beginsInMs, endsInMs }: FailurePlan = { beginsInMs: span.afterMs },
  ) {
    this.#clock = clock;
    this.#failing = failing;
    this.#node = node;
    this.#span = span;
    if (beginsInMs !== undefined) this.#beginAfter(beginsInMs);
    if (endsInMs !== undefined) this.#endAfter(endsInMs);
  }

  save(): FailurePlan {
    const nowMs = this.#clock.now();
    return {
      ...(this.#begin !== undefined && { beginsInMs: this.#begin.atMs - nowMs }),
      ...(this.#end !== undefined && { endsInMs: this.#end.atMs - nowMs }),
    };
  }

  stop(): void {
    this.#begin?.timer.stop();
    this.#end?.timer.stop();
  }

  #beginAfter(delayMs: number): void {
    const { kind, forMs, everyMs } = this.#span;
    this.#begin = this.#due(delayMs, () => {
      this.#begin = undefined;
      void this.#failing.fail(this.#node.name, kind);
      if (forMs !== undefined) this.#endAfter(forMs);
      if (everyMs !== undefined) this.#beginAfter(everyMs);
    });
  }

  #endAfter(delayMs: number): void {
    this.#end = this.#due(delayMs, () => {
      this.#end = undefined;
      void this.#failing.recover(this.#node, this.#span.kind);
    });
  }

  #due(delayMs: number, callback: () => void): Due {
    return { atMs: this.#clock.now() + delayMs, timer: this.#clock.after(delayMs, callback) };
  }
}

/** What is still to happen. */
interface Due {
  readonly atMs: number;
  readonly timer: Timer;
}

interface Span {
  readonly kind: FailureKind;
  readonly afterMs: number;
  readonly forMs: number | undefined;
  readonly everyMs: number | undefined;
}

function spanOf({ kind, after, for: lasts, every }: NodeFailure): Span {
  const forMs = lasts === undefined ? undefined : durationMs(lasts);
  const everyMs = every === undefined ? undefined : durationMs(every);
  if (everyMs !== undefined && (forMs === undefined || everyMs <= forMs)) {
    throw new TypeError(`a failure of a node that comes every ${every} has to end before: "for" is ${lasts}`);
  }
  return { kind, afterMs: durationMs(after), forMs, everyMs };
}
