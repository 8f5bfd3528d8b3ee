import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { settle } from "../testing/api.ts";
import { type Outcome, QueueSet, type Queuing } from "./queue-set.ts";

const queuing: Queuing = { queues: 8, handSize: 2, queueLengthLimit: 3 };

function newSet(limit: number, withQueues: Queuing | undefined = queuing) {
  const clock = new VirtualClock();
  const set = new QueueSet(clock, 15_000, limit, withQueues);
  const order: string[] = [];
  const wait = (flow: string, { seats = 1, signal = new AbortController().signal } = {}) => {
    const outcome = set.wait({ schemaName: "s", distinguisher: flow, seats, signal });
    void Promise.resolve(outcome).then((settled) => order.push(`${flow} ${settled}`));
    return outcome;
  };
  return { clock, set, order, wait };
}

describe("a level's seats", () => {
  test("are given at once while there are any and nobody waits", () => {
    const { set } = newSet(2);
    expect([set.trySeat(1, 0), set.trySeat(1, 0), set.trySeat(1, 0)]).toEqual([true, true, false]);
    set.release(1);
    expect(set.trySeat(1, 0)).toBe(true);
  });

  test("take a request that is wider than the level when it is alone", () => {
    const { set } = newSet(2);
    expect(set.trySeat(5, 0)).toBe(true);
    expect(set.trySeat(1, 0)).toBe(false);
    set.release(5);
    expect(set.isIdle).toBe(true);
  });

  test("are refused at once where there are no queues", () => {
    const { set, wait } = newSet(1, undefined);
    const rejecting = new QueueSet(new VirtualClock(), 1, 1, undefined);
    expect(rejecting.trySeat(1, 0)).toBe(true);
    const { signal } = new AbortController();
    expect(rejecting.wait({ schemaName: "s", distinguisher: "", seats: 1, signal })).toBe(
      "concurrency-limit",
    );
    expect(rejecting.counts.rejected).toBe(1);
    expect(set.trySeat(1, 0)).toBe(true);
    expect(wait("a")).toBeInstanceOf(Promise);
  });

  test("given past the limit are counted and make others wait", () => {
    const { set } = newSet(1);
    set.seatAtOnce(1, 0);
    set.seatAtOnce(1, 0);
    expect(set.seatsInUse).toBe(2);
    expect(set.trySeat(1, 0)).toBe(false);
  });
});

describe("waiting", () => {
  test("ends in the order of arrival within a flow", async () => {
    const { set, order, wait } = newSet(1, { ...queuing, queues: 1, handSize: 1 });
    set.trySeat(1, 0);
    void wait("a");
    void wait("b");
    set.release(1);
    await settle();
    expect(order).toEqual(["a seated"]);
    set.release(1);
    await settle();
    expect(order).toEqual(["a seated", "b seated"]);
  });

  test("a flow with many requests does not hold up one with few", async () => {
    const { set, order, wait } = newSet(1, { queues: 64, handSize: 1, queueLengthLimit: 50 });
    set.trySeat(1, 0);
    for (let index = 0; index < 20; index++) void wait("loud");
    void wait("quiet");
    for (let index = 0; index < 3; index++) {
      set.release(1);
      await settle();
    }
    expect(order).toContain("quiet seated");
    expect(order).toHaveLength(3);
  });

  test("is refused when the emptiest queue of the hand is full", async () => {
    const { set, wait } = newSet(1);
    set.trySeat(1, 0);
    const outcomes: (Outcome | Promise<Outcome>)[] = [];
    for (let index = 0; index < 7; index++) outcomes.push(wait("loud"));
    expect(outcomes.filter((outcome) => outcome === "queue-full")).toHaveLength(1);
    expect(set.waiting).toBe(6);
  });

  test("ends after the limit of time", async () => {
    const { clock, set, order, wait } = newSet(1);
    set.trySeat(1, clock.now());
    void wait("a");
    await clock.advance(14_000);
    void wait("b");
    await clock.advance(1_500);
    expect(order).toEqual(["a time-out"]);
    expect(set.waiting).toBe(1);
    expect(set.counts.timedOut).toBe(1);
  });

  test("ends with its client", async () => {
    const { set, order, wait } = newSet(1);
    set.trySeat(1, 0);
    const gone = new AbortController();
    void wait("a", { signal: gone.signal });
    void wait("b");
    gone.abort();
    set.release(1);
    await settle();
    expect(order).toEqual(["a cancelled", "b seated"]);
    expect(set.counts.cancelled).toBe(1);
  });

  test("ends when the level grows", async () => {
    const { set, order, wait } = newSet(1);
    set.trySeat(1, 0);
    void wait("a");
    void wait("b");
    set.configure(3, queuing);
    await settle();
    expect(order).toEqual(["a seated", "b seated"]);
  });

  test("goes on in queues that nobody is dealt any more", async () => {
    const { set, order, wait } = newSet(1);
    set.trySeat(1, 0);
    void wait("a");
    set.configure(1, { ...queuing, queues: 4 });
    set.release(1);
    await settle();
    expect(order).toEqual(["a seated"]);
  });

  test("wants what it waits for", async () => {
    const { clock, set, wait } = newSet(2);
    set.trySeat(2, clock.now());
    void wait("a", { seats: 3 });
    await clock.advance(10_000);
    expect(set.demand.reset(clock.now())).toMatchObject({ max: 5, durationMs: 10_000 });
  });
});
