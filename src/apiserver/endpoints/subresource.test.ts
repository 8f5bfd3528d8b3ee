import { beforeEach, describe, expect, test } from "vitest";
import type { AdmissionAttributes } from "../admission/admission.ts";
import type { ResourceExtension } from "../registry/strategy.ts";
import { failure, TestApi } from "../testing/api.ts";
import { openSecurity, startTestServer } from "../testing/test-server.ts";

const pods = "/api/v1/namespaces/default/pods";
let api: TestApi;
let admitted: Pick<AdmissionAttributes, "operation" | "subresource" | "kind" | "object" | "oldObject">[];

/** Binds pods. */
const extension: ResourceExtension = {
  group: "",
  resource: "pods",
  setup: ({ stores }) => ({
    subresources: {
      binding: {
        async create(context, body) {
          const { namespace, name } = context.info;
          const target = body["target"] as { name: string };
          await stores.update(context, "", "pods", namespace, name, "binding", (pod) => ({
            ...pod,
            spec: { ...(pod["spec"] as object), nodeName: target.name },
          }));
          return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" };
        },
      },
    },
  }),
};

beforeEach(async () => {
  admitted = [];
  const plugin = {
    name: "log",
    handles: ({ subresource }: AdmissionAttributes) => subresource !== "",
    validate: (attributes: AdmissionAttributes) => void admitted.push(attributes),
  };
  const { transport } = await startTestServer({
    extensions: [extension],
    security: () => openSecurity([plugin]),
  });
  api = new TestApi(transport);
  await api.post("/api/v1/namespaces", { metadata: { name: "default" } });
  await api.post(pods, { metadata: { name: "a" }, spec: { containers: [{ name: "c", image: "x" }] } });
});

test("a create has its own kind, is admitted and answered", async () => {
  const answer = await api.post(`${pods}/a/binding`, {
    metadata: { name: "a" },
    target: { kind: "Node", name: "n1" },
  });
  expect(answer).toMatchObject({ kind: "Status", status: "Success" });
  expect(await api.get(`${pods}/a`)).toMatchObject({ spec: { nodeName: "n1" } });
  expect(admitted).toMatchObject([
    {
      operation: "CREATE",
      subresource: "binding",
      kind: { kind: "Binding", version: "v1" },
      oldObject: undefined,
    },
  ]);
});

describe("is refused", () => {
  test("a verb that it does not have", async () => {
    expect((await failure(api.get(`${pods}/a/binding`))).code).toBe(405);
    expect((await failure(api.put(`${pods}/a/eviction`, {}))).code).toBe(405);
  });

  test("a subresource that does not exist", async () => {
    expect((await failure(api.get(`${pods}/a/nothing`))).code).toBe(404);
  });

  test("a body of another kind", async () => {
    const status = await failure(
      api.post(`${pods}/a/binding`, { kind: "Pod", apiVersion: "v1", metadata: {} }),
    );
    expect(status.code).toBe(400);
  });

  test("exec without a node to serve it", async () => {
    const connection = api.transport.connect({
      path: `${pods}/a/exec`,
      query: { command: "ls" },
      protocols: [],
    });
    expect(await failure(connection)).toMatchObject({
      code: 503,
      message: "this server has no connection to its nodes",
    });
    expect(admitted).toMatchObject([
      { operation: "CONNECT", kind: { kind: "PodExecOptions" }, object: { command: ["ls"] } },
    ]);
  });
});
