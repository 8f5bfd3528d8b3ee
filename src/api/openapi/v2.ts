import { formatApiVersion, type GroupVersionKind } from "../../apimachinery/gvk.ts";
import type { ResourceInfo } from "../scheme.ts";
import type { DefinitionWriter } from "./definitions.ts";
import { mediaTypes } from "./media-types.ts";
import {
  groupVersionPaths,
  type Operation,
  otherPaths,
  type PathItem,
  sharedParameters,
} from "./operations.ts";
import { type Parameter, type ParameterKey, parameters, sharedName, sortParameters } from "./parameters.ts";
import type { JsonDocument, OpenApiSource } from "./source.ts";

/** All of the document but its paths, definitions and parameters. */
export const frameOfV2 = ({ version }: OpenApiSource): JsonDocument => ({
  swagger: "2.0",
  info: { title: "Kubernetes", version },
  securityDefinitions: {
    BearerToken: {
      description: "Bearer Token authentication",
      type: "apiKey",
      name: "authorization",
      in: "header",
    },
  },
  security: [{ BearerToken: [] }],
});

/** All paths of the resources, and those that belong to no resource. */
export function allPaths(
  resources: readonly ResourceInfo[],
  schemaNameOfKind: (kind: GroupVersionKind) => string | undefined,
): PathItem[] {
  const groups = new Set(resources.filter(({ custom }) => custom === undefined).map(({ group }) => group));
  const versions = Map.groupBy(resources, formatApiVersion);
  return [
    ...otherPaths([...groups]),
    ...[...versions.values()].flatMap((members) =>
      members[0] === undefined ? [] : groupVersionPaths(members[0], members, schemaNameOfKind),
    ),
  ];
}

/** Writes paths of version 2, and collects what they refer to. */
export class V2Writer {
  readonly definitions: DefinitionWriter;
  readonly #shared = new Map<string, JsonDocument>();

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
        parameters: sortParameters(shared).map((key) => this.#parameter(key, item.operations[0]?.kind)),
      }),
    };
  }

  /** The parameters that operations refer to, in alphabetical order. */
  sharedParameters(): JsonDocument {
    return Object.fromEntries([...this.#shared].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  #operation(operation: Operation, shared: readonly ParameterKey[]): JsonDocument {
    const own = sortParameters(operation.parameters.filter((key) => !shared.includes(key)));
    const list = [...this.#body(operation), ...own.map((key) => this.#parameter(key, operation.kind))];
    return {
      ...(operation.consumes !== undefined && { consumes: mediaTypes[operation.consumes] }),
      description: operation.description,
      operationId: operation.id,
      ...(list.length > 0 && { parameters: list }),
      produces: mediaTypes[operation.produces],
      responses: this.#responses(operation),
      schemes: ["https"],
      tags: [operation.tag],
      ...(operation.action !== undefined && { "x-kubernetes-action": operation.action }),
      ...(operation.kind !== undefined && { "x-kubernetes-group-version-kind": operation.kind }),
    };
  }

  /** Bodies that many operations share are kept once, under the names that Kubernetes gives them. */
  #body({ body }: Operation): JsonDocument[] {
    if (body === undefined) return [];
    const written = {
      in: "body",
      name: "body",
      ...(body.isRequired && { required: true }),
      schema: this.definitions.reference(body.type),
    };
    const name = sharedBodies[body.type];
    if (name === undefined || (name === sharedBodies[deleteOptions]) === body.isRequired) return [written];
    this.#shared.set(name, written);
    return [{ $ref: `#/parameters/${name}` }];
  }

  #parameter(key: ParameterKey, kind: GroupVersionKind | undefined): JsonDocument {
    const parameter: Parameter = parameters[key];
    const description =
      key === "name" && kind !== undefined ? `name of the ${kind.kind}` : parameter.description;
    const written = {
      description,
      in: parameter.in,
      name: parameter.name,
      ...(parameter.in === "path" && { required: true }),
      type: parameter.type,
      uniqueItems: true,
    };
    const name = sharedName(parameter);
    if (name === undefined) return written;
    this.#shared.set(name, written);
    return { $ref: `#/parameters/${name}` };
  }

  #responses({ responses }: Operation): JsonDocument {
    const written = Object.entries(responses).map(([code, content]) => [
      code,
      {
        description: responseTexts[code] ?? "",
        ...(content !== undefined && {
          schema: content === "string" ? { type: "string" } : this.definitions.reference(content.type),
        }),
      },
    ]);
    return { ...Object.fromEntries(written), 401: { description: "Unauthorized" } };
  }
}

const deleteOptions = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
const sharedBodies: Readonly<Record<string, string>> = {
  [deleteOptions]: "body-2Y1dVQaQ",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Patch": "body-78PwaGsr",
};

export const responseTexts: Readonly<Record<string, string>> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
};
