/** Discovery and OpenAPI of a server to which another one is aggregated, over HTTPS. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RealClock } from "../../../apimachinery/clock.ts";
import { isObject } from "../../../apimachinery/json.ts";
import { cronTabs, definitionsPath, established } from "../../extensions/testing/definitions.ts";
import { TestApi } from "../../testing/api.ts";
import { type HttpsFixture, type HttpsResponse, listenForTest } from "../../testing/https.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";
import { ExtensionServer, json, type SeenRequest } from "../testing/extension-server.ts";
import {
  aggregate as aggregateFor,
  apiService,
  apiServicesPath,
  availableAs,
  wardle,
} from "../testing/objects.ts";
import { flunderName, flunderPath, wardleV2, wardleV3 } from "./testing/wardle-openapi.ts";

let started: TestServer;
let api: TestApi;
let https: HttpsFixture;
let extension: ExtensionServer;

beforeEach(async () => {
  started = await startTestServer();
  api = new TestApi(started.transport);
  https = await listenForTest(started.server, new RealClock().now());
  extension = await ExtensionServer.listen();
});

afterEach(async () => {
  await https.close();
  await extension.close();
});

const aggregate = (spec: object = {}): Promise<void> => aggregateFor(api, started.storage, extension, spec);

const aggregatedForm = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const get = (path: string, accept = "application/json"): Promise<HttpsResponse> =>
  https.request(path, { headers: { accept } });

interface Group {
  readonly name?: string;
  readonly metadata?: { readonly name?: string };
  readonly versions: readonly { readonly version: string; readonly freshness?: string }[];
}

const legacyGroups = async (): Promise<readonly Group[]> =>
  (await get("/apis")).json<{ groups: Group[] }>().groups;
const aggregatedGroups = async (): Promise<readonly Group[]> =>
  (await get("/apis", aggregatedForm)).json<{ items: Group[] }>().items;

describe("discovery", () => {
  it("tells of the group where its priority puts it, in both forms", async () => {
    await api.post(definitionsPath, cronTabs());
    await established(api, "crontabs.stable.example.com");
    await aggregate();
    const names = (await legacyGroups()).map(({ name }) => name);
    expect(names[0]).toBe("apiregistration.k8s.io");
    expect(names.slice(-2)).toEqual(["wardle.example.com", "stable.example.com"]);
    expect((await aggregatedGroups()).map(({ metadata }) => metadata?.name)).toEqual(names);
    await api.patch("merge", `${apiServicesPath}/${wardle}`, { spec: { groupPriorityMinimum: 900 } });
    expect((await legacyGroups()).at(-1)?.name).toBe("wardle.example.com");
    await api.patch("merge", `${apiServicesPath}/${wardle}`, { spec: { groupPriorityMinimum: 20_000 } });
    expect((await legacyGroups())[1]?.name).toBe("wardle.example.com");
  });

  it("tells of the group itself, and of its version in the words of its server", async () => {
    await aggregate();
    const version = { groupVersion: "wardle.example.com/v1alpha1", version: "v1alpha1" };
    expect((await get("/apis/wardle.example.com")).json()).toEqual({
      kind: "APIGroup",
      apiVersion: "v1",
      name: "wardle.example.com",
      versions: [version],
      preferredVersion: version,
    });
    const list = (await get("/apis/wardle.example.com/v1alpha1")).json<{ resources: { name: string }[] }>();
    expect(list.resources.map(({ name }) => name)).toEqual(["flunders"]);
  });

  it("is among the paths that there are", async () => {
    await aggregate();
    const { paths } = (await get("/")).json<{ paths: string[] }>();
    expect(paths.filter((path) => path.includes("wardle"))).toEqual([
      "/apis/wardle.example.com",
      "/apis/wardle.example.com/v1alpha1",
    ]);
  });

  it("shows the resources of a server that only speaks the old one, and its tag changes", async () => {
    const before = await get("/apis", aggregatedForm);
    await aggregate();
    const after = await get("/apis", aggregatedForm);
    expect(after.headers["etag"]).not.toBe(before.headers["etag"]);
    expect((await aggregatedGroups()).at(-1)).toEqual({
      metadata: { name: "wardle.example.com" },
      versions: [
        {
          version: "v1alpha1",
          resources: [
            {
              resource: "flunders",
              responseKind: { group: "", version: "", kind: "Flunder" },
              scope: "Namespaced",
              singularResource: "flunder",
              verbs: ["create", "delete", "get", "list", "watch"],
            },
          ],
          freshness: "Current",
        },
      ],
    });
  });

  it.each(["application/vnd.kubernetes.protobuf", "application/yaml"])("has it in %s too", async (type) => {
    await aggregate();
    const answer = await get("/apis", aggregatedForm.replace("application/json", type));
    expect([answer.status, answer.text.includes("flunders")]).toEqual([200, true]);
  });

  it("marks as stale what no server answers for, and keeps telling that it is there", async () => {
    await api.post(apiServicesPath, apiService());
    await availableAs(api, "ServiceNotFound");
    expect((await legacyGroups()).map(({ name }) => name)).toContain("wardle.example.com");
    const { versions = [] } = (await aggregatedGroups()).at(-1) ?? {};
    expect(versions).toEqual([{ version: "v1alpha1", freshness: "Stale" }]);
    await api.delete(`${apiServicesPath}/${wardle}`);
    expect((await legacyGroups()).map(({ name }) => name)).not.toContain("wardle.example.com");
    expect((await get("/apis/wardle.example.com")).status).toBe(404);
  });
});

/** What the other server says of its types. */
function describing(documents: Readonly<Record<string, unknown>>): void {
  extension.handler = ({ url }: SeenRequest, response) => {
    const document = documents[url.split("?")[0] ?? ""];
    if (document === undefined) response.writeHead(404).end();
    else json(response, document);
  };
}

const third = "/openapi/v3/apis/wardle.example.com/v1alpha1";
const indexV3 = { paths: { [third.slice("/openapi/v3/".length)]: { serverRelativeURL: `${third}?hash=1` } } };

interface Index {
  readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>;
}

describe("OpenAPI v2", () => {
  it("has the types of the other server, renamed where they are not those of this one", async () => {
    describing({ "/openapi/v2": wardleV2() });
    await aggregate();
    const document = (await get("/openapi/v2")).json<{
      paths: Record<string, unknown>;
      definitions: Record<string, { properties: Record<string, unknown> }>;
    }>();
    expect(Object.keys(document.paths)).toContain(flunderPath);
    const { [flunderName]: flunder } = document.definitions;
    const meta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    expect(flunder?.properties["metadata"]).toEqual({ $ref: `#/definitions/${meta}_v2` });
    expect(document.definitions[`${meta}_v2`]).toMatchObject({ description: "Not quite as others tell it." });
    expect(Object.keys(document.definitions[meta]?.properties ?? {}).length).toBeGreaterThan(5);
    expect(document.paths["/apis/other.example.com/v1/things"]).toBeUndefined();
  });

  it("has them in protobuf too, and another tag than without", async () => {
    const type = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    const before = await get("/openapi/v2", type);
    describing({ "/openapi/v2": wardleV2() });
    await aggregate();
    const after = await get("/openapi/v2", type);
    expect(before.text).not.toContain(flunderName);
    expect(after.text).toContain(flunderName);
    expect(after.headers["etag"]).not.toBe(before.headers["etag"]);
  });

  it("is this server's own where the other one has none", async () => {
    const before = await get("/openapi/v2");
    await aggregate();
    const after = await get("/openapi/v2");
    expect([after.status, after.headers["etag"]]).toEqual([200, before.headers["etag"]]);
  });
});

describe("OpenAPI v3", () => {
  it("leads to the other server, which answers for itself", async () => {
    describing({ "/openapi/v3": indexV3, [third]: wardleV3() });
    await aggregate();
    const { paths } = (await get("/openapi/v3")).json<Index>();
    const address = paths["apis/wardle.example.com/v1alpha1"]?.serverRelativeURL ?? "";
    expect(address).toBe(`${third}?hash=1`);
    expect(Object.keys(paths)).toContain("apis/apps/v1");
    expect((await get(address)).json()).toEqual(wardleV3());
    const asked = extension.seen.find(({ url }) => url === address);
    expect(asked?.headers["x-remote-user"]).toBe("admin");
  });

  it("is made here for a server that has only v2", async () => {
    describing({ "/openapi/v2": wardleV2() });
    await aggregate();
    const { paths } = (await get("/openapi/v3")).json<Index>();
    const address = paths["apis/wardle.example.com/v1alpha1"]?.serverRelativeURL ?? "";
    expect(address).toMatch(/\?hash=[0-9A-F]{128}$/);
    const answer = await get(address);
    expect(answer.headers["cache-control"]).toBe("public, immutable, max-age=31536000");
    const document: unknown = answer.json();
    const components = isObject(document) && isObject(document["components"]) ? document["components"] : {};
    expect(Object.keys(isObject(components["schemas"]) ? components["schemas"] : {})).toContain(flunderName);
    const old = await get(`${third}?hash=1`);
    expect([old.status, old.headers["location"]]).toEqual([301, address]);
  });

  it("has no document of a version that nobody describes", async () => {
    await aggregate();
    expect((await get(third)).status).toBe(404);
  });
});

it("asks nothing of another server as long as nobody asks for documents", async () => {
  await aggregate();
  await api.get("/api/v1/namespaces");
  const isDocument = ({ url }: SeenRequest): boolean => url === "/apis" || url.startsWith("/openapi");
  expect(extension.seen.filter(isDocument)).toEqual([]);
});
