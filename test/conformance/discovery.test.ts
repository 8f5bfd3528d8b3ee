import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseYaml } from "../../src/apimachinery/yaml.ts";
import {
  hasResources,
  type KnownResource,
  knownResources,
  ServerUnderTest,
  scheme,
} from "./resources/server.ts";

/** What the server says it serves: in the older form, aggregated, and beside the table of the reference. */
let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
});
afterAll(async () => {
  await server.close();
});

interface Listed {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: string[];
  readonly shortNames?: string[];
  readonly categories?: string[];
  readonly storageVersionHash?: string;
}

const rootOf = (apiVersion: string): string =>
  apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
const listed = async (apiVersion: string): Promise<Listed[]> =>
  (await server.get(rootOf(apiVersion))).json<{ resources: Listed[] }>().resources;

const served = (hasResources ? knownResources() : []).filter(
  ({ apiVersion }) => !apiVersion.includes("alpha"),
);

/** CONNECT is shown as what stands for it. */
const connects = (name: string): readonly string[] =>
  name === "proxy" ? ["create", "delete", "get", "patch", "update"] : ["create", "get"];

/** The reference takes lists that can be watched from OpenAPI, which gives every list the parameters of a watch. */
const verbsOf = ({ resource, verbs }: KnownResource): readonly string[] =>
  resource === "componentstatuses" ? verbs.filter((verb) => verb !== "watch") : verbs;

describe.skipIf(!hasResources)("beside the reference (needs ../shared)", () => {
  test("every group and version is served, and nothing else", () => {
    const versions = scheme
      .groupVersions()
      .map(({ group, version }) => (group === "" ? version : `${group}/${version}`));
    expect(versions.toSorted()).toEqual([...new Set(served.map(({ apiVersion }) => apiVersion))].toSorted());
  });

  test.each(served)("$apiVersion $resource", async (known) => {
    const resources = await listed(known.apiVersion);
    const { resource, kind, namespaced, subresources } = known;
    const verbs = verbsOf(known);
    expect(resources.find(({ name }) => name === resource)).toMatchObject({
      kind,
      namespaced,
      singularName: kind.toLowerCase(),
      verbs: [...verbs],
    });
    const parts = resources.filter(({ name }) => name.startsWith(`${resource}/`));
    expect(Object.fromEntries(parts.map(({ name, verbs: own }) => [name.split("/")[1], own]))).toEqual(
      Object.fromEntries(
        Object.entries(subresources).map(([name, own]) => [
          name,
          own[0] === "connect" ? connects(name) : own,
        ]),
      ),
    );
  });
});

test("what is kept in one version has one hash in all of them", async () => {
  const hash = async (apiVersion: string, resource: string): Promise<string | undefined> =>
    (await listed(apiVersion)).find(({ name }) => name === resource)?.storageVersionHash;
  expect(await hash("v1", "pods")).toBe("xPOwRZ+Yhw8=");
  expect(await hash("apps/v1", "deployments")).toBe("8aSe+NMegvE=");
  expect(await hash("autoscaling/v1", "horizontalpodautoscalers")).toBe("qwQve8ut294=");
  expect(await hash("autoscaling/v2", "horizontalpodautoscalers")).toBe("qwQve8ut294=");
  expect(await hash("events.k8s.io/v1", "events")).toBe(await hash("v1", "events"));
  expect(await hash("v1", "componentstatuses")).toBeUndefined();
  expect(await hash("v1", "bindings")).toBeUndefined();
});

test.each([
  ["v1", "pods", ["po"], ["all"]],
  ["v1", "componentstatuses", ["cs"], undefined],
  ["v1", "persistentvolumeclaims", ["pvc"], undefined],
  ["apps/v1", "replicasets", ["rs"], ["all"]],
  ["batch/v1", "cronjobs", ["cj"], ["all"]],
  ["storage.k8s.io/v1", "volumeattributesclasses", ["vac"], undefined],
  ["v1", "secrets", undefined, undefined],
])("%s %s has its short names and categories", async (apiVersion, resource, shortNames, categories) => {
  const found = (await listed(apiVersion)).find(({ name }) => name === resource);
  expect([found?.shortNames, found?.categories]).toEqual([shortNames, categories]);
});

describe("aggregated", () => {
  const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

  interface Aggregated {
    readonly items: {
      readonly metadata: { readonly name?: string };
      readonly versions: {
        readonly version: string;
        readonly resources: {
          readonly resource: string;
          readonly responseKind: { readonly group: string; readonly version: string; readonly kind: string };
          readonly scope: string;
          readonly singularResource: string;
          readonly verbs: string[];
          readonly shortNames?: string[];
          readonly categories?: string[];
          readonly subresources?: {
            readonly subresource: string;
            readonly responseKind: {
              readonly group: string;
              readonly version: string;
              readonly kind: string;
            };
            readonly verbs: string[];
          }[];
        }[];
      }[];
    }[];
  }

  test.each(["/api", "/apis"])("%s says what the single documents say", async (path) => {
    const response = await server.get(path, accept);
    expect(response.headers["content-type"]).toBe(accept);
    const { items } = response.json<Aggregated>();
    for (const { metadata, versions } of items) {
      for (const { version: name, resources } of versions) {
        const apiVersion = metadata.name === undefined ? name : `${metadata.name}/${name}`;
        const kindOf = ({
          kind,
          group,
          version: own,
        }: {
          kind: string;
          group?: string;
          version?: string;
        }): string => `${group || (metadata.name ?? "")}/${own || name}/${kind}`;
        const flat = resources.flatMap(({ resource, responseKind, scope, subresources = [], ...rest }) => [
          [
            resource,
            kindOf(responseKind),
            scope === "Namespaced",
            rest.singularResource,
            rest.verbs,
            rest.shortNames,
          ],
          ...subresources.map((part) => [
            `${resource}/${part.subresource}`,
            kindOf(part.responseKind),
            scope === "Namespaced",
            "",
            part.verbs,
            undefined,
          ]),
        ]);
        const single = (await listed(apiVersion)).map((one) => [
          one.name,
          kindOf(one),
          one.namespaced,
          one.singularName,
          one.verbs,
          one.shortNames,
        ]);
        expect([apiVersion, flat]).toEqual([apiVersion, single]);
      }
    }
  });

  test("is there in YAML and in protobuf, and no longer in the version before", async () => {
    const inType = (type: string, version = "v2"): string =>
      `${type};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    const json = (await server.get("/apis", accept)).json<Aggregated>();
    const yaml = await server.get("/apis", inType("application/yaml"));
    expect([yaml.headers["content-type"], parseYaml(yaml.text)]).toEqual([inType("application/yaml"), json]);
    const protobuf = inType("application/vnd.kubernetes.protobuf");
    const bytes = await server.get("/apis", protobuf);
    expect(bytes.headers["content-type"]).toBe(protobuf);
    expect(bytes.bytes.subarray(0, 4).toString()).toBe("k8s\0");
    for (const { metadata } of json.items) expect(bytes.text).toContain(metadata.name);
    expect((await server.get("/apis", inType("application/json", "v2beta1"))).status).toBe(406);
  });

  test("is not sent again to who has it", async () => {
    const { headers } = await server.get("/apis", accept);
    const etag = String(headers["etag"]);
    expect(etag).toMatch(/^"[0-9A-F]{128}"$/);
    const again = await server.ask("/apis", { headers: { accept, "if-none-match": etag } });
    expect([again.status, again.bytes.length, again.headers["etag"]]).toEqual([304, 0, etag]);
    expect(headers["vary"]).toBe("Accept");
  });
});

test("clients that take any form get the newest they name first", async () => {
  const of = (version: string): string =>
    `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
  const both = await server.get("/apis", `${of("v2")},${of("v2beta1")},application/json`);
  expect(both.json()).toMatchObject({ kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2" });
  const unknown = await server.get("/apis", `${of("v3")},application/json`);
  expect(unknown.json()).toMatchObject({ kind: "APIGroupList" });
});
