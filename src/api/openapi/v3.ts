import { formatApiVersion, type GroupVersionKind } from "../../apimachinery/gvk.ts";
import { DefinitionWriter } from "./definitions.ts";
import { mediaTypes } from "./media-types.ts";
import {
  type Content,
  type MediaTypes,
  type Operation,
  type PathItem,
  sharedParameters,
} from "./operations.ts";
import { type Parameter, type ParameterKey, parameters, sortParameters } from "./parameters.ts";
import type { JsonDocument, OpenApiFacts, OpenApiSource } from "./source.ts";
import { allPaths, responseTexts } from "./v2.ts";

/**
 * The names of all OpenAPI v3 documents: `api/v1`, `apis/apps`, `apis/apps/v1`, `version`, …, each with the paths that
 * it describes.
 */
export function openApiV3Paths(
  source: OpenApiSource,
  schemaNameOfKind: (kind: GroupVersionKind) => string | undefined,
): Map<string, PathItem[]> {
  const versions = new Set(source.resources.map(formatApiVersion));
  return Map.groupBy(allPaths(source.resources, schemaNameOfKind), ({ path }) => documentOf(path, versions));
}

/** The longest of `api/v1`, `apis/g/v` that the path lies below, or the whole path. */
function documentOf(path: string, versions: ReadonlySet<string>): string {
  const [root = "", first = "", second = ""] = path.slice(1).split("/");
  if (root === "api" && versions.has(first)) return `api/${first}`;
  if (root === "apis" && versions.has(`${first}/${second}`)) return `apis/${first}/${second}`;
  return path.slice(1, -1);
}

/** One document. */
export function buildOpenApiV3(
  source: OpenApiSource,
  facts: OpenApiFacts,
  paths: readonly PathItem[],
): JsonDocument {
  const writer = new V3Writer(new DefinitionWriter(source, facts, 3));
  const written = paths
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .map((item) => [item.path, writer.path(item)] as const);
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: source.version },
    paths: Object.fromEntries(written),
    components: {
      schemas: writer.definitions.definitions(),
      securitySchemes: {
        BearerToken: {
          type: "apiKey",
          description: "Bearer Token authentication",
          name: "authorization",
          in: "header",
        },
      },
    },
  };
}

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
