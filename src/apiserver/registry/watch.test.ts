import { beforeEach, describe, expect, test } from "vitest";
import { builtinScheme } from "../../api/builtin-scheme.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { ApiServer } from "../server.ts";
import { failure, settle, TestApi } from "../testing/api.ts";
import { adminUser, openSecurity, startTestServer, type TestServer } from "../testing/test-server.ts";

const configMaps = "/api/v1/namespaces/default/configmaps";
let server: TestServer;
let api: TestApi;

beforeEach(async () => {
  server = await startTestServer();
  api = new TestApi(server.transport);
});

const create = (name: string, labels = {}): Promise<unknown> =>
  api.post(configMaps, { metadata: { name, labels } });

test("watch() without a revision begins with what is there", async () => {
  await create("a");
  const watch = api.watch(configMaps);
  await settle();
  await create("b");
  await api.patch("merge", `${configMaps}/a`, { data: { x: "1" } });
  await api.delete(`${configMaps}/a`);
  await settle();
  expect(watch.short()).toEqual(["ADDED a", "ADDED b", "MODIFIED a", "DELETED a"]);
  expect(watch.events.at(-1)?.object.metadata.resourceVersion).toBe("4");
  await watch.stop();
});

test("watch() from a revision begins after it", async () => {
  await create("a");
  await create("b");
  const watch = api.watch(configMaps, { resourceVersion: "1" });
  await settle();
  expect(watch.short()).toEqual(["ADDED b"]);
  await watch.stop();
});

test("events carry the same frozen object that reads answer with", async () => {
  const watch = api.watch(configMaps);
  await settle();
  const created = await api.post(configMaps, { metadata: { name: "a" } });
  await settle();
  expect(watch.events[0]?.object).toBe(created);
  expect(await api.get(`${configMaps}/a`)).toBe(created);
  expect(Object.isFrozen(created.metadata)).toBe(true);
  await watch.stop();
});

test("watch() of a selection sees objects come and go by their labels", async () => {
  const watch = api.watch(configMaps, { labelSelector: "app=web" });
  await settle();
  await create("a", { app: "db" });
  await api.patch("merge", `${configMaps}/a`, { metadata: { labels: { app: "web" } } });
  await api.patch("merge", `${configMaps}/a`, { metadata: { labels: { app: "db" } } });
  await settle();
  expect(watch.short()).toEqual(["ADDED a", "DELETED a"]);
  await watch.stop();
});

test("watch() ends after its time", async () => {
  const watch = api.watch(configMaps, { timeoutSeconds: "5" });
  await server.clock.advance(5_000);
  await expect(watch.ended).resolves.toBeUndefined();
});

test("watch() ends when the server closes", async () => {
  const watch = api.watch(configMaps);
  await settle();
  await server.server.close();
  await expect(watch.ended).resolves.toBeUndefined();
});

test("watch() within the process tells metadata alone to those who want no more", async () => {
  await create("a", { x: "y" });
  const stop = new AbortController();
  const accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
  for await (const { object } of server.transport.watch({ path: configMaps, accept, signal: stop.signal })) {
    expect(object).toMatchObject({
      apiVersion: "meta.k8s.io/v1",
      kind: "PartialObjectMetadata",
      metadata: { name: "a", labels: { x: "y" }, resourceVersion: "1" },
    });
    expect(Object.keys(object).toSorted()).toEqual(["apiVersion", "kind", "metadata"]);
    break;
  }
  stop.abort();
});

describe("bookmarks", () => {
  test("come every minute to those who want them", async () => {
    const watch = api.watch(configMaps, { allowWatchBookmarks: "true" });
    const silent = api.watch(configMaps);
    await settle();
    await api.post("/api/v1/namespaces/default/secrets", { metadata: { name: "s" } });
    await server.clock.advance(60_000);
    expect(watch.short()).toEqual(["BOOKMARK 1"]);
    expect(watch.events[0]?.object).toMatchObject({ kind: "ConfigMap", apiVersion: "v1" });
    expect(silent.events).toEqual([]);
    await watch.stop();
    await silent.stop();
  });

  test("mark the end of the initial state", async () => {
    await create("a");
    const query = {
      sendInitialEvents: "true",
      resourceVersionMatch: "NotOlderThan",
      allowWatchBookmarks: "true",
    };
    const watch = api.watch(configMaps, query);
    await settle();
    await create("b");
    await settle();
    expect(watch.short()).toEqual(["ADDED a", "BOOKMARK 1", "ADDED b"]);
    expect(watch.events[1]?.object.metadata.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
    await watch.stop();
  });
});

describe("history", () => {
  test("older than the server is read from the store", async () => {
    await create("a");
    await api.post("/api/v1/namespaces/default/secrets", { metadata: { name: "s" } });
    await create("b");
    await api.delete(`${configMaps}/a`);
    const second = new ApiServer({
      storage: server.storage,
      scheme: builtinScheme(),
      clock: server.clock,
      random: new SeededRandom(2),
      security: () => openSecurity(),
    });
    await second.start();
    const watch = new TestApi(second.inProcessTransport(adminUser)).watch(configMaps, {
      resourceVersion: "1",
    });
    await settle();
    await create("c");
    await settle();
    expect(watch.short()).toEqual(["ADDED b", "DELETED a", "ADDED c"]);
    await watch.stop();
    await second.close();
  });

  test("that was compacted ends the watch with 410", async () => {
    await create("a");
    await create("b");
    await create("c");
    await server.storage.compact(3);
    const second = new ApiServer({
      storage: server.storage,
      scheme: builtinScheme(),
      clock: server.clock,
      random: new SeededRandom(2),
      security: () => openSecurity(),
    });
    await second.start();
    const watch = new TestApi(second.inProcessTransport(adminUser)).watch(configMaps, {
      resourceVersion: "1",
    });
    expect(await failure(watch.ended)).toMatchObject({
      code: 410,
      reason: "Expired",
      message: "too old resource version: 1 (3)",
    });
    await second.close();
  });
});

describe("is refused", () => {
  test.each([
    [
      { sendInitialEvents: "true" },
      "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
    ],
    [
      { resourceVersionMatch: "NotOlderThan" },
      "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
    ],
  ])("with %j", async (query, why) => {
    const watch = api.watch(configMaps, query);
    expect(await failure(watch.ended)).toMatchObject({
      code: 422,
      message: `ListOptions.meta.k8s.io "" is invalid: ${why}`,
    });
  });

  test.each(["/api/v1/things", "/apis/gone.example.com/v1/things", "/apis/apps/v9/deployments"])(
    "for a resource that does not exist: %s",
    async (path) => {
      expect(await failure(api.watch(path).ended)).toMatchObject({
        code: 404,
        reason: "NotFound",
        message: "the server could not find the requested resource",
      });
    },
  );
});

describe("options of a watch", () => {
  const initial = ["", "true", "false"];
  const matches = ["", "NotOlderThan", "Exact", "x"];
  const rows = initial.flatMap((sendInitialEvents) =>
    matches.map((resourceVersionMatch) => ({ sendInitialEvents, resourceVersionMatch })),
  );
  const field = "resourceVersionMatch";
  const needed = `${field}: Forbidden: sendInitialEvents requires setting ${field} to NotOlderThan`;
  const alone = `${field}: Forbidden: ${field} is forbidden for watch unless sendInitialEvents is provided`;

  test.each(rows)("sendInitialEvents=$sendInitialEvents match=$resourceVersionMatch", async (query) => {
    const { sendInitialEvents, resourceVersionMatch: match } = query;
    const errors: string[] = [];
    if (sendInitialEvents !== "" && match !== "NotOlderThan") errors.push(needed);
    if (sendInitialEvents === "" && match !== "") errors.push(alone);
    if (match === "Exact" || match === "x") {
      errors.push(`${field}: Unsupported value: "${match}": supported values: "NotOlderThan"`);
    }
    const asked = Object.entries({ ...query, timeoutSeconds: "1" }).filter(([, value]) => value !== "");
    const watch = api.watch(configMaps, Object.fromEntries(asked));
    await server.clock.advance(1_000);
    const said = await watch.ended.then(
      () => "",
      (error: unknown) => (error as Error).message,
    );
    const list = errors.length > 1 ? `[${errors.join(", ")}]` : errors.join("");
    expect(said).toBe(list === "" ? "" : `ListOptions.meta.k8s.io "" is invalid: ${list}`);
  });

  test.each([
    [{}, ["ADDED a", "ADDED b"]],
    [{ resourceVersion: "0" }, ["ADDED a", "ADDED b"]],
    [{ resourceVersion: "1" }, ["ADDED b"]],
    [{ resourceVersion: "2" }, []],
    [{ resourceVersion: "9" }, []],
    [{ ...sendInitial("true") }, ["ADDED a", "ADDED b", "BOOKMARK 2"]],
    [{ ...sendInitial("true"), resourceVersion: "0" }, ["ADDED a", "ADDED b", "BOOKMARK 2"]],
    [{ ...sendInitial("true"), resourceVersion: "1" }, ["ADDED a", "ADDED b", "BOOKMARK 2"]],
    [{ ...sendInitial("true"), allowWatchBookmarks: "false" }, ["ADDED a", "ADDED b"]],
    [{ ...sendInitial("false") }, []],
    [{ ...sendInitial("false"), resourceVersion: "0" }, []],
    [{ ...sendInitial("false"), resourceVersion: "1" }, ["ADDED b"]],
  ])("%j begins with %j", async (query, expected) => {
    await create("a");
    await create("b");
    const watch = api.watch(configMaps, query);
    await settle();
    expect(watch.short()).toEqual(expected);
    await watch.stop();
  });

  test("a state that is not there in time ends the watch with a timeout", async () => {
    const watch = api.watch(configMaps, { ...sendInitial("true"), resourceVersion: "9" });
    const ended = failure(watch.ended);
    await server.clock.advance(3_000);
    expect(await ended).toMatchObject({
      code: 504,
      message: "Timeout: Too large resource version: 9, current: 0",
    });
  });

  test("two seconds before its end a watch gets a bookmark", async () => {
    const watch = api.watch(configMaps, { allowWatchBookmarks: "true", timeoutSeconds: "10" });
    await create("a");
    await server.clock.advance(7_999);
    expect(watch.short()).toEqual(["ADDED a"]);
    await server.clock.advance(1);
    expect(watch.short()).toEqual(["ADDED a", "BOOKMARK 1"]);
    await server.clock.advance(2_000);
    await watch.ended;
    expect(watch.events).toHaveLength(2);
  });

  test("a name in the path and another in the selector are refused", async () => {
    const query = { fieldSelector: "metadata.name=b" };
    const watch = api.watch("/api/v1/watch/namespaces/default/configmaps/a", query);
    expect(await failure(watch.ended)).toMatchObject({
      code: 400,
      message: "fieldSelector metadata.name doesn't match requested name",
    });
  });

  test("a revision that is no number is refused", async () => {
    expect(await failure(api.watch(configMaps, { resourceVersion: "-1" }).ended)).toMatchObject({
      code: 500,
      message: 'resourceVersion: Invalid value: "-1": strconv.ParseUint: parsing "-1": invalid syntax',
    });
  });
});

function sendInitial(sendInitialEvents: string): Record<string, string> {
  return { sendInitialEvents, resourceVersionMatch: "NotOlderThan", allowWatchBookmarks: "true" };
}
