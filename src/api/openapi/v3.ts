import { formatApiVersion, type GroupVersionKind } from "../../apimachinery/gvk.ts";
import type { ResourceInfo } from "../scheme.ts";
import { DefinitionWriter } from "./definitions.ts";
import { encodeOpenApiV3 } from "./gnostic-v3.ts";
import { mediaTypes } from "./media-types.ts";
import {
  type Content,
  type MediaTypes,
  type Operation,
  type PathItem,
  sharedParameters,
} from "./operations.ts";
import { type Parameter, type ParameterKey, parameters, sortParameters } from "./parameters.ts";
import { batches, Slices } from "./slices.ts";
import type { JsonDocument, OpenApiFacts, OpenApiSource } from "./source.ts";
import { allPaths, responseTexts } from "./v2.ts";
import { type Entry, membersOf } from "./v2-forms.ts";

/**
 * The names of the OpenAPI v3 documents of built-in resources: `api/v1`, `apis/apps`, `apis/apps/v1`, `version`, …, each
 * with the paths that it describes.
 */
export function builtinV3Paths(
  resources: readonly ResourceInfo[],
  schemaNameOfKind: (kind: GroupVersionKind) => string | undefined,
): Map<string, PathItem[]> {
  const versions = new Set(resources.map(formatApiVersion));
  return Map.groupBy(allPaths(resources, schemaNameOfKind), ({ path }) => documentOf(path, versions));
}

/** The longest of `api/v1`, `apis/g/v` that the path lies below, or the whole path. */
function documentOf(path: string, versions: ReadonlySet<string>): string {
  const [root = "", first = "", second = ""] = path.slice(1).split("/");
  if (root === "api" && versions.has(first)) return `api/${first}`;
  if (root === "apis" && versions.has(`${first}/${second}`)) return `apis/${first}/${second}`;
  return path.slice(1, -1);
}

/** So many paths or types are written at once. */
const batchSize = 8;

/** One document, in JSON or protobuf. Written some paths and types at a time, so that others have their turn meanwhile. */
export async function writeOpenApiV3(
  source: OpenApiSource,
  facts: OpenApiFacts,
  paths: readonly PathItem[],
  form: "json" | "protobuf",
): Promise<Uint8Array> {
  const writer = new V3Writer(new DefinitionWriter(source, facts, 3));
  const items = paths.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const written: JsonDocument = {};
  const texts = new Slices();
  for (const batch of batches(items, batchSize)) {
    const entries = batch.map((item): Entry => [item.path, writer.path(item)]);
    Object.assign(written, form === "json" ? undefined : Object.fromEntries(entries));
    await texts.add(form === "json" ? membersOf(entries) : "");
  }
  const schemas = writer.definitions.definitions();
  if (form === "protobuf")
    return encodeOpenApiV3({ ...frameOf(source), paths: written, components: { schemas, securitySchemes } });
  const types = new Slices();
  for (const batch of batches(Object.entries(schemas) as Entry[], batchSize))
    await types.add(membersOf(batch));
  return Buffer.concat([
    Buffer.from(`${JSON.stringify(frameOf(source)).slice(0, -1)},"paths":{`),
    texts.joined(","),
    Buffer.from(`},"components":{"schemas":{`),
    types.joined(","),
    Buffer.from(`},${JSON.stringify({ securitySchemes }).slice(1)}}`),
  ]);
}

const frameOf = ({ version }: OpenApiSource): JsonDocument => ({
  openapi: "3.0.0",
  info: { title: "Kubernetes", version },
});

const securitySchemes = {
  BearerToken: {
    type: "apiKey",
    description: "Bearer Token authentication",
    name: "authorization",
    in: "header",
  },
};

class V3Writer {
  readonly definitions: DefinitionWriter;

  constructor(definitions: DefinitionWriter) {
    this.definitions = definitions;
  }

  path(item: PathItem): JsonDocument {
    const shared = sharedParameters(item);
    const operations = item.operations.map((operation) => [
      operation.method,
      this.#operation(operation, shared),
    ]);
    return {
      ...Object.fromEntries(operations),
      ...(shared.length > 0 && {
        parameters: sortParameters(shared).map((key) => parameterDocument(key, item.operations[0]?.kind)),
      }),
    };
  }

  #operation(operation: Operation, shared: readonly ParameterKey[]): JsonDocument {
    const own = sortParameters(operation.parameters.filter((key) => !shared.includes(key)));
    const { body } = operation;
    return {
      tags: [operation.tag],
      description: operation.description,
      operationId: operation.id,
      ...(own.length > 0 && { parameters: own.map((key) => parameterDocument(key, operation.kind)) }),
      ...(body !== undefined && {
        requestBody: {
          content: this.#content({ type: body.type }, body.mediaTypes),
          ...(body.isRequired && { required: true }),
        },
      }),
      responses: this.#responses(operation),
      ...(operation.action !== undefined && { "x-kubernetes-action": operation.action }),
      ...(operation.kind !== undefined && { "x-kubernetes-group-version-kind": operation.kind }),
    };
  }

  #content(content: Exclude<Content, undefined>, types: MediaTypes): JsonDocument {
    const schema = content === "string" ? { type: "string" } : this.definitions.reference(content.type);
    return Object.fromEntries(mediaTypes[types].map((type) => [type, { schema }]));
  }

  #responses({ responses, produces }: Operation): JsonDocument {
    const written = Object.entries(responses).map(([code, content]) => [
      code,
      {
        description: responseTexts[code] ?? "",
        ...(content !== undefined && { content: this.#content(content, produces) }),
      },
    ]);
    return { ...Object.fromEntries(written), 401: { description: "Unauthorized" } };
  }
}

function parameterDocument(key: ParameterKey, kind: GroupVersionKind | undefined): JsonDocument {
  const parameter: Parameter = parameters[key];
  return {
    name: parameter.name,
    in: parameter.in,
    description: key === "name" && kind !== undefined ? `name of the ${kind.kind}` : parameter.description,
    ...(parameter.in === "path" && { required: true }),
    schema: { type: parameter.type, uniqueItems: true },
  };
}
