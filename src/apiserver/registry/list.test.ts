import { beforeEach, describe, expect, test } from "vitest";
import { failure, TestApi } from "../testing/api.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

const configMaps = "/api/v1/namespaces/default/configmaps";
let server: TestServer;
let api: TestApi;

beforeEach(async () => {
  server = await startTestServer();
  api = new TestApi(server.transport);
  for (const name of ["d", "b", "a", "c"]) {
    await api.post(configMaps, { metadata: { name, labels: { even: String("bd".includes(name)) } } });
  }
});

const names = (items: readonly { metadata: { name?: string | undefined } }[]): string =>
  items.map(({ metadata }) => metadata.name).join("");

test("list() answers with all objects in the order of their keys, at the newest revision", async () => {
  const list = await api.list(configMaps);
  expect(list).toMatchObject({ kind: "ConfigMapList", apiVersion: "v1", metadata: { resourceVersion: "4" } });
  expect(names(list.items)).toBe("abcd");
  expect(list.items[0]).toMatchObject({ kind: "ConfigMap", apiVersion: "v1" });
});

test("list() over all namespaces orders by namespace first", async () => {
  await api.post("/api/v1/namespaces/a/configmaps", { metadata: { name: "z" } });
  expect(names((await api.list("/api/v1/configmaps")).items)).toBe("zabcd");
});

describe("selectors", () => {
  test.each([
    [{ labelSelector: "even=true" }, "bd"],
    [{ labelSelector: "even!=true" }, "ac"],
    [{ labelSelector: "even in (true,false),!odd" }, "abcd"],
    [{ fieldSelector: "metadata.name=c" }, "c"],
    [{ fieldSelector: "metadata.name!=c,metadata.namespace=default" }, "abd"],
    [{ fieldSelector: "metadata.name=b", labelSelector: "even=false" }, ""],
  ])("%j", async (query, expected) => {
    expect(names((await api.list(configMaps, query as Record<string, string>)).items)).toBe(expected);
  });

  test("of a field of the kind", async () => {
    const pods = "/api/v1/namespaces/default/pods";
    for (const nodeName of ["n1", "n2"]) {
      const spec = { nodeName, containers: [{ name: "c", image: "x" }] };
      await api.post(pods, { metadata: { name: `on-${nodeName}` }, spec });
    }
    expect(names((await api.list(pods, { fieldSelector: "spec.nodeName=n2" })).items)).toBe("on-n2");
  });

  test.each([
    [
      configMaps,
      "data.x=1",
      '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ],
    ["/api/v1/pods", "spec.foo=1", "field label not supported: spec.foo"],
    ["/apis/batch/v1/jobs", "spec.foo=1", 'field label "spec.foo" not supported for Job'],
  ])("of %s by %s is refused", async (path, fieldSelector, message) => {
    expect(await failure(api.list(path, { fieldSelector }))).toMatchObject({ code: 400, message });
  });
});

describe("pages", () => {
  test("follow each other at one revision, whatever is written between them", async () => {
    const first = await api.list(configMaps, { limit: "2" });
    expect(names(first.items)).toBe("ab");
    expect(first.metadata.remainingItemCount).toBe(2);
    await api.delete(`${configMaps}/c`);
    await api.post(configMaps, { metadata: { name: "cc" } });
    const second = await api.list(configMaps, { limit: "1", continue: first.metadata.continue ?? "" });
    expect(names(second.items)).toBe("c");
    expect(second.metadata).toMatchObject({
      resourceVersion: first.metadata.resourceVersion,
      remainingItemCount: 1,
    });
    const third = await api.list(configMaps, { continue: second.metadata.continue ?? "" });
    expect(names(third.items)).toBe("d");
    expect(third.metadata.continue).toBeUndefined();
    expect(third.metadata.remainingItemCount).toBeUndefined();
  });

  test("across namespaces go on where they ended", async () => {
    await api.post("/api/v1/namespaces/other/configmaps", { metadata: { name: "a" } });
    let token = "";
    const seen: string[] = [];
    do {
      const page = await api.list("/api/v1/configmaps", {
        limit: "2",
        ...(token === "" ? {} : { continue: token }),
      });
      seen.push(names(page.items));
      token = page.metadata.continue ?? "";
    } while (token !== "");
    expect(seen).toEqual(["ab", "cd", "a"]);
  });

  test("of a selection do not tell how many remain", async () => {
    const page = await api.list(configMaps, { limit: "1", labelSelector: "even=true" });
    expect(names(page.items)).toBe("b");
    expect(page.metadata.continue).toBeDefined();
    expect(page.metadata.remainingItemCount).toBeUndefined();
    await api.delete(`${configMaps}/a`);
    const rest = await api.list(configMaps, {
      labelSelector: "even=true",
      continue: page.metadata.continue ?? "",
    });
    expect(names(rest.items)).toBe("d");
  });

  test("whose revision was compacted are 410 though nothing of the resource changed", async () => {
    const first = await api.list(configMaps, { limit: "1" });
    await api.post("/api/v1/namespaces/default/secrets", { metadata: { name: "later" } });
    await server.storage.compact(5);
    const status = await failure(
      api.list(configMaps, { limit: "1", continue: first.metadata.continue ?? "" }),
    );
    expect(status).toMatchObject({ code: 410, reason: "Expired" });
    const rest = await api.list(configMaps, { limit: "1", continue: status.metadata.continue ?? "" });
    expect([names(rest.items), rest.metadata.remainingItemCount]).toEqual(["b", 2]);
  });

  test("whose revision was compacted are 410 with a token for the rest", async () => {
    const first = await api.list(configMaps, { limit: "2" });
    await api.delete(`${configMaps}/c`);
    await server.storage.compact(5);
    const status = await failure(api.list(configMaps, { continue: first.metadata.continue ?? "" }));
    expect(status).toMatchObject({ code: 410, reason: "Expired" });
    expect(status.message).toContain(
      "The provided continue parameter is too old to display a consistent list result.",
    );
    const rest = await api.list(configMaps, { continue: status.metadata.continue ?? "" });
    expect(names(rest.items)).toBe("d");
    expect(rest.metadata.resourceVersion).toBe("5");
  });

  test("with a foreign token are refused", async () => {
    expect((await failure(api.list(configMaps, { continue: "x" }))).message).toContain(
      "continue key is not valid",
    );
  });

  test("with a token and a revision are refused", async () => {
    const { metadata } = await api.list(configMaps, { limit: "1" });
    const list = api.list(configMaps, { continue: metadata.continue ?? "", resourceVersion: "3" });
    expect((await failure(list)).message).toBe(
      "specifying resource version is not allowed when using continue",
    );
  });
});

describe("resourceVersion", () => {
  test("0 takes any state and ignores the limit", async () => {
    expect(names((await api.list(configMaps, { resourceVersion: "0", limit: "1" })).items)).toBe("abcd");
  });

  test("with Exact shows the past", async () => {
    const list = await api.list(configMaps, { resourceVersion: "2", resourceVersionMatch: "Exact" });
    expect(names(list.items)).toBe("bd");
    expect(list.metadata.resourceVersion).toBe("2");
  });

  test("with a limit means exactly that revision", async () => {
    const list = await api.list(configMaps, { resourceVersion: "2", limit: "1" });
    expect(names(list.items)).toBe("b");
    expect(list.metadata).toMatchObject({ resourceVersion: "2", remainingItemCount: 1 });
  });

  test("with NotOlderThan shows the present", async () => {
    const list = await api.list(configMaps, { resourceVersion: "2", resourceVersionMatch: "NotOlderThan" });
    expect(names(list.items)).toBe("abcd");
  });

  test("of the compacted past is 410", async () => {
    await api.delete(`${configMaps}/c`);
    await server.storage.compact(5);
    expect(
      await failure(api.list(configMaps, { resourceVersion: "2", resourceVersionMatch: "Exact" })),
    ).toMatchObject({
      code: 410,
      reason: "Expired",
      message: "The resourceVersion for the provided list is too old.",
    });
  });

  test("of the future is a timeout", async () => {
    const list = failure(api.list(configMaps, { resourceVersion: "99" }));
    await server.clock.advance(3_000);
    expect(await list).toMatchObject({
      code: 504,
      message: "Timeout: Too large resource version: 99, current: 4",
    });
  });

  test.each([
    [
      { resourceVersionMatch: "Exact" },
      "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
    ],
    [
      { resourceVersionMatch: "Exact", resourceVersion: "0" },
      'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ],
    [
      { resourceVersionMatch: "Newest", resourceVersion: "1" },
      'resourceVersionMatch: Unsupported value: "Newest": supported values: "Exact", "NotOlderThan", ""',
    ],
    [
      { resourceVersionMatch: "Exact", resourceVersion: "1", continue: "x" },
      "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided",
    ],
    [{ sendInitialEvents: "true" }, "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"],
  ])("%j is refused", async (query, why) => {
    expect(await failure(api.list(configMaps, query as Record<string, string>))).toMatchObject({
      code: 422,
      message: `ListOptions.meta.k8s.io "" is invalid: ${why}`,
    });
  });

  test("that is no number is refused", async () => {
    expect((await failure(api.list(configMaps, { resourceVersion: "abc" }))).code).toBe(400);
  });
});
