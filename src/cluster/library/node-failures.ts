import type { Clock, Timer } from "../../apimachinery/clock.ts";
import { durationMs } from "./duration.ts";
import type { Duration, NodeOptions } from "./options.ts";

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

export type FailureKind =
  | "crash"
  | "partition"
  | "not-ready"
  | "memory-pressure"
  | "disk-pressure"
  | "pid-pressure";

/** What makes a failure happen, and takes it back. */
interface Failing {
  fail(name: string, kind: FailureKind): Promise<void>;
  recover(node: NodeOptions, kind: FailureKind): Promise<void>;
}

/** Makes the failures of nodes happen in their time. */
export class NodeFailures {
  readonly #clock: Clock;
  readonly #failing: Failing;
  /** What ends each plan. */
  readonly #plans = new Map<string, readonly (() => void)[]>();

  constructor(clock: Clock, failing: Failing) {
    this.#clock = clock;
    this.#failing = failing;
  }

  /** Plans the failures of a node; of one that was planned before nothing changes. Throws TypeError for wrong times. */
  plan(node: NodeOptions, failures: readonly NodeFailure[]): void {
    const { name } = node;
    if (this.#plans.has(name) || failures.length === 0) return;
    const spans = failures.map(spanOf);
    this.#plans.set(
      name,
      spans.map((span) => this.#planOne(node, span)),
    );
  }

  /** Nothing fails any more by itself. */
  stop(): void {
    for (const plans of this.#plans.values()) for (const end of plans) end();
    this.#plans.clear();
  }

  #planOne(node: NodeOptions, { kind, afterMs, forMs, everyMs }: Span): () => void {
    let next: Timer;
    let recovery: Timer | undefined;
    const begin = (): void => {
      void this.#failing.fail(node.name, kind);
      if (forMs !== undefined)
        recovery = this.#clock.after(forMs, () => void this.#failing.recover(node, kind));
      if (everyMs !== undefined) next = this.#clock.after(everyMs, begin);
    };
    next = this.#clock.after(afterMs, begin);
    return () => {
      next.stop();
      recovery?.stop();
    };
  }
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
