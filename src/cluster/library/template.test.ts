import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { createPki } from "../../pki/index.ts";
import { MemoryStorage } from "../../storage/memory/memory-storage.ts";
import { Cluster } from "../cluster.ts";
import { Pulse } from "./pulse.ts";
import { type Beginning, Template, templateFor } from "./template.ts";

const options = {
  serviceCidr: "10.96.0.0/16",
  dnsAddress: "10.96.0.10",
  apiEndpoint: { ip: "10.0.0.1", port: 6443 },
};
const nowMs = Date.UTC(2030, 4, 5, 6, 7, 8);
const authority = createPki({ clock: new VirtualClock(nowMs), reproducibleFrom: "a test" }).authority
  .certificate;

const begin = (template: Template, seed = 1): Beginning =>
  template.begin({ nowMs, random: new SeededRandom(seed), authority });

async function contents({ storage }: Pick<Beginning, "storage">): Promise<Map<string, UnstructuredObject>> {
  const { items } = await storage.list("");
  return new Map(
    items.map(({ key, value }) => [
      key,
      JSON.parse(Buffer.from(value).toString("utf8")) as UnstructuredObject,
    ]),
  );
}

/** What a cache gets to know of the values, in the order of their revisions. */
async function decoded({ storage, decoded: known }: Beginning): Promise<[Uint8Array, UnstructuredObject][]> {
  const { items } = await storage.list("");
  return items
    .toSorted((a, b) => a.modRevision - b.modRevision)
    .flatMap(({ value }) => {
      const object = known(value);
      return object === undefined ? [] : [[value, object]];
    });
}

const textOf = async (beginning: Beginning): Promise<string> =>
  JSON.stringify([...(await contents(beginning))]);

/** A cluster that made everything itself, at the same time and with the same authority. */
async function bootstrapped(): Promise<Map<string, UnstructuredObject>> {
  const clock = new VirtualClock(nowMs);
  const pulse = new Pulse(clock);
  clock.watchActivity(() => pulse.count);
  const storage = new MemoryStorage();
  const cluster = new Cluster({
    ...options,
    clock,
    storage,
    random: new SeededRandom(3),
    pki: createPki({ clock, reproducibleFrom: "a test" }),
    intercept: pulse.filter,
  });
  await cluster.startApi();
  await cluster.bootstrap();
  await cluster.bootstrapped();
  await cluster.startControllers();
  await clock.settle();
  const made = await contents({ storage });
  await cluster.stop();
  return made;
}

describe("Template", { timeout: 60_000 }, () => {
  it("leaves nothing of its own time, identities and chance in what it makes", async () => {
    const first = await Template.of(options);
    const second = await Template.of(options, { timeMs: Date.UTC(2011, 11, 13, 14, 15, 16), seed: 7 });
    const text = await textOf(begin(first));
    expect(await textOf(begin(second))).toBe(text);
    expect(text).toContain("2030-05-05T06:07:08Z");
    expect(text).not.toMatch(/2001-02-03|2011-12-13/);
  });

  it("makes what a cluster that bootstraps makes", async () => {
    const template = await contents(begin(await Template.of(options)));
    const made = await bootstrapped();
    expect([...template.keys()]).toEqual([...made.keys()]);
    for (const [key, object] of made) {
      const known = template.get(key);
      expect({ ...known, metadata: { ...known?.metadata, uid: "" } }).toEqual({
        ...object,
        metadata: { ...object.metadata, uid: "" },
      });
    }
  });

  it("hands out objects that say what the bytes say, frozen, and the same for all where nothing differs", async () => {
    const template = await Template.of(options);
    const one = begin(template);
    const two = begin(template, 2);
    const objects = await decoded(one);
    const others = (await decoded(two)).map(([, object]) => object);
    expect(objects.length).toBeGreaterThan(150);
    for (const [index, [value, object]] of objects.entries()) {
      const { resourceVersion, ...metadata } = object.metadata;
      expect({ ...object, metadata }).toEqual(JSON.parse(Buffer.from(value).toString("utf8")));
      expect(resourceVersion).toBe(String(index + 1));
      expect(Object.isFrozen(object) && Object.isFrozen(object.metadata)).toBe(true);
      expect(object.metadata.uid).not.toBe(others[index]?.metadata.uid);
    }
    const rules = objects.flatMap(([, object]) => object["rules"] ?? []);
    expect(rules.length).toBeGreaterThan(60);
    const sharedRules = new Set(others.flatMap((object) => object["rules"] ?? []));
    expect(rules.filter((rule) => !sharedRules.has(rule))).toEqual([]);
    const uids = [...objects.map(([, object]) => object), ...others].map(({ metadata }) => metadata.uid);
    expect(new Set(uids).size).toBe(uids.length);
  });

  it("begins with a history in which each object was created once", async () => {
    const { storage } = begin(await Template.of(options));
    const revision = await storage.revision();
    const revisions: number[] = [];
    for await (const events of storage.watch("", 0)) {
      for (const event of events) revisions.push(event.createRevision);
      if (revisions.length === revision) break;
    }
    expect(revisions).toEqual(Array.from({ length: revision }, (_, index) => index + 1));
  });

  it("is made once for the same options, again after a failure, and forgotten after many others", async () => {
    const bare = { ...options, controllers: () => false, scheduler: false };
    const first = await templateFor("same", bare);
    expect(await templateFor("same", bare)).toBe(first);
    const broken = { ...bare, serviceCidr: "nonsense" };
    await expect(templateFor("broken", broken)).rejects.toThrow("nonsense");
    await templateFor("broken", bare);
    for (let n = 0; n < 8; n++) await templateFor(`other ${n}`, bare);
    expect(await templateFor("same", bare)).not.toBe(first);
  });
});
