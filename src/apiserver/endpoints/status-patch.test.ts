import { beforeAll, describe, expect, test } from "vitest";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { Transport } from "../../apimachinery/transport.ts";
import { startTestServer } from "../testing/test-server.ts";

/** What agents write all the time: the status of pods and nodes, a part of the object. */
let transport: Transport;

beforeAll(async () => {
  ({ transport } = await startTestServer());
  await send("POST", "/api/v1/namespaces", { metadata: { name: "default" } });
  await send("POST", pods, {
    metadata: { name: "p", labels: { app: "web" }, annotations: { note: "x" } },
    spec: {
      serviceAccountName: "builder",
      containers: [{ name: "c", image: "x", ports: [{ containerPort: 80 }] }],
    },
  });
  await send("POST", "/api/v1/nodes", {
    metadata: { name: "n" },
    spec: { podCIDR: "10.0.0.0/24", podCIDRs: ["10.0.0.0/24"] },
  });
});

const pods = "/api/v1/namespaces/default/pods";

async function send(
  method: "GET" | "POST" | "PATCH",
  path: string,
  body?: unknown,
  type = "merge-patch",
): Promise<UnstructuredObject> {
  const contentType = method === "PATCH" ? `application/${type}+json` : "application/json";
  return (await transport.request({ method, path, body, contentType })).body as UnstructuredObject;
}

describe("a patch of the status", () => {
  test.each([
    ["pod", `${pods}/p`, "merge-patch", { status: { message: "one" } }],
    ["pod", `${pods}/p`, "strategic-merge-patch", { status: { message: "two" } }],
    ["pod", `${pods}/p`, "json-patch", [{ op: "replace", path: "/status/message", value: "three" }]],
    ["node", "/api/v1/nodes/n", "merge-patch", { status: { phase: "Running" } }],
    ["node", "/api/v1/nodes/n", "strategic-merge-patch", { status: { phase: "Pending" } }],
  ])("of a %s (%s, %s) leaves the very spec in place", async (_, path, type, patch) => {
    const before = await send("GET", path);
    const after = await send("PATCH", `${path}/status`, patch, type);
    expect(after["status"]).not.toEqual(before["status"]);
    expect(after["spec"]).toBe(before["spec"]);
    expect(after.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion);
  });

  test("that tries to change the spec, and metadata, changes what a status write may", async () => {
    const before = await send("GET", `${pods}/p`);
    const after = await send("PATCH", `${pods}/p/status`, {
      metadata: { labels: { app: "api" } },
      spec: { priority: 7 },
      status: { reason: "Because" },
    });
    expect(after["spec"]).toEqual(before["spec"]);
    expect(after.metadata.labels).toEqual({ app: "api" });
    expect(after["status"]).toMatchObject({ reason: "Because" });
  });

  test("in which the spec is of the wrong type is refused", async () => {
    const refused = send("PATCH", `${pods}/p/status`, { spec: { containers: "none" } });
    await expect(refused).rejects.toThrow(/cannot unmarshal string into Go struct field .*containers/);
  });

  test("adds to who owns what, and takes nothing from others", async () => {
    await send("PATCH", `${pods}/p/status?fieldManager=agent`, { status: { message: "four" } });
    const { managedFields = [] } = (await send("GET", `${pods}/p`)).metadata;
    const ofAgent = managedFields.find(({ manager }) => manager === "agent");
    expect(ofAgent).toMatchObject({ subresource: "status", fieldsV1: { "f:status": { "f:message": {} } } });
    const creator = managedFields.find(({ subresource }) => subresource === undefined);
    expect(creator?.fieldsV1).toMatchObject({ "f:spec": { "f:serviceAccountName": {} } });
  });
});
