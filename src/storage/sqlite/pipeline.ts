import { planTransaction, type RevisionStore, type TransactionPlan } from "../memory/revision-store.ts";
import type { Compare, KeyValue, Operation, StorageError, StorageEvent, TxnResult } from "../storage.ts";

/**
 * Transactions between their judgement and their durability. Each is judged at once, in order of arrival, against the
 * durable state plus everything under way, so that any number of them can share one sync. Its caller hears of it, and
 * watches see it, only when it is durable; a refusal waits for the commits that caused it.
 */
export class Pipeline {
  readonly #store: RevisionStore;
  readonly #send: (events: readonly StorageEvent[]) => void;
  /** In order of arrival; revisions never fall. */
  #pending: Pending[] = [];
  /** What the last commit under way that names a key makes of it. */
  readonly #ahead = new Map<string, Ahead>();
  /** The revision of the last commit under way, else of the store. */
  #revision: number;

  /** `send` passes the events of commits, in order of revision, on to the disk. */
  constructor(store: RevisionStore, send: (events: readonly StorageEvent[]) => void) {
    this.#store = store;
    this.#send = send;
    this.#revision = store.revision;
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0;
  }

  add(compare: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult> {
    const { promise, resolve, reject } = Promise.withResolvers<TxnResult>();
    this.#judge({ compare, operations, resolve, reject });
    return promise;
  }

  /**
   * Commits through the revision are durable. Their callers hear of it once those who watch have seen them: who reads
   * from what is fed by a watch then finds its write there without waiting for it.
   */
  committed(through: number): void {
    let count = 0;
    for (const { plan, revision } of this.#pending) {
      if (revision > through) break;
      count++;
      if (plan.holds && plan.events.length > 0) this.#apply(plan.events);
    }
    const settled = this.#pending.splice(0, count);
    // A tick runs when all promises have settled, those of the watches too; still in this turn of the event loop.
    queueMicrotask(() => process.nextTick(acknowledge, settled));
  }

  /**
   * Commits after the durable ones and through the revision were not written. Rejects them, and judges again what was
   * judged on top of them.
   */
  failed(through: number, error: StorageError): void {
    const pending = this.#pending;
    this.#pending = [];
    this.#ahead.clear();
    this.#revision = this.#store.revision;
    const again: Pending[] = [];
    for (const entry of pending) {
      const lost = entry.revision <= through && entry.plan.holds && entry.plan.events.length > 0;
      if (lost) entry.reject(error);
      else again.push(entry);
    }
    for (const entry of again) this.#judge(entry);
  }

  /** Rejects everything under way. */
  abandon(error: StorageError): void {
    for (const { reject } of this.#pending.splice(0)) reject(error);
    this.#ahead.clear();
  }

  #judge(request: Request): void {
    let plan: TransactionPlan;
    try {
      plan = planTransaction(request.compare, request.operations, this.#revision + 1, this.#find);
    } catch (error) {
      request.reject(error);
      return;
    }
    const { compare, operations, resolve, reject } = request;
    const changes = plan.holds && plan.events.length > 0;
    if (changes) this.#revision++;
    const revision = this.#revision;
    if (!changes && revision === this.#store.revision) {
      resolve({ succeeded: plan.holds, revision, current: plan.holds ? [] : plan.current });
      return;
    }
    this.#pending.push({ compare, operations, resolve, reject, plan, revision });
    if (plan.holds && changes) {
      this.#stage(plan.events);
      this.#send(plan.events);
    }
  }

  readonly #find = (key: string): KeyValue | undefined => {
    const ahead = this.#ahead.get(key);
    return ahead === undefined ? this.#store.find(key) : ahead.state;
  };

  #stage(events: readonly StorageEvent[]): void {
    for (const { key, value, createRevision, revision } of events) {
      const state = value === undefined ? undefined : { key, value, createRevision, modRevision: revision };
      this.#ahead.set(key, { revision, state });
    }
  }

  #apply(events: readonly StorageEvent[]): void {
    this.#store.commit(events);
    for (const { key, revision } of events) {
      if (this.#ahead.get(key)?.revision === revision) this.#ahead.delete(key);
    }
  }
}

function acknowledge(settled: readonly Pending[]): void {
  for (const { plan, revision, resolve } of settled) {
    resolve({ succeeded: plan.holds, revision, current: plan.holds ? [] : plan.current });
  }
}

interface Ahead {
  readonly revision: number;
  /** Undefined: the key is deleted. */
  readonly state: KeyValue | undefined;
}

interface Request {
  readonly compare: readonly Compare[];
  readonly operations: readonly Operation[];
  readonly resolve: (result: TxnResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Pending extends Request {
  readonly plan: TransactionPlan;
  /** Of its commit; of one that commits nothing, the revision that it was judged at. */
  readonly revision: number;
}
