import type { Clock, Timer } from "../../apimachinery/clock.ts";
import { KeptByText } from "../../apimachinery/kept-by-text.ts";
import { SeatDemand } from "./seat-demand.ts";
import { dealHand, flowHash } from "./shuffle-sharding.ts";

/** How requests of a level wait; absent where what exceeds the limit is refused at once. */
export interface Queuing {
  readonly queues: number;
  readonly handSize: number;
  readonly queueLengthLimit: number;
}

export interface QueuedRequest {
  readonly schemaName: string;
  /** Tells the flows of a schema apart. */
  readonly distinguisher: string;
  readonly seats: number;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

export type Outcome = "seated" | "queue-full" | "concurrency-limit" | "time-out" | "cancelled";

/** A request that waits for its seats. */
export interface Waiting extends QueuedRequest {
  readonly arrivedMs: number;
  readonly settle: (outcome: Outcome) => void;
}

/** Requests of flows that were dealt this queue, in the order in which they came. */
class Queue {
  readonly waiting: Waiting[] = [];
  /** Virtual time at which the next request may begin: what was served before, in seats. */
  start = 0;
  waitingSeats = 0;
}

/** What is said of a level in dumps and metrics. */
export interface QueueSetCounts {
  dispatched: number;
  rejected: number;
  timedOut: number;
  cancelled: number;
}

/** Waiting requests are looked through for those that waited too long this often, while there are any. */
const sweepIntervalMs = 250;

/**
 * The seats of one priority level and the queues before them. A request that finds seats free and nobody waiting is
 * seated at once, and nothing else is done for it. When seats are short, flows take turns: each is dealt a few of the
 * queues, waits in the emptiest, and the queue that was served least is served next (start-time fair queueing; upstream
 * meters the same share against the clock).
 */
export class QueueSet {
  /** Seats at one time; infinite for exempt levels. */
  #limit: number;
  #queuing: Queuing | undefined;
  #queues: (Queue | undefined)[] = [];
  readonly #active = new Set<Queue>();
  #virtualTime = 0;
  /** Hands by flow. Names of flows may come from clients. */
  readonly #hands = new KeptByText<readonly number[]>({ entriesMax: 10_000, lengthMax: 1_000_000 });
  #sweep: Timer | undefined;
  readonly #clock: Clock;
  readonly #waitLimitMs: number;
  seatsInUse = 0;
  executing = 0;
  waiting = 0;
  #waitingSeats = 0;
  readonly demand: SeatDemand;
  readonly counts: QueueSetCounts = { dispatched: 0, rejected: 0, timedOut: 0, cancelled: 0 };

  constructor(clock: Clock, waitLimitMs: number, limit: number, queuing: Queuing | undefined) {
    this.#clock = clock;
    this.#waitLimitMs = waitLimitMs;
    this.#limit = limit;
    this.#queuing = queuing;
    this.demand = new SeatDemand(clock.now());
  }

  get limit(): number {
    return this.#limit;
  }

  get isIdle(): boolean {
    return this.executing === 0 && this.waiting === 0;
  }

  /** Queues with their requests, for dumps; only those that were used. */
  *dump(): Iterable<{ index: number; waiting: readonly Waiting[]; start: number; seats: number }> {
    for (const [index, queue] of this.#queues.entries()) {
      if (queue === undefined) continue;
      yield { index, waiting: queue.waiting, start: queue.start, seats: queue.waitingSeats };
    }
  }

  /** Takes new limits; who waits keeps waiting where it is. */
  configure(limit: number, queuing: Queuing | undefined): void {
    if (queuing?.queues !== this.#queuing?.queues || queuing?.handSize !== this.#queuing?.handSize) {
      this.#hands.clear();
      // Queues that still hold requests are drained though no flow is dealt them any more.
      this.#queues = [];
    }
    this.#limit = limit;
    this.#queuing = queuing;
    this.#dispatch();
  }

  /** Takes seats whether they are free or not: for requests that must not wait for others of their level. */
  seatAtOnce(seats: number, nowMs: number): void {
    this.seatsInUse += seats;
    this.executing++;
    this.counts.dispatched++;
    this.demand.set(this.seatsInUse + this.#waitingSeats, nowMs);
  }

  /** True when the request was seated at once. Otherwise `wait` may be asked for it. */
  trySeat(seats: number, nowMs: number): boolean {
    if (this.waiting > 0 || !this.#hasRoom(seats)) return false;
    this.seatAtOnce(seats, nowMs);
    return true;
  }

  /** Waits for seats, or tells why there are none to be had. */
  wait(request: QueuedRequest): Outcome | Promise<Outcome> {
    const queuing = this.#queuing;
    if (queuing === undefined) return this.#refuse("concurrency-limit");
    const queue = this.#choose(request, queuing);
    if (queue.waiting.length >= queuing.queueLengthLimit) return this.#refuse("queue-full");
    return new Promise<Outcome>((resolve) => this.#enqueue(queue, request, resolve));
  }

  /** Gives seats back and seats who waited for them. */
  release(seats: number): void {
    this.seatsInUse -= seats;
    this.executing--;
    if (this.waiting > 0) this.#dispatch();
    this.demand.set(this.seatsInUse + this.#waitingSeats, this.#clock.now());
  }

  #hasRoom(seats: number): boolean {
    // A request wider than the level is let in when it has the level for itself.
    return this.seatsInUse + seats <= this.#limit || (this.seatsInUse === 0 && this.#limit > 0);
  }

  #refuse(why: Outcome): Outcome {
    this.counts.rejected++;
    return why;
  }

  #choose({ schemaName, distinguisher }: QueuedRequest, { queues, handSize }: Queuing): Queue {
    const flow = `${schemaName}\0${distinguisher}`;
    let hand = this.#hands.get(flow);
    if (hand === undefined) {
      hand = queues === 1 ? [0] : dealHand(flowHash(schemaName, distinguisher), queues, handSize);
      this.#hands.set(flow, hand);
    }
    let best: Queue | undefined;
    for (const index of hand) {
      const queue = (this.#queues[index] ??= new Queue());
      if (best === undefined || queue.waitingSeats < best.waitingSeats) best = queue;
    }
    return best ?? new Queue();
  }

  #enqueue(queue: Queue, request: QueuedRequest, resolve: (outcome: Outcome) => void): void {
    const nowMs = this.#clock.now();
    const onGone = (): void => {
      this.counts.cancelled++;
      this.#remove(queue, entry, "cancelled");
    };
    const entry: Waiting = {
      ...request,
      arrivedMs: nowMs,
      settle: (outcome) => {
        request.signal.removeEventListener("abort", onGone);
        resolve(outcome);
      },
    };
    if (request.signal.aborted) return resolve("cancelled");
    request.signal.addEventListener("abort", onGone, { once: true });
    if (queue.waiting.length === 0) {
      // A queue that was idle has no claim on what others were served meanwhile.
      queue.start = Math.max(queue.start, this.#virtualTime);
      this.#active.add(queue);
    }
    queue.waiting.push(entry);
    this.#count(queue, request.seats, 1);
    this.demand.set(this.seatsInUse + this.#waitingSeats, nowMs);
    this.#sweep ??= this.#clock.every(sweepIntervalMs, () => this.#expire());
  }

  #count(queue: Queue, seats: number, sign: 1 | -1): void {
    queue.waitingSeats += sign * seats;
    this.#waitingSeats += sign * seats;
    this.waiting += sign;
  }

  #remove(queue: Queue, entry: Waiting, outcome: Outcome): void {
    const index = queue.waiting.indexOf(entry);
    if (index < 0) return;
    queue.waiting.splice(index, 1);
    this.#count(queue, entry.seats, -1);
    if (queue.waiting.length === 0) this.#active.delete(queue);
    entry.settle(outcome);
    this.#rest();
  }

  #dispatch(): void {
    while (this.waiting > 0) {
      let next: Queue | undefined;
      for (const queue of this.#active) if (next === undefined || queue.start < next.start) next = queue;
      const [entry] = next?.waiting ?? [];
      if (next === undefined || entry === undefined || !this.#hasRoom(entry.seats)) break;
      this.#virtualTime = next.start;
      next.start += entry.seats;
      this.seatAtOnce(entry.seats, this.#clock.now());
      this.#remove(next, entry, "seated");
    }
  }

  /** Refuses who has waited too long. The first of a queue came first. */
  #expire(): void {
    const before = this.#clock.now() - this.#waitLimitMs;
    for (const queue of this.#active) {
      for (
        let [first] = queue.waiting;
        first !== undefined && first.arrivedMs <= before;
        [first] = queue.waiting
      ) {
        this.counts.timedOut++;
        this.#remove(queue, first, "time-out");
      }
    }
  }

  #rest(): void {
    if (this.waiting > 0) return;
    this.#sweep?.stop();
    this.#sweep = undefined;
  }
}
