import { beforeEach, describe, expect, it } from "vitest";
import type { OwnContent } from "../../../api/openapi/index.ts";
import { VirtualClock } from "../../../apimachinery/clock.ts";
import { RemoteOpenApi } from "./remote-openapi.ts";
import { FakeRemote } from "./testing/fake-remote.ts";
import { flunderName, flunderPath, wardleV2 } from "./testing/wardle-openapi.ts";

const content: OwnContent = {
  names: new Set(),
  definitions: {},
  parameters: {},
  hasPath: () => false,
};
const own = { ownV2: async () => content };

let clock: VirtualClock;
let documents: RemoteOpenApi;
let remote: FakeRemote;
const url = "/openapi/v3/apis/wardle.example.com/v1alpha1?hash=1";

beforeEach(() => {
  clock = new VirtualClock();
  documents = new RemoteOpenApi(clock);
  remote = new FakeRemote();
  remote.answers = {
    "/openapi/v2": { headers: { etag: '"1"' }, body: wardleV2() },
    "/openapi/v3": {
      body: {
        paths: {
          "apis/wardle.example.com/v1alpha1": { serverRelativeURL: url },
          "apis/apps/v1": { serverRelativeURL: "/openapi/v3/apis/apps/v1?hash=bad" },
        },
      },
    },
  };
});

const second = () => documents.second([remote.served], own);
const third = () => documents.third([remote.served]);

describe("OpenAPI v2 of another server", () => {
  it("is what it says of the version, and nothing else", async () => {
    const part = await second();
    expect(part?.paths.map(([path]) => path)).toEqual(["/apis/wardle.example.com/v1alpha1/", flunderPath]);
    expect(part?.definitions.map(([name]) => name)).toContain(flunderName);
    expect(part?.definitions.map(([name]) => name)).not.toContain("com.example.other.Thing");
  });

  it.each<[string, FakeRemote["answers"]]>([
    ["has none", { "/openapi/v2": { status: 404 } }],
    ["fails", { "/openapi/v2": { status: 500 } }],
    ["cannot be reached", { "/openapi/v2": new Error("reset") }],
    ["answers no JSON", { "/openapi/v2": { body: "<html>" } }],
    ["answers another thing", { "/openapi/v2": { body: [] } }],
  ])("is left out when it %s", async (_what, answers) => {
    remote.answers = answers;
    expect(await second()).toBeUndefined();
  });

  it("is asked for again after a minute, by its tag, and is the same object while it says the same", async () => {
    const before = await second();
    await second();
    expect(remote.asked).toEqual(["/openapi/v2"]);
    await clock.advance(60_000);
    remote.answers["/openapi/v2"] = { status: 304 };
    expect(await second()).toBe(before);
    expect(remote.asked).toEqual(["/openapi/v2", '/openapi/v2 "1"']);
    await clock.advance(60_000);
    remote.answers["/openapi/v2"] = { body: { ...wardleV2(), info: {} } };
    expect(await second()).not.toBe(before);
  });

  it("stands while the server cannot be reached, and is not asked for while it is not available", async () => {
    const before = await second();
    remote.answers = {};
    remote.isAvailable = false;
    await clock.advance(60_000);
    expect(await second()).toBe(before);
    expect(remote.asked.length).toBe(1);
  });

  it("is waited for two seconds, and is there later when it comes later", async () => {
    const answer = Promise.withResolvers<{ body: object }>();
    remote.answers["/openapi/v2"] = () => answer.promise;
    const waiting = second();
    await clock.advance(2_000);
    expect(await waiting).toBeUndefined();
    answer.resolve({ body: wardleV2() });
    expect((await second())?.paths.length).toBe(2);
    expect(remote.asked).toEqual(["/openapi/v2"]);
  });

  it("is there as soon as the server is", async () => {
    remote.isAvailable = false;
    expect(await second()).toBeUndefined();
    remote.isAvailable = true;
    expect((await second())?.paths.length).toBe(2);
  });

  it("is merged anew when this server has another document", async () => {
    const before = await second();
    expect(await documents.second([remote.served], { ownV2: async () => content })).not.toBe(before);
  });

  it("is gone with its APIService", async () => {
    await second();
    expect(await documents.second([], own)).toBeUndefined();
  });
});

describe("OpenAPI v3 of another server", () => {
  it("is where it says, of its own version alone", async () => {
    expect([...(await third())]).toEqual([["apis/wardle.example.com/v1alpha1", { url, remote }]]);
  });

  it("is made of its document of version 2 where it has none", async () => {
    delete remote.answers["/openapi/v3"];
    const found = (await third()).get("apis/wardle.example.com/v1alpha1");
    if (found === undefined || !("documents" in found)) throw new Error("there are no documents");
    const json = JSON.parse((await found.documents.json.plain()).toString()) as {
      components: { schemas: object };
    };
    expect(Object.keys(json.components.schemas)).toContain(flunderName);
    expect(found.documents.protobuf.hash).toBe(found.documents.json.hash);
    await clock.advance(60_000);
    expect((await third()).get("apis/wardle.example.com/v1alpha1")).toBe(found);
  });

  it("is none where the server has neither", async () => {
    remote.answers = {};
    expect((await third()).size).toBe(0);
  });
});
