import { beforeAll, describe, expect, test } from "vitest";
import type { Transport } from "../../apimachinery/transport.ts";
import { failure } from "../testing/api.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let server: TestServer;
let transport: Transport;

beforeAll(async () => {
  server = await startTestServer();
  ({ transport } = server);
});

// The tests read what they name: the type is a convenience.
async function get<T = Record<string, unknown>>(path: string, accept?: string): Promise<T> {
  const { body } = await transport.request({
    method: "GET",
    path,
    ...(accept === undefined ? {} : { accept }),
  });
  return body as T;
}

interface ResourceList {
  groupVersion: string;
  resources: { name: string; kind: string; verbs: string[]; group?: string; version?: string }[];
}

test("/version tells which Kubernetes this is", async () => {
  expect(await get("/version")).toMatchObject({ major: "1", minor: "36", gitVersion: "v1.36.0+sampan" });
});

test("/ lists the paths", async () => {
  const { paths } = await get<{ paths: string[] }>("/");
  expect(paths).toEqual(
    expect.arrayContaining(["/api/v1", "/apis/apps", "/apis/apps/v1", "/readyz", "/version"]),
  );
});

describe("health", () => {
  test.each(["/healthz", "/livez", "/readyz", "/readyz/ping", "/readyz/"])("%s is ok", async (path) => {
    expect(await get(path)).toBe("ok");
  });

  test.each(["healthz", "livez", "readyz"])("/%s names what clients look for", async (root) => {
    const text = await get<string>(`/${root}?verbose`);
    for (const hook of [
      "start-apiextensions-controllers",
      "crd-informer-synced",
      "start-cluster-authentication-info-controller",
      "start-service-ip-repair-controllers",
      "apiservice-registration-controller",
      "kube-apiserver-autoregistration",
    ]) {
      expect(text).toContain(`[+]poststarthook/${hook} ok\n`);
    }
    expect(text).toContain("[+]autoregister-completion ok\n");
  });

  test("tells each check when asked", async () => {
    const text = await get<string>("/readyz?verbose&exclude=etcd");
    const isHook = (line: string): boolean => line.startsWith("[+]poststarthook/");
    expect(
      text
        .split("\n")
        .filter((line) => !isHook(line))
        .join("\n"),
    ).toBe(
      "[+]ping ok\n[+]log ok\n[+]etcd excluded: ok\n[+]etcd-readiness ok\n[+]informer-sync ok\n" +
        "[+]autoregister-completion ok\n[+]shutdown ok\nreadyz check passed\n",
    );
    expect(text.split("\n").filter(isHook)).toContain("[+]poststarthook/rbac/bootstrap-roles ok");
    expect(await get("/livez?verbose")).toMatch(
      /^\[\+\]ping ok\n\[\+\]log ok\n\[\+\]etcd ok\n(\[\+\]poststarthook\/\S+ ok\n)+\[\+\]autoregister-completion ok\nlivez check passed\n$/,
    );
    expect(await get("/livez/poststarthook/bootstrap-controller")).toBe("ok");
  });

  test("says when there is nothing to exclude", async () => {
    expect(await get("/livez?verbose&exclude=b&exclude=a&exclude=log")).toContain(
      'warn: some health checks cannot be excluded: no matches for "a","b"\nlivez check passed\n',
    );
  });

  test("fails by the name of the check, and the check itself says why", async () => {
    const readyChecks = [{ name: "poststarthook/rbac/bootstrap-roles", check: () => "not finished" }];
    const other = await startTestServer({ readyChecks });
    const ask = (path: string) => other.transport.request({ method: "GET", path });
    const status = await failure(ask("/readyz"));
    expect(status).toMatchObject({ code: 500 });
    expect(status.message).toContain("[-]poststarthook/rbac/bootstrap-roles failed: reason withheld");
    expect(status.message).toContain("readyz check failed");
    expect((await failure(ask("/readyz/poststarthook/rbac/bootstrap-roles"))).message).toBe(
      "internal server error: not finished",
    );
    expect((await ask("/readyz?exclude=poststarthook/rbac/bootstrap-roles")).body).toBe("ok");
    expect((await failure(ask("/readyz/nothing"))).code).toBe(404);
  });

  test("is over for /readyz alone when the server closes", async () => {
    const other = await startTestServer();
    await other.server.close();
    const ask = (path: string) => other.transport.request({ method: "GET", path });
    expect((await failure(ask("/readyz"))).message).toContain("[-]shutdown failed: reason withheld");
    expect((await failure(ask("/readyz/shutdown"))).message).toBe(
      "internal server error: process is shutting down",
    );
    expect((await ask("/livez")).body).toBe("ok");
  });

  test("is shown at /metrics/slis", async () => {
    await get("/livez");
    const text = await get<unknown>("/metrics/slis");
    expect(text).toContain('kubernetes_healthcheck{name="etcd",type="readyz"} 1\n');
    expect(text).toContain('kubernetes_healthchecks_total{name="ping",status="success",type="livez"}');
  });
});

test("priority and fairness can be looked into", async () => {
  const text = await get<unknown>("/debug/api_priority_and_fairness/dump_priority_levels");
  expect(text).toContain("PriorityLevelName, ActiveQueues,");
  expect(text).toContain("workload-low,");
});

test("/metrics counts requests", async () => {
  await get("/api/v1/namespaces");
  expect(await get<unknown>("/metrics")).toContain(
    'apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="namespaces",scope="cluster",subresource="",verb="LIST",version="v1"} 1',
  );
});

test("/metrics has no series of names that clients make up", async () => {
  await get("/api/v1/namespaces/default/nothing").catch(() => undefined);
  await get("/api/v1/namespaces/default/status").catch(() => undefined);
  await get("/api/v1/nodes/a/madeup").catch(() => undefined);
  await get("/api/v1/nodes/a/status").catch(() => undefined);
  const text = await get<string>("/metrics");
  expect(text).toContain('subresource="status"');
  expect(text).not.toMatch(/madeup|nothing/);
});

test.each([
  'apiserver_resource_objects{group="",resource="namespaces"}',
  'authorization_attempts_total{result="allowed"}',
  "apiserver_flowcontrol_nominal_limit_seats",
  "kubernetes_build_info{",
  "process_resident_memory_bytes ",
])("/metrics tells %s", async (line) => {
  await get("/api/v1/namespaces");
  expect(await get<unknown>("/metrics")).toContain(line);
});

test("/metrics has no series for names that clients made up", async () => {
  await failure(get("/apis/none.example.com/v1/nothings"));
  await failure(get("/api/v1/namespaces/default/pods/x/made-up-1"));
  expect(await get<unknown>("/metrics")).not.toMatch(/nothings|made-up/);
});

describe("discovery", () => {
  test("/api and /apis name groups and versions", async () => {
    expect(await get("/api")).toMatchObject({ kind: "APIVersions", versions: ["v1"] });
    const { groups } = await get<{ groups: { name: string; preferredVersion: object }[] }>("/apis");
    expect(groups.find(({ name }) => name === "autoscaling")).toMatchObject({
      preferredVersion: { groupVersion: "autoscaling/v2", version: "v2" },
      versions: [{ version: "v2" }, { version: "v1" }],
    });
    expect(await get("/apis/apps")).toMatchObject({ kind: "APIGroup", name: "apps" });
  });

  test("a version lists its resources with their subresources", async () => {
    const { groupVersion, resources } = await get<ResourceList>("/apis/apps/v1");
    expect(groupVersion).toBe("apps/v1");
    expect(resources.find(({ name }) => name === "deployments")).toMatchObject({
      singularName: "deployment",
      namespaced: true,
      kind: "Deployment",
      verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
      shortNames: ["deploy"],
      categories: ["all"],
    });
    expect(resources.find(({ name }) => name === "deployments/scale")).toMatchObject({
      group: "autoscaling",
      version: "v1",
      kind: "Scale",
      verbs: ["get", "patch", "update"],
    });
  });

  test("connect is shown as the methods that stand for it", async () => {
    const { resources } = await get<ResourceList>("/api/v1");
    expect(resources.find(({ name }) => name === "pods/exec")).toMatchObject({
      kind: "PodExecOptions",
      verbs: ["create", "get"],
    });
  });

  test("aggregated it holds everything in one document", async () => {
    const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    const { items, ...rest } = await get<{ items: { metadata: { name?: string }; versions: object[] }[] }>(
      "/apis",
      accept,
    );
    expect(rest).toMatchObject({
      kind: "APIGroupDiscoveryList",
      apiVersion: "apidiscovery.k8s.io/v2",
    });
    expect(items.find(({ metadata }) => metadata.name === "apps")?.versions[0]).toMatchObject({
      version: "v1",
      freshness: "Current",
      resources: expect.arrayContaining([
        expect.objectContaining({
          resource: "deployments",
          scope: "Namespaced",
          singularResource: "deployment",
          responseKind: { group: "", version: "", kind: "Deployment" },
        }),
      ]),
    });
    expect((await get<{ items: object[] }>("/api", accept)).items).toHaveLength(1);
  });

  test("what is not served is not found", async () => {
    for (const path of ["/apis/none", "/apis/apps/v9", "/api/v2"]) {
      expect((await failure(get(path))).code).toBe(404);
    }
  });
});

describe("OpenAPI", () => {
  test("v2 describes the kinds", async () => {
    const { definitions } = await get<{ definitions: Record<string, object> }>("/openapi/v2");
    expect(definitions["io.k8s.api.apps.v1.Deployment"]).toBeDefined();
  });

  test("v3 leads to a document for each version", async () => {
    // The index does not say that it is JSON.
    const text = await get<string>("/openapi/v3");
    const { paths } = JSON.parse(text) as { paths: Record<string, { serverRelativeURL: string }> };
    const url = paths["apis/apps/v1"]?.serverRelativeURL ?? "";
    expect(url).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]+$/);
    expect(await get(url)).toMatchObject({ openapi: "3.0.0" });
    const { status } = await transport.request({ method: "GET", path: "/openapi/v3/apis/apps/v1?hash=old" });
    expect(status).toBe(301);
  });

  test("what is not there is 404, and what is asked for in no type of it 406", async () => {
    for (const [path, accept, code] of [
      ["/openapi/v3/none", "application/json", 404],
      ["/openapi/v3/apis/apps/v1", "text/html", 406],
      ["/openapi/v2", "application/yaml", 406],
    ] as const) {
      expect((await failure(transport.request({ method: "GET", path, accept }))).code).toBe(code);
    }
  });
});
