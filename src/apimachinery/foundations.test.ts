import { describe, expect, it } from "vitest";
import { RealClock, VirtualClock } from "./clock.ts";
import {
  duplicate,
  forbidden,
  formatFieldError,
  invalid,
  notSupported,
  path,
  required,
  tooLong,
  tooMany,
} from "./field-error.ts";
import { formatApiVersion, formatGroupKind, formatGroupResource, parseApiVersion } from "./gvk.ts";
import { deepCopy, deepEqual, deepFreeze, setOwn } from "./json.ts";
import { controllerOf, isBeingDeleted, keyOf, newControllerRef, splitKey } from "./object.ts";
import { randomSuffix, SeededRandom, SystemRandom } from "./random.ts";
import {
  isConflict,
  isNotFound,
  newAlreadyExists,
  newApplyConflict,
  newBadRequest,
  newForbidden,
  newInternalError,
  newInvalid,
  newNotFound,
  newTooManyRequests,
  successStatus,
} from "./status.ts";

describe("json", () => {
  it("copies in depth and keeps a member named __proto__ as data", () => {
    const value = JSON.parse('{"a":[{"b":1}],"__proto__":{"x":1}}') as Record<string, unknown>;
    const copy = deepCopy(value);
    expect(copy).not.toBe(value);
    expect(JSON.stringify(copy)).toBe(JSON.stringify(value));
    expect((copy as { x?: unknown }).x).toBeUndefined();
    const target: Record<string, unknown> = {};
    setOwn(target, "__proto__", 1);
    expect(Object.keys(target)).toEqual(["__proto__"]);
  });

  it.each<[unknown, unknown, boolean]>([
    [{ a: 1, b: undefined }, { a: 1 }, true],
    [{ a: 1 }, { a: 1, b: undefined }, true],
    [{ a: null }, {}, false],
    [[1, 2], [2, 1], false],
    [[], {}, false],
    [{ a: [{ b: 1 }] }, { a: [{ b: 1 }] }, true],
    ["1", 1, false],
  ])("deepEqual(%j, %j) is %s", (a, b, expected) => {
    expect(deepEqual(a, b)).toBe(expected);
  });

  it("freezes in depth", () => {
    const frozen = deepFreeze({ a: { b: [1] } });
    expect(Object.isFrozen(frozen.a.b)).toBe(true);
  });
});

describe("names of types and objects", () => {
  it("come apart and together", () => {
    expect(parseApiVersion("v1")).toEqual({ group: "", version: "v1" });
    expect(parseApiVersion("apps/v1")).toEqual({ group: "apps", version: "v1" });
    expect(formatApiVersion({ group: "", version: "v1" })).toBe("v1");
    expect(formatGroupResource({ group: "apps", resource: "deployments" })).toBe("deployments.apps");
    expect(formatGroupKind({ group: "", kind: "Pod" })).toBe("Pod");
    expect(keyOf({ metadata: { namespace: "n", name: "a" } })).toBe("n/a");
    expect([splitKey("n/a"), splitKey("a")]).toEqual([
      { namespace: "n", name: "a" },
      { namespace: "", name: "a" },
    ]);
  });

  it("know controllers and deletion", () => {
    const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", metadata: { name: "r", uid: "u" } };
    const reference = newControllerRef(owner);
    expect(controllerOf({ metadata: { ownerReferences: [reference] } })).toBe(reference);
    expect(isBeingDeleted({ metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } })).toBe(true);
  });
});

describe("status errors", () => {
  const pods = { group: "", resource: "pods" };
  it.each([
    [newNotFound(pods, "a"), 404, "NotFound", 'pods "a" not found'],
    [
      newAlreadyExists({ group: "apps", resource: "deployments" }, "a"),
      409,
      "AlreadyExists",
      'deployments.apps "a" already exists',
    ],
    [newForbidden(pods, "a", "no"), 403, "Forbidden", 'pods "a" is forbidden: no'],
    [newForbidden(pods, "", "no"), 403, "Forbidden", "pods is forbidden: no"],
    [newBadRequest("bad"), 400, "BadRequest", "bad"],
    [newTooManyRequests("slow", 1), 429, "TooManyRequests", "slow"],
    [newInternalError(new Error("x")), 500, "InternalError", "Internal error occurred: x"],
    [newApplyConflict([], "c"), 409, "Conflict", "c"],
  ])("%s", (error, code, reason, message) => {
    expect([error.code, error.reason, error.message]).toEqual([code, reason, message]);
  });

  it("list the causes of invalid objects", () => {
    const kind = { group: "apps", kind: "Deployment" };
    const one = newInvalid(kind, "a", [required("spec.selector")]);
    expect(one.message).toBe('Deployment.apps "a" is invalid: spec.selector: Required value');
    const two = newInvalid(kind, "a", [required("x"), invalid("y", 1, "odd")]);
    expect(two.message).toBe('Deployment.apps "a" is invalid: [x: Required value, y: Invalid value: 1: odd]');
    expect(two.status.details?.causes).toEqual([
      { reason: "FieldValueRequired", message: "Required value", field: "x" },
      { reason: "FieldValueInvalid", message: "Invalid value: 1: odd", field: "y" },
    ]);
  });

  it("are told apart by their reason", () => {
    expect([
      isNotFound(newNotFound(pods, "a")),
      isConflict(newNotFound(pods, "a")),
      isNotFound(new Error("x")),
    ]).toEqual([true, false, false]);
    expect(successStatus(pods, "a", "u").details).toEqual({ name: "a", kind: "pods", uid: "u" });
  });
});

describe("field errors", () => {
  it.each([
    [required(path("spec").child("a").index(0).key("k"), "why"), "spec.a[0][k]: Required value: why"],
    [invalid("a", "x", "bad"), 'a: Invalid value: "x": bad'],
    [notSupported("a", "x", ["c", "b"]), 'a: Unsupported value: "x": supported values: "c", "b"'],
    [forbidden("a", "no"), "a: Forbidden: no"],
    [duplicate("a", "x"), 'a: Duplicate value: "x"'],
    [tooLong("a", 5), "a: Too long: may not be more than 5 bytes"],
    [tooMany("a", 5, 1), "a: Too many: 5: must have at most 1 item"],
  ])("%j reads as Kubernetes words it", (error, text) => {
    expect(formatFieldError(error)).toBe(text);
  });
});

describe("clocks", () => {
  it("tell whole milliseconds, also after a delay with a fraction", async () => {
    const clock = new VirtualClock(0.5);
    const log: number[] = [];
    clock.after(10.25, () => log.push(clock.now()));
    const ticks = clock.every(7.5, () => log.push(clock.now()));
    await clock.advance(20.75);
    ticks.stop();
    expect(log).toEqual([8, 11, 16]);
    expect(clock.now()).toBe(20);
  });

  it("run timers in order of their time, then of their creation", async () => {
    const clock = new VirtualClock(0);
    const log: string[] = [];
    clock.after(20, () => log.push(`c${clock.now()}`));
    clock.after(10, () => log.push(`a${clock.now()}`));
    clock.after(10, () => log.push(`b${clock.now()}`));
    const ticks = clock.every(15, () => log.push(`t${clock.now()}`));
    const stopped = clock.after(5, () => log.push("never"));
    stopped.stop();
    await clock.advance(30);
    ticks.stop();
    await clock.advance(100);
    expect(log).toEqual(["a10", "b10", "t15", "c20", "t30"]);
    expect(clock.now()).toBe(130);
  });

  it("wake sleepers, and let them be aborted", async () => {
    const clock = new VirtualClock(0);
    let woke = false;
    const sleeping = clock.sleep(10).then(() => {
      woke = true;
    });
    await clock.advance(9);
    expect(woke).toBe(false);
    await clock.advance(1);
    await sleeping;
    const controller = new AbortController();
    const aborted = clock.sleep(10, controller.signal);
    controller.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    await expect(clock.sleep(10, AbortSignal.abort(new Error("early")))).rejects.toThrow("early");
  });

  it("stand still while others work in their own time, unless that has no end", async () => {
    const clock = new VirtualClock(0);
    let reachedMs = -1;
    const real = new Promise<void>((resolve) => setTimeout(resolve, 50));
    void clock.outside(real).then(() => {
      reachedMs = clock.now();
    });
    clock.after(1_000, () => undefined);
    await clock.advance(5_000);
    expect(reachedMs).toBe(0);
    let hasFired = false;
    const late = clock.sleep(1_000).then(() => {
      hasFired = true;
    });
    void clock.outside(late);
    await clock.advance(1_000);
    expect(hasFired).toBe(true);
  });

  it("wait until what a timer set off has come to rest", async () => {
    const clock = new VirtualClock(0);
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    let steps = 0;
    let stepsAtNext = -1;
    clock.watchActivity(() => steps);
    clock.after(10, () => {
      void (async () => {
        for (; steps < 50; steps++) for (let turns = 0; turns < 3; turns++) await turn();
      })();
    });
    clock.after(20, () => {
      stepsAtNext = steps;
    });
    await clock.advance(20);
    expect(stepsAtNext).toBe(50);
  });

  it("keep the order of thousands of timers, many of them stopped", async () => {
    const clock = new VirtualClock(0);
    const random = new SeededRandom(3);
    const fired: number[] = [];
    const timers = Array.from({ length: 3_000 }, (_, index) => {
      const atMs = Math.floor(random.next() * 500);
      return { atMs, index, timer: clock.after(atMs, () => fired.push(index)) };
    });
    const going = timers.filter(({ timer }, index) => index % 3 === 0 || timer.stop() !== undefined);
    await clock.advance(500);
    const expected = going.toSorted((a, b) => a.atMs - b.atMs || a.index - b.index).map(({ index }) => index);
    expect(fired).toEqual(expected);
    expect(fired).toHaveLength(1_000);
    expect(clock.nextTimerMs).toBeUndefined();
  });

  it("follow the machine", async () => {
    const clock = new RealClock();
    const before = clock.now();
    await clock.sleep(0);
    expect(clock.now()).toBeGreaterThanOrEqual(before);
  });
});

describe("chance", () => {
  it("repeats from a seed", () => {
    const [a, b] = [new SeededRandom(7), new SeededRandom(7)];
    expect([a.next(), a.uuid(), randomSuffix(a)]).toEqual([b.next(), b.uuid(), randomSuffix(b)]);
  });

  it("makes version 4 UUIDs and suffixes that are safe in names", () => {
    for (const random of [new SeededRandom(1), new SystemRandom()]) {
      expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(randomSuffix(random)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{5}$/);
      expect(random.next()).toBeLessThan(1);
    }
  });
});
