import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { UnstructuredObject } from "../../src/apimachinery/object.ts";
import type { HttpsResponse } from "../../src/apiserver/testing/https.ts";
import { minimalObjects } from "./resources/minimal-objects.ts";
import {
  hasResources,
  knownResources,
  objectOf,
  type PatchType,
  ServerUnderTest,
} from "./resources/server.ts";

/** Every subresource of every resource: which verbs it has, and what each of the particular ones does with every patch. */
let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
});
afterAll(async () => {
  await server.close();
});

const made = (key: string, name: string, fields: Record<string, unknown> = {}): Record<string, unknown> => {
  const slash = key.lastIndexOf("/");
  const own = minimalObjects[key]?.fields(1);
  return {
    apiVersion: key.slice(0, slash),
    kind: key.slice(slash + 1),
    metadata: { name },
    ...own,
    ...fields,
  };
};

function answered(response: HttpsResponse, status: number): UnstructuredObject {
  expect([response.status, response.status === status ? "" : response.text]).toEqual([status, ""]);
  return objectOf(response);
}

const pods = "/api/v1/namespaces/default/pods";
const patchTypes: readonly PatchType[] = ["merge", "strategic", "json", "apply"];

describe.skipIf(!hasResources)("verbs (needs ../shared)", () => {
  const methods = { get: "GET", create: "POST", update: "PUT", patch: "PATCH", delete: "DELETE" } as const;
  const subresources = (hasResources ? knownResources() : [])
    .filter(({ apiVersion }) => !apiVersion.includes("alpha"))
    .flatMap(({ apiVersion, resource, namespaced, subresources: parts }) =>
      Object.entries(parts).map(([name, verbs]) => {
        const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
        const path = `${root}${namespaced ? "/namespaces/default" : ""}/${resource}/nobody/${name}`;
        return [`${apiVersion} ${resource}/${name}`, path, verbs] as const;
      }),
    );

  test.each(subresources)("%s answers those it has, and 405 to others", async (_, path, verbs) => {
    const connects = verbs.includes("connect");
    const known = path.endsWith("/proxy") ? Object.keys(methods) : connects ? ["get", "create"] : verbs;
    for (const [verb, method] of Object.entries(methods)) {
      const response = await server.send(
        method,
        path,
        method === "GET" ? undefined : {},
        "application/merge-patch+json",
      );
      expect([verb, response.status === 405]).toEqual([verb, !known.includes(verb)]);
      // Nobody is there, and that is said of him by name.
      const message = response.status === 404 ? response.json()["message"] : `"nobody" not found`;
      expect([verb, message]).toEqual([verb, expect.stringContaining('"nobody" not found')]);
    }
  });

  test.each((hasResources ? knownResources() : []).filter(({ apiVersion }) => apiVersion.includes("alpha")))(
    "$apiVersion $resource is not served",
    async ({ apiVersion, resource }) => {
      const response = await server.get(`/apis/${apiVersion}/${resource}`);
      // A group of which other versions are served answers with a Status.
      expect([response.status, response.text]).toEqual([
        404,
        expect.stringMatching(/^404 page not found\n$|the server could not find the requested resource/),
      ]);
    },
  );
});

describe.each([
  ["v1/ReplicationController", "/api/v1/namespaces/default/replicationcontrollers"],
  ["apps/v1/Deployment", "/apis/apps/v1/namespaces/default/deployments"],
  ["apps/v1/ReplicaSet", "/apis/apps/v1/namespaces/default/replicasets"],
  ["apps/v1/StatefulSet", "/apis/apps/v1/namespaces/default/statefulsets"],
])("the scale of a %s", (key, collection) => {
  const scale = { apiVersion: "autoscaling/v1", kind: "Scale" };

  test("is read and replaced, and refuses what no scale has", async () => {
    answered(await server.post(collection, made(key, "read")), 201);
    const path = `${collection}/read/scale`;
    const read = answered(await server.get(path), 200);
    expect(read).toMatchObject({
      ...scale,
      spec: { replicas: 1 },
      status: { replicas: 0, selector: "app=web" },
    });
    const wanted = { ...read, spec: { replicas: 3 } };
    expect(answered(await server.put(path, wanted), 200)["spec"]).toEqual({ replicas: 3 });
    expect((await server.put(path, wanted)).status).toBe(409);
    expect((await server.put(path, { ...scale, metadata: { name: "other" } })).status).toBe(400);
    const negative = await server.put(path, { ...scale, metadata: { name: "read" }, spec: { replicas: -1 } });
    expect(negative.json()["message"]).toBe(
      'Scale.autoscaling "read" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    );
    expect(answered(await server.get(`${collection}/read`), 200)["spec"]).toMatchObject({ replicas: 3 });
  });

  test("takes every patch, and a dry run of it changes nothing", async () => {
    answered(await server.post(collection, made(key, "patched")), 201);
    const path = `${collection}/patched/scale`;
    for (const [index, type] of patchTypes.entries()) {
      const replicas = index + 4;
      const body = {
        json: [{ op: "replace", path: "/spec/replicas", value: replicas }],
        merge: { spec: { replicas } },
        strategic: { spec: { replicas } },
        apply: { ...scale, metadata: { name: "patched" }, spec: { replicas } },
      }[type];
      const query = `fieldManager=${type}${type === "apply" ? "&force=true" : ""}`;
      const before = answered(await server.get(path), 200);
      const tried = answered(await server.patch(type, `${path}?dryRun=All&${query}`, body), 200);
      expect([type, tried["spec"]]).toEqual([type, { replicas }]);
      expect(answered(await server.get(path), 200)).toEqual(before);
      expect(answered(await server.patch(type, `${path}?${query}`, body), 200)["spec"]).toEqual({ replicas });
      const { metadata } = answered(await server.get(`${collection}/patched`), 200);
      expect(metadata.managedFields?.find(({ manager }) => manager === type)).toMatchObject({
        subresource: "scale",
        operation: type === "apply" ? "Apply" : "Update",
        fieldsV1: { "f:spec": { "f:replicas": {} } },
      });
    }
  });

  test("is applied with conflicts by manager and field", async () => {
    answered(
      await server.post(`${collection}?fieldManager=me`, made(key, "applied", replicasOf(key, 2))),
      201,
    );
    const path = `${collection}/applied/scale?fieldManager=you`;
    const configuration = { ...scale, metadata: { name: "applied" }, spec: { replicas: 5 } };
    const conflict = await server.patch("apply", path, configuration);
    expect([conflict.status, conflict.json()["message"]]).toEqual([
      409,
      'Apply failed with 1 conflict: conflict with "me" using autoscaling/v1: .spec.replicas',
    ]);
    answered(await server.patch("apply", `${path}&force=true`, configuration), 200);
    const { metadata } = answered(await server.get(`${collection}/applied`), 200);
    expect(JSON.stringify(metadata.managedFields?.find(({ manager }) => manager === "me"))).not.toContain(
      "replicas",
    );
    const unknown = await server.patch("apply", path, { ...configuration, spec: { copies: 1 } });
    expect([unknown.status, unknown.json()["message"]]).toEqual([
      500,
      "failed to create typed patch object (default/applied; autoscaling/v1, Kind=Scale): .spec.copies: field not declared in schema",
    ]);
    expect((await server.patch("apply", path, { ...configuration, kind: "Deployment" })).status).toBe(400);
  });
});

function replicasOf(key: string, replicas: number): Record<string, unknown> {
  const { spec } = made(key, "") as { spec?: object };
  return { spec: { ...spec, replicas } };
}

describe("views of a pod", () => {
  const labels = { step: "view" };

  test.each(patchTypes)(
    "a %s patch of ephemeralcontainers adds containers and nothing else",
    async (type) => {
      const name = `debugged-${type}`;
      answered(await server.post(pods, made("v1/Pod", name)), 201);
      const ephemeralContainers = [{ name: "debug", image: "tools:1" }];
      const patch = { metadata: { labels }, spec: { ephemeralContainers } };
      const body = {
        merge: patch,
        strategic: patch,
        json: [{ op: "add", path: "/spec/ephemeralContainers", value: ephemeralContainers }],
        apply: { apiVersion: "v1", kind: "Pod", metadata: { name, labels }, spec: { ephemeralContainers } },
      }[type];
      const path = `${pods}/${name}/ephemeralcontainers?fieldManager=me`;
      const { metadata, spec } = answered(await server.patch(type, path, body), 200);
      expect(spec).toMatchObject({ containers: [{ name: "c" }], ephemeralContainers });
      expect(metadata.labels).toBeUndefined();
      expect(metadata.generation).toBe(2);
      expect(
        metadata.managedFields?.find(({ subresource }) => subresource === "ephemeralcontainers"),
      ).toMatchObject({
        manager: "me",
        operation: type === "apply" ? "Apply" : "Update",
      });
      const removed = await server.patch("merge", path, { spec: { ephemeralContainers: [] } });
      expect([removed.status, removed.json()["message"]]).toEqual([
        422,
        expect.stringContaining('existing ephemeral containers "debug" may not be removed'),
      ]);
    },
  );

  test.each(patchTypes)("a %s patch of resize changes resources and nothing else", async (type) => {
    const name = `resized-${type}`;
    const container = {
      name: "c",
      image: "web:1",
      resources: { requests: { cpu: "1" }, limits: { cpu: "2" } },
    };
    answered(await server.post(pods, made("v1/Pod", name, { spec: { containers: [container] } })), 201);
    const resources = { requests: { cpu: "500m" }, limits: { cpu: "3" } };
    const containers = [{ ...container, image: "other:2", resources }];
    const body = {
      merge: { spec: { containers } },
      strategic: { spec: { containers: [{ name: "c", resources }] } },
      json: [{ op: "replace", path: "/spec/containers/0/resources", value: resources }],
      apply: {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name },
        spec: { containers: [{ name: "c", resources }] },
      },
    }[type];
    const path = `${pods}/${name}/resize?fieldManager=me${type === "apply" ? "&force=true" : ""}`;
    const resized = answered(await server.patch(type, path, body), 200);
    expect(resized["spec"]).toMatchObject({ containers: [{ image: "web:1", resources }] });
    expect(resized.metadata.generation).toBe(2);
    const renamed = await server.patch("json", `${pods}/${name}/resize`, [
      { op: "replace", path: "/spec/containers/0/name", value: "d" },
    ]);
    expect(renamed.status).toBe(422);
    const besteffort = await server.patch("json", `${pods}/${name}/resize`, [
      { op: "remove", path: "/spec/containers/0/resources" },
    ]);
    expect([besteffort.status, besteffort.json()["message"]]).toEqual([
      422,
      expect.stringContaining("resource requests cannot be removed"),
    ]);
  });

  test("status keeps the class, the owners and what was observed", async () => {
    const created = answered(await server.post(pods, made("v1/Pod", "seen")), 201);
    const path = `${pods}/seen/status`;
    const condition = { type: "Ready", status: "False", observedGeneration: 1 };
    const first = {
      ...created,
      status: { phase: "Pending", observedGeneration: 1, conditions: [condition] },
    };
    expect(answered(await server.put(path, first), 200)["status"]).toMatchObject({
      qosClass: expect.any(String),
    });
    const { observedGeneration: _, ...later } = condition;
    const owner = { apiVersion: "v1", kind: "Node", name: "n", uid: "u" };
    const second = {
      ...created,
      metadata: { name: "seen", ownerReferences: [owner] },
      status: { phase: "Running", conditions: [{ ...later, status: "True" }] },
    };
    const { metadata, status } = answered(await server.put(path, second), 200);
    expect(metadata.ownerReferences).toBeUndefined();
    expect(status).toMatchObject({
      phase: "Running",
      observedGeneration: 1,
      conditions: [{ status: "True", observedGeneration: 1 }],
    });
  });
});

test.each([
  ["apps/v1/Deployment", "/apis/apps/v1/namespaces/default/deployments", ["labels"]],
  ["apps/v1/DaemonSet", "/apis/apps/v1/namespaces/default/daemonsets", []],
  [
    "resource.k8s.io/v1/ResourceClaim",
    "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims",
    ["labels", "annotations"],
  ],
  [
    "storage.k8s.io/v1/VolumeAttachment",
    "/apis/storage.k8s.io/v1/volumeattachments",
    ["labels", "annotations"],
  ],
] as const)("a status of %s leaves alone what is not its own", async (key, collection, kept) => {
  answered(await server.post(collection, made(key, "kept")), 201);
  const metadata = { labels: { by: "status" }, annotations: { by: "status" } };
  const changed = answered(
    await server.patch("merge", `${collection}/kept/status`, { metadata }),
    200,
  ).metadata;
  for (const field of ["labels", "annotations"] as const) {
    const isKept = kept.some((each) => each === field);
    expect([field, changed[field]?.["by"]]).toEqual([field, isKept ? undefined : "status"]);
  }
});

test("a taint of a device says since when it has its effect", async () => {
  const rules = "/apis/resource.k8s.io/v1beta2/devicetaintrules";
  const rule = made("resource.k8s.io/v1beta2/DeviceTaintRule", "broken");
  const created = answered(await server.post(rules, rule), 201) as unknown as {
    spec: { taint: { timeAdded: string } };
  };
  expect(created.spec.taint.timeAdded).toMatch(/^20\d\d-/);
  const old = "2020-01-01T00:00:00Z";
  const patch = (taint: object): Promise<HttpsResponse> =>
    server.patch("merge", `${rules}/broken`, { spec: { taint } });
  expect(answered(await patch({ timeAdded: old }), 200)["spec"]).toMatchObject({ taint: { timeAdded: old } });
  expect(answered(await patch({ value: "x" }), 200)["spec"]).toMatchObject({ taint: { timeAdded: old } });
  const other = answered(await patch({ effect: "NoExecute" }), 200)["spec"];
  expect(other).toMatchObject({ taint: { timeAdded: expect.not.stringMatching(/^2020-/) } });
  const spec = { driver: "gpu.example.com", nodeName: "one", pool: { name: "p", resourceSliceCount: 1 } };
  const taints = [{ key: "example.com/hot", effect: "NoSchedule" }];
  const slices = "/apis/resource.k8s.io/v1/resourceslices";
  const body = made("resource.k8s.io/v1/ResourceSlice", "hot", {
    spec: { ...spec, devices: [{ name: "d", taints }] },
  });
  expect(answered(await server.post(slices, body), 201)["spec"]).toMatchObject({
    devices: [{ taints: [{ timeAdded: expect.stringMatching(/^20/) }] }],
  });
});

describe("the approval of a signing request", () => {
  const requests = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
  const key = "certificates.k8s.io/v1/CertificateSigningRequest";
  const approved = { type: "Approved", status: "True", reason: "ByTest" };

  test.each(patchTypes)("is given by a %s patch, and not through the status", async (type) => {
    const name = `approved-${type}`;
    const created = answered(await server.post(requests, made(key, name)), 201);
    const path = `${requests}/${name}/approval?fieldManager=me`;
    const status = { conditions: [approved], certificate: "bm9uZQ==" };
    const body = {
      merge: { status },
      strategic: { status },
      json: [{ op: "add", path: "/status", value: status }],
      apply: { apiVersion: created.apiVersion, kind: created.kind, metadata: { name }, status },
    }[type];
    const answer = answered(await server.patch(type, path, body), 200);
    expect(answer["status"]).toEqual({
      conditions: [
        { ...approved, lastUpdateTime: expect.any(String), lastTransitionTime: expect.any(String) },
      ],
    });
    const taken = await server.patch("merge", `${requests}/${name}/status`, { status: { conditions: [] } });
    expect([taken.status, taken.json<{ message: string }>().message]).toEqual([
      422,
      `CertificateSigningRequest.certificates.k8s.io "${name}" is invalid: ` +
        'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
    ]);
  });
});

describe("what a POST does", () => {
  test("a token is issued, under the account's name alone", async () => {
    const path = "/api/v1/namespaces/default/serviceaccounts/default/token";
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
    const issued = answered(await server.post(path, body), 201);
    expect(issued).toMatchObject({ kind: "TokenRequest", status: { token: expect.stringContaining(".") } });
    expect((await server.post(path, { ...body, metadata: { name: "other" } })).status).toBe(422);
    expect((await server.post(path, { ...body, spec: { expirationSeconds: 1 } })).status).toBe(422);
  });

  test("a binding gives the pod a node once, in either form", async () => {
    for (const [name, path] of [
      ["bound-1", `${pods}/bound-1/binding`],
      ["bound-2", "/api/v1/namespaces/default/bindings"],
    ] as const) {
      answered(await server.post(pods, made("v1/Pod", name)), 201);
      const body = {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name },
        target: { kind: "Node", name: "n" },
      };
      expect(answered(await server.post(`${path}?dryRun=All`, body), 201)).toMatchObject({
        status: "Success",
      });
      expect(answered(await server.get(`${pods}/${name}`), 200)["spec"]).not.toHaveProperty("nodeName");
      expect(answered(await server.post(path, body), 201)).toMatchObject({
        kind: "Status",
        status: "Success",
        code: 201,
      });
      expect(answered(await server.get(`${pods}/${name}`), 200)["spec"]).toMatchObject({ nodeName: "n" });
      const again = await server.post(path, body);
      expect([again.status, again.json()["message"]]).toEqual([
        409,
        `Operation cannot be fulfilled on pods/binding "${name}": pod ${name} is already assigned to node "n"`,
      ]);
    }
  });

  test("an eviction deletes, unless a budget holds", async () => {
    const budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    const metadata = (name: string): object => ({ metadata: { name, labels: { app: "guarded" } } });
    const eviction = (name: string): object => ({
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { name },
    });
    answered(await server.post(pods, made("v1/Pod", "waiting", metadata("waiting") as never)), 201);
    answered(await server.post(`${pods}/waiting/eviction`, eviction("waiting")), 201);
    expect((await server.get(`${pods}/waiting`)).status).toBe(404);
    answered(await server.post(pods, made("v1/Pod", "guarded", metadata("guarded") as never)), 201);
    const running = { status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] } };
    answered(await server.patch("merge", `${pods}/guarded/status`, running), 200);
    const spec = { minAvailable: 1, selector: { matchLabels: { app: "guarded" } } };
    const budget = answered(
      await server.post(budgets, made("policy/v1/PodDisruptionBudget", "b", { spec })),
      201,
    );
    const status = {
      observedGeneration: 1,
      disruptionsAllowed: 0,
      currentHealthy: 1,
      desiredHealthy: 1,
      expectedPods: 1,
    };
    answered(await server.put(`${budgets}/b/status`, { ...budget, status }), 200);
    const refused = await server.post(`${pods}/guarded/eviction`, eviction("guarded"));
    expect([refused.status, refused.json()]).toEqual([
      429,
      expect.objectContaining({
        reason: "TooManyRequests",
        message: "Cannot evict pod as it would violate the pod's disruption budget.",
        details: {
          causes: [
            {
              reason: "DisruptionBudget",
              message: "The disruption budget b needs 1 healthy pods and has 1 currently",
            },
          ],
        },
      }),
    ]);
  });

  test("finalize takes the finalizers of a namespace", async () => {
    const path = "/api/v1/namespaces/ending";
    const namespace = answered(await server.post("/api/v1/namespaces", made("v1/Namespace", "ending")), 201);
    const finalized = answered(
      await server.put(`${path}/finalize`, { ...namespace, spec: {}, status: { phase: "Terminating" } }),
      200,
    );
    expect(finalized).toMatchObject({ spec: {}, status: { phase: "Active" } });
    answered(await server.delete(path), 200);
    expect((await server.get(path)).status).toBe(404);
  });
});
