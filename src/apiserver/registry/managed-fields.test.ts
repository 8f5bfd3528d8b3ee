import { expect, test } from "vitest";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { registryExtensions } from "../../registry/index.ts";
import { startTestServer } from "../testing/test-server.ts";

async function fieldsOfCreator(path: string, body: object): Promise<unknown> {
  const { transport } = await startTestServer({
    extensions: registryExtensions({ serviceCidr: "10.96.0.0/24" }),
  });
  const { body: made } = await transport.request({ method: "POST", path, body });
  return (made as UnstructuredObject).metadata.managedFields?.[0]?.fieldsV1;
}

test("a part that Go always prints is not owned itself, and one that it may leave out is", async () => {
  const fields = await fieldsOfCreator("/apis/networking.k8s.io/v1/ipaddresses", {
    metadata: { name: "10.97.0.1" },
    spec: { parentRef: { resource: "services", namespace: "default", name: "web" } },
  });
  expect(fields).toEqual({
    "f:spec": { "f:parentRef": { ".": {}, "f:name": {}, "f:namespace": {}, "f:resource": {} } },
  });
});

test("an object within an object is owned as a whole", async () => {
  const fields = await fieldsOfCreator("/apis/apps/v1/namespaces/default/controllerrevisions", {
    metadata: { name: "a" },
    data: { spec: { replicas: 1 } },
    revision: 1,
  });
  expect(fields).toEqual({ "f:data": {}, "f:revision": {} });
});

test("the target that the older version of autoscalers implies is its creator's", async () => {
  const fields = await fieldsOfCreator("/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers", {
    metadata: { name: "a" },
    spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" } },
  });
  expect(fields).toMatchObject({ "f:spec": { "f:targetCPUUtilizationPercentage": {} } });
});
