import { beforeEach, describe, expect, it, test } from "vitest";
import { VirtualClock } from "../../../apimachinery/clock.ts";
import { RemoteDiscovery } from "./remote-discovery.ts";
import { FakeRemote } from "./testing/fake-remote.ts";
import { resourcesIn, type VersionDiscovery, versionsIn } from "./version-discovery.ts";

const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

const flunders = {
  resource: "flunders",
  responseKind: { group: "", version: "", kind: "Flunder" },
  scope: "Namespaced",
  singularResource: "flunder",
  verbs: ["get", "list"],
};

const listOf = (...versions: string[]) => ({
  items: [
    {
      metadata: { name: "wardle.example.com" },
      versions: versions.map((version) => ({ version, resources: [flunders], freshness: "Current" })),
    },
  ],
});

const legacy = {
  kind: "APIResourceList",
  groupVersion: "wardle.example.com/v1alpha1",
  resources: [
    { name: "flunders", singularName: "flunder", namespaced: true, kind: "Flunder", verbs: ["get", "list"] },
  ],
};

const current = (version: string): VersionDiscovery => ({
  version,
  resources: [flunders],
  freshness: "Current",
});
const stale = (version: string): VersionDiscovery => ({ version, freshness: "Stale" });

let clock: VirtualClock;
let discovery: RemoteDiscovery;
let first: FakeRemote;
let second: FakeRemote;

beforeEach(() => {
  clock = new VirtualClock();
  discovery = new RemoteDiscovery(clock);
  first = new FakeRemote("v1alpha1");
  second = new FakeRemote("v1beta1");
});

const told = async (...remotes: FakeRemote[]): Promise<VersionDiscovery[]> => {
  const found = await discovery.current(remotes.map(({ served }) => served));
  return remotes.map((remote) => found.get(remote) ?? stale("none"));
};

describe("a server that speaks aggregated discovery", () => {
  beforeEach(() => {
    first.answers["/apis"] = {
      headers: { "content-type": aggregated, etag: '"1"' },
      body: listOf("v1alpha1", "v1beta1"),
    };
  });

  it("is asked once for all its versions", async () => {
    expect(await told(first, second)).toEqual([current("v1alpha1"), current("v1beta1")]);
    expect([first.asked, second.asked]).toEqual([["/apis"], []]);
    expect(first.headers[0]?.["accept"]).toMatch(/v=v2;as=APIGroupDiscoveryList,.*v=v2beta1/);
  });

  it("is not asked again until what it said is old, and then whether that has changed", async () => {
    const [before] = await told(first);
    await clock.advance(9_000);
    await told(first);
    expect(first.asked).toEqual(["/apis"]);
    await clock.advance(1_000);
    first.answers["/apis"] = { status: 304 };
    expect((await told(first))[0]).toBe(before);
    expect(first.asked).toEqual(["/apis", '/apis "1"']);
  });

  it("has a version without resources that it does not tell of", async () => {
    first.answers["/apis"] = { headers: { "content-type": aggregated }, body: listOf("v1") };
    expect(await told(first)).toEqual([{ version: "v1alpha1", freshness: "Current" }]);
  });

  it("says the same: the same object is told, so that nothing is made anew", async () => {
    const [before] = await told(first);
    await clock.advance(10_000);
    const [after] = await told(first);
    expect(first.asked.length).toBe(2);
    expect(after).toBe(before);
  });

  it("takes long: who knows what it said before does not wait for more than a moment", async () => {
    await told(first);
    await clock.advance(10_000);
    first.answers["/apis"] = () => new Promise(() => undefined);
    const waiting = told(first);
    await clock.advance(250);
    expect(await waiting).toEqual([current("v1alpha1")]);
  });
});

describe("a server that speaks the old discovery", () => {
  it.each<[string, object]>([
    ["has no /apis", { status: 404 }],
    ["answers a list of groups", { headers: { "content-type": "application/json" }, body: { groups: [] } }],
    ["refuses", { status: 403 }],
  ])("is asked version by version when it %s", async (_what, answer) => {
    first.answers = { "/apis": answer, "/apis/wardle.example.com/v1alpha1": { body: legacy } };
    second.answers = { "/apis/wardle.example.com/v1beta1": new Error("reset") };
    expect(await told(first, second)).toEqual([current("v1alpha1"), stale("v1beta1")]);
  });
});

describe("what cannot be learned is stale", () => {
  it.each<[string, FakeRemote["answers"]]>([
    ["no answer", { "/apis": new Error("timeout") }],
    ["503", { "/apis": { status: 503 } }],
    ["nothing at all", {}],
    ["no JSON", { "/apis": { headers: { "content-type": aggregated }, body: "<html>" } }],
  ])("%s", async (_what, answers) => {
    first.answers = answers;
    expect(await told(first)).toEqual([stale("v1alpha1")]);
  });

  it("and asked for again soon, then ever less often", async () => {
    first.answers = { "/apis": new Error("timeout") };
    await told(first);
    const asked: number[] = [];
    for (let second = 0; second < 200; second += 0.5) {
      await clock.advance(500);
      const before = first.asked.length;
      await told(first);
      if (first.asked.length > before) asked.push(second + 0.5);
    }
    expect(asked).toEqual([0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 63.5, 123.5, 183.5]);
  });

  it("but a server that is not available is not asked, and is at once when it is", async () => {
    first.isAvailable = false;
    first.answers["/apis"] = { headers: { "content-type": aggregated }, body: listOf("v1alpha1") };
    expect(await told(first)).toEqual([stale("v1alpha1")]);
    expect(first.asked).toEqual([]);
    first.isAvailable = true;
    expect(await told(first)).toEqual([current("v1alpha1")]);
  });
});

describe("resources of the old discovery", () => {
  test("have their subresources, and a subresource alone has a resource", () => {
    const entry = { namespaced: true, verbs: ["get"] };
    const resources = [
      { ...entry, name: "a/scale", kind: "Scale", group: "autoscaling", version: "v1" },
      { ...entry, name: "a", singularName: "", kind: "A", shortNames: ["aa"], categories: ["all"] },
      { ...entry, name: "b/status", kind: "" },
    ];
    expect(resourcesIn({ resources })).toEqual([
      {
        resource: "a",
        singularResource: "",
        scope: "Namespaced",
        responseKind: { group: "", version: "", kind: "A" },
        verbs: ["get"],
        shortNames: ["aa"],
        categories: ["all"],
        subresources: [
          {
            subresource: "scale",
            responseKind: { group: "autoscaling", version: "v1", kind: "Scale" },
            verbs: ["get"],
          },
        ],
      },
      {
        resource: "b",
        scope: "Namespaced",
        responseKind: { group: "", version: "", kind: "" },
        subresources: [
          { subresource: "status", responseKind: { group: "", version: "", kind: "" }, verbs: ["get"] },
        ],
      },
    ]);
  });

  test("of two scopes are refused", () => {
    const resources = [{ name: "a", namespaced: true }, { name: "a/status" }];
    expect(() => resourcesIn({ resources })).toThrow(
      "Parent a (scope: Namespaced) and subresource status (scope: Cluster) scope do not match",
    );
  });
});

test.each([null, 7, "x", [], {}, { items: 3 }, { items: [null, { versions: [1, {}] }] }])(
  "a list that is none is read as far as it is one: %j",
  (list) => {
    expect([...versionsIn(list).values()].flat()).toEqual([]);
  },
);
