import { afterEach, beforeEach, expect, it } from "vitest";
import { builtinScheme } from "../../api/builtin-scheme.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { MemoryStorage } from "../../storage/memory/memory-storage.ts";
import { WatchCache } from "../cache/watch-cache.ts";
import type { ResourceStores } from "../registry/strategy.ts";
import { ApiServices } from "./api-services.ts";

let storage: MemoryStorage;
let watchCache: WatchCache;
let apiServices: ApiServices;
let changes: number;

const refused = (): Promise<never> => Promise.reject(new Error("nothing is written here"));
const stores: ResourceStores = { get: refused, update: refused, create: refused, delete: refused };

beforeEach(async () => {
  storage = new MemoryStorage();
  await open();
});

afterEach(() => {
  apiServices.stop();
  watchCache.stop();
});

async function open(): Promise<void> {
  const clock = new VirtualClock();
  watchCache = new WatchCache({ storage, clock, logger: silentLogger });
  await watchCache.start();
  const scheme = builtinScheme();
  apiServices = new ApiServices({
    scheme,
    base: scheme,
    watchCache,
    clock,
    random: new SeededRandom(1),
    logger: silentLogger,
    register: () => undefined,
  });
  changes = 0;
  apiServices.onChange(() => changes++);
  apiServices.start(stores);
}

/** Writes an APIService, and waits until the cache has it. */
async function put(name: string, spec: object, available = "Unknown"): Promise<void> {
  const [version = ""] = name.split(".");
  const conditions = [{ type: "Available", status: available, reason: "Tested" }];
  const object = {
    kind: "APIService",
    apiVersion: "apiregistration.k8s.io/v1",
    metadata: { name },
    spec: {
      version,
      group: name.slice(version.length + 1),
      groupPriorityMinimum: 2000,
      versionPriority: 9,
      ...spec,
    },
    status: { conditions },
  };
  const value = Buffer.from(JSON.stringify(object));
  const key = `/registry/apiregistration.k8s.io/apiservices/${name}`;
  const { revision } = await storage.txn([], [{ type: "put", key, value }]);
  await watchCache.waitFor(revision);
}

const service = { service: { namespace: "wardle", name: "sample-api", port: 443 } };
const wardle = "v1alpha1.wardle.example.com";
const remote = () => apiServices.remote("wardle.example.com", "v1alpha1");
const shown = (): string[] =>
  apiServices
    .versions()
    .map(({ group, version, remote: by }) => `${group}/${version}${by ? " elsewhere" : ""}`);

it("as long as all is served here, nobody is told of anything", async () => {
  const { generation } = apiServices;
  await put("v1.apps", { groupPriorityMinimum: 5 });
  expect([apiServices.hasRemote, apiServices.generation, changes]).toEqual([false, generation, 0]);
});

it("a version that is served elsewhere is known from its first moment, and stands where its priority puts it", async () => {
  const { generation } = apiServices;
  await put(wardle, { ...service, groupPriorityMinimum: 17_850 });
  expect(apiServices.generation).toBeGreaterThan(generation);
  expect([changes, remote()?.name, remote()?.isAvailable]).toEqual([1, wardle, false]);
  expect(remote()?.service).toBe("wardle/sample-api:443");
  expect(shown().slice(0, 4)).toEqual([
    "/v1",
    "apiregistration.k8s.io/v1",
    "wardle.example.com/v1alpha1 elsewhere",
    "apps/v1",
  ]);
});

it("that it can be reached is news; the server is the same", async () => {
  await put(wardle, service);
  const before = remote();
  await put(wardle, service, "True");
  expect([changes, before === remote(), before?.isAvailable]).toEqual([2, true, true]);
  await put(wardle, service, "True");
  expect(changes).toBe(2);
  await put(wardle, service, "False");
  expect([changes, before?.isAvailable]).toEqual([3, false]);
});

it("with another spec it is another server", async () => {
  await put(wardle, service, "True");
  const before = remote();
  await put(wardle, { ...service, versionPriority: 400 }, "True");
  expect(remote()).not.toBe(before);
  expect(remote()?.isAvailable).toBe(true);
});

it("a version of this server that is led elsewhere is there once, and comes back", async () => {
  const before = shown();
  await put("v1.apps", { ...service, groupPriorityMinimum: 17_800 });
  expect(shown()).toEqual(before.map((each) => (each === "apps/v1" ? "apps/v1 elsewhere" : each)));
  await put("v1.apps", { groupPriorityMinimum: 17_800 });
  expect([shown(), apiServices.hasRemote]).toEqual([before, false]);
});

it("beside others what is served here stands where its own APIService puts it", async () => {
  await put(wardle, service);
  await put("v1.apps", { groupPriorityMinimum: 5 });
  expect([changes, shown().at(-1)]).toEqual([2, "apps/v1"]);
});

it("the list is the same one until something changes", async () => {
  await put(wardle, service);
  expect(apiServices.versions()).toBe(apiServices.versions());
});

it("what has gone is served by nobody", async () => {
  await put(wardle, service);
  const key = `/registry/apiregistration.k8s.io/apiservices/${wardle}`;
  const { revision } = await storage.txn([], [{ type: "delete", key }]);
  await watchCache.waitFor(revision);
  expect([remote(), apiServices.hasRemote, changes]).toEqual([undefined, false, 2]);
});

it("what was stored is known at once", async () => {
  await put(wardle, service, "True");
  await put("v1.own.example.com", {});
  apiServices.stop();
  watchCache.stop();
  await open();
  expect([remote()?.isAvailable, shown().filter((each) => each.includes("elsewhere"))]).toEqual([
    true,
    ["wardle.example.com/v1alpha1 elsewhere"],
  ]);
});

it("the group of APIServices leads nowhere", async () => {
  await put("v1.apiregistration.k8s.io", service);
  expect([apiServices.hasRemote, apiServices.remote("apiregistration.k8s.io", "v1")]).toEqual([
    false,
    undefined,
  ]);
});
