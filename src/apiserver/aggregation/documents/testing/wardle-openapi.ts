import type { JsonDocument } from "../../../../api/openapi/source.ts";

export const flunderName = "com.example.wardle.v1alpha1.Flunder";
const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";

const flunder = (prefix: string): JsonDocument => ({
  description: "A flunder flounders.",
  type: "object",
  properties: {
    apiVersion: { type: "string" },
    kind: { type: "string" },
    metadata: { $ref: `${prefix}${meta}.ObjectMeta` },
    spec: {
      description: "What it is about.",
      type: "object",
      properties: { reference: { description: "Another flunder.", type: "string" } },
    },
  },
  "x-kubernetes-group-version-kind": [{ group: "wardle.example.com", kind: "Flunder", version: "v1alpha1" }],
});

const objectMeta: JsonDocument = {
  description: "Not quite as others tell it.",
  type: "object",
  properties: { name: { description: "Its name.", type: "string" } },
};

export const flunderPath = "/apis/wardle.example.com/v1alpha1/namespaces/{namespace}/flunders";
const kind = { group: "wardle.example.com", kind: "Flunder", version: "v1alpha1" };

/** The document of version 2 of a server for flunders, with paths that are none of its group's. */
export function wardleV2(): JsonDocument {
  const prefix = "#/definitions/";
  return {
    swagger: "2.0",
    info: { title: "wardle", version: "1" },
    paths: {
      "/version/": { get: { operationId: "getCodeVersion", responses: { 200: { description: "OK" } } } },
      "/apis/wardle.example.com/v1alpha1/": {
        get: {
          operationId: "getResources",
          produces: ["application/json"],
          responses: { 200: { description: "OK", schema: { $ref: `${prefix}${meta}.APIResourceList` } } },
        },
      },
      [flunderPath]: {
        parameters: [{ $ref: "#/parameters/pretty" }],
        post: {
          description: "create a Flunder",
          operationId: "createFlunder",
          consumes: ["application/json"],
          produces: ["application/json"],
          parameters: [
            { name: "body", in: "body", required: true, schema: { $ref: `${prefix}${flunderName}` } },
          ],
          responses: { 201: { description: "Created", schema: { $ref: `${prefix}${flunderName}` } } },
          "x-kubernetes-action": "post",
          "x-kubernetes-group-version-kind": kind,
        },
      },
      "/apis/other.example.com/v1/things": {
        get: {
          responses: { 200: { description: "OK", schema: { $ref: `${prefix}com.example.other.Thing` } } },
        },
      },
    },
    definitions: {
      [flunderName]: flunder(prefix),
      [`${meta}.ObjectMeta`]: objectMeta,
      [`${meta}.APIResourceList`]: { type: "object" },
      "com.example.other.Thing": { type: "object" },
    },
    parameters: { pretty: { name: "pretty", in: "query", type: "string", uniqueItems: true } },
  };
}

/** The document of version 3 of its one version. */
export function wardleV3(): JsonDocument {
  const prefix = "#/components/schemas/";
  const schema = { $ref: `${prefix}${flunderName}` };
  return {
    openapi: "3.0.0",
    info: { title: "wardle", version: "1" },
    paths: {
      [flunderPath]: {
        post: {
          operationId: "createFlunder",
          requestBody: { content: { "application/json": { schema } } },
          responses: { 201: { description: "Created", content: { "application/json": { schema } } } },
          "x-kubernetes-action": "post",
          "x-kubernetes-group-version-kind": kind,
        },
      },
    },
    components: { schemas: { [flunderName]: flunder(prefix), [`${meta}.ObjectMeta`]: objectMeta } },
  };
}
