import { expect, test } from "vitest";
import { CachedObject, encodeForStorage } from "./cached-object.ts";
import { FormBudget } from "./form-budget.ts";
import { ResourceCache } from "./resource-cache.ts";

function pod(name: string, revision: number): CachedObject {
  const object = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "a" } };
  return CachedObject.stored("a", name, revision, encodeForStorage(object));
}

/** A cache whose budget holds two forms of 1,000 bytes. */
function newCache(): { cache: ResourceCache; budget: FormBudget; put: (object: CachedObject) => void } {
  const budget = new FormBudget(2_600);
  const cache = new ResourceCache({ group: "", resource: "pods" }, 0, budget);
  const put = (object: CachedObject): void =>
    cache.apply(object.revision, object.namespace, object.name, object, () => undefined);
  return { cache, budget, put };
}

let made = 0;
const form = (object: CachedObject): Uint8Array =>
  object.form("binary", () => {
    made++;
    return Buffer.alloc(1_000);
  });

test("a form of an object in the cache is made once", () => {
  const { put } = newCache();
  const object = pod("one", 1);
  put(object);
  made = 0;
  expect(form(object)).toBe(form(object));
  expect(made).toBe(1);
});

test("a form of an object that is in no cache is not kept", () => {
  const object = pod("one", 1);
  made = 0;
  form(object);
  form(object);
  expect(made).toBe(2);
});

test("forms go with their object when it is replaced or removed", () => {
  const { cache, budget, put } = newCache();
  const old = pod("one", 1);
  put(old);
  form(old);
  expect(budget.usedBytes).toBeGreaterThan(1_000);
  put(pod("one", 2));
  expect(budget.usedBytes).toBe(0);
  const current = cache.get("a", "one");
  if (current !== undefined) form(current);
  expect(budget.usedBytes).toBeGreaterThan(1_000);
  cache.apply(3, "a", "one", undefined, () => undefined);
  expect(budget.usedBytes).toBe(0);
  form(old);
  expect(budget.usedBytes).toBe(0);
});

test("when there is no more room, what was made first goes first", () => {
  const { budget, put } = newCache();
  const objects = ["one", "two", "three"].map((name, index) => pod(name, index + 1));
  for (const object of objects) put(object);
  for (const object of objects) form(object);
  expect(budget.usedBytes).toBeLessThanOrEqual(2_600);
  made = 0;
  for (const object of objects.slice(1)) form(object);
  expect(made).toBe(0);
  for (const object of objects.slice(0, 1)) form(object);
  expect(made).toBe(1);
});
