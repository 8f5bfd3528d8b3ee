import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { settle, TestApi } from "../testing/api.ts";
import { type HttpsFixture, serveForTest } from "../testing/https.ts";

let https: HttpsFixture;
let api: TestApi;
let namespaces = 0;
let configMaps = "";

beforeAll(async () => {
  ({ https, api } = await serveForTest());
});

afterAll(() => https.close());

beforeEach(() => {
  configMaps = `/api/v1/namespaces/n${namespaces++}/configmaps`;
});

const create = (name: string, data = {}): Promise<unknown> =>
  api.post(configMaps, { metadata: { name }, data });

interface Frame {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly name?: string; readonly resourceVersion?: string };
    readonly columnDefinitions?: unknown;
    readonly rows?: readonly { readonly cells: readonly unknown[] }[];
  };
}

/** A watch over HTTP/1.1. It ends itself after a second unless told otherwise. */
async function watch(query = "timeoutSeconds=1", accept = "application/json"): Promise<IncomingMessage> {
  const headers = { authorization: "Bearer admin", accept };
  const options = { port: https.port, ca: https.authority.certificate, agent: false, headers };
  const request = httpsRequest({
    host: "localhost",
    path: `${configMaps}?watch=1&${query}`,
    ...options,
  }).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return response;
}

/** The frames until the watch ends, or until so many have come. */
async function framesOf(response: IncomingMessage, count = Number.POSITIVE_INFINITY): Promise<Frame[]> {
  const frames: Frame[] = [];
  let rest = "";
  for await (const chunk of response.setEncoding("utf8")) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop() ?? "";
    frames.push(...lines.map((line) => JSON.parse(line) as Frame));
    if (frames.length >= count) break;
  }
  return frames;
}

const short = (frames: readonly Frame[]): string[] =>
  frames.map(({ type, object: { metadata } }) => `${type} ${metadata.name ?? ""}`.trim());

describe("a watch over HTTP/1.1", () => {
  test("has the state, then what changes, in order, and ends as a whole answer", async () => {
    await create("a");
    await create("b");
    const response = await watch();
    await create("c");
    await api.delete(`${configMaps}/a`);
    await create("d");
    expect(short(await framesOf(response))).toEqual([
      "ADDED a",
      "ADDED b",
      "ADDED c",
      "DELETED a",
      "ADDED d",
    ]);
    expect(response.complete).toBe(true);
  });

  test("shares what it gets with others, each of which has what it asked for", async () => {
    const matching = await Promise.all(Array.from({ length: 70 }, () => watch("timeoutSeconds=60")));
    const other = await watch("timeoutSeconds=60&fieldSelector=metadata.name%3Dc");
    for (const name of ["a", "b", "c"]) await create(name);
    for (const frames of await Promise.all(matching.map((response) => framesOf(response, 3)))) {
      expect(short(frames)).toEqual(["ADDED a", "ADDED b", "ADDED c"]);
    }
    expect(short(await framesOf(other, 1))).toEqual(["ADDED c"]);
  });

  test("has a state larger than its buffers", async () => {
    for (let n = 0; n < 30; n++) await create(`m${n}`, { text: "x".repeat(100_000) });
    const query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1";
    const response = await watch(query);
    await create("late");
    const frames = short(await framesOf(response, 32));
    expect(frames).toHaveLength(32);
    expect(frames.slice(-2)).toEqual(["BOOKMARK", "ADDED late"]);
  });

  test("that nobody reads is ended, and holds no other up", async () => {
    const slow = await watch("timeoutSeconds=60");
    slow.pause();
    const quick = framesOf(await watch("timeoutSeconds=60"), 40);
    for (let n = 0; n < 40; n++) {
      await create(`m${n}`, { text: "x".repeat(1_000_000) });
      await settle();
    }
    expect(await quick).toHaveLength(40);
    const seen = await framesOf(slow);
    expect(slow.complete).toBe(true);
    expect(seen.length).toBeLessThan(40);
  });
});

describe("a watch of tables", () => {
  const table = "application/json;as=Table;v=v1;g=meta.k8s.io";

  test("says what its columns are in its first event alone", async () => {
    await create("a");
    await create("b");
    const response = await watch("", table);
    await create("c");
    const frames = await framesOf(response, 3);
    expect(frames.map(({ object }) => object.rows?.[0]?.cells[0])).toEqual(["a", "b", "c"]);
    const columns = frames.map(({ object }) => object.columnDefinitions);
    expect(columns).toEqual([expect.any(Array), null, null]);
  });

  test("says so in the first event of a watcher that comes later, too", async () => {
    const first = await watch("", table);
    await create("a");
    const second = await watch("resourceVersion=0", table);
    await create("b");
    for (const frames of await Promise.all([framesOf(first, 2), framesOf(second, 2)])) {
      expect(frames.map(({ object }) => object.columnDefinitions)).toEqual([expect.any(Array), null]);
    }
  });

  test("has bookmarks in the form of tables", async () => {
    const query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1";
    const [bookmark] = await framesOf(await watch(query, table), 1);
    expect(bookmark).toMatchObject({
      type: "BOOKMARK",
      object: {
        kind: "Table",
        columnDefinitions: expect.any(Array),
        rows: [{ object: { kind: "PartialObjectMetadata" } }],
      },
    });
  });
});
