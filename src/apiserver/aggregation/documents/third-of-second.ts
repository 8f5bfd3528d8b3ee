import type { JsonDocument } from "../../../api/openapi/source.ts";
import { isObject } from "../../../apimachinery/json.ts";
import { definitionPrefix, type ForeignSpec, parameterPrefix } from "./foreign-spec.ts";

/**
 * An OpenAPI document of version 3 for a server that only has one of version 2. It says no more than that one does
 * (mirrors k8s.io/kube-openapi/pkg/openapiconv).
 */
export function thirdOfSecond(spec: ForeignSpec): JsonDocument {
  const convert = new Conversion(spec);
  const converted = (
    members: Readonly<Record<string, JsonDocument>>,
    each: (member: JsonDocument) => JsonDocument,
  ): JsonDocument =>
    Object.fromEntries(Object.entries(members).map(([name, member]) => [name, each(member)]));
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "unversioned" },
    paths: converted(spec.paths, (path) => convert.path(path)),
    components: { schemas: converted(spec.definitions, (schema) => convert.schema(schema)) },
  };
}

const methods = ["get", "put", "post", "delete", "options", "head", "patch"];

class Conversion {
  readonly #spec: ForeignSpec;

  constructor(spec: ForeignSpec) {
    this.#spec = spec;
  }

  path(path: JsonDocument): JsonDocument {
    const written: JsonDocument = {};
    for (const [name, member] of Object.entries(path)) {
      if (methods.includes(name) && isObject(member)) written[name] = this.#operation(member);
      else if (name === "parameters") written[name] = this.#parametersIn(member).map(parameterOf);
      else if (name.startsWith("x-")) written[name] = member;
    }
    return written;
  }

  schema(schema: JsonDocument): JsonDocument {
    const { $ref: reference } = schema;
    if (typeof reference !== "string") return this.#members(schema);
    const $ref = reference.replace(definitionPrefix, "#/components/schemas/");
    const { $ref: _reference, ...beside } = schema;
    // Nothing may stand beside a reference.
    return Object.keys(beside).length === 0 ? { $ref } : { ...this.#members(beside), allOf: [{ $ref }] };
  }

  #members(schema: JsonDocument): JsonDocument {
    const written: JsonDocument = { ...schema };
    const { properties } = schema;
    if (isObject(properties)) {
      written["properties"] = Object.fromEntries(
        Object.entries(properties).map(([name, member]) => [name, this.#value(member)]),
      );
    }
    for (const name of ["items", "additionalProperties", "additionalItems", "allOf"])
      if (schema[name] !== undefined) written[name] = this.#value(schema[name]);
    return written;
  }

  #value(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((each) => this.#value(each));
    return isObject(value) ? this.schema(value) : value;
  }

  #operation(operation: JsonDocument): JsonDocument {
    const { consumes, produces, parameters, responses, schemes: _schemes, ...rest } = operation;
    const all = this.#parametersIn(parameters);
    const body = all.find((parameter) => parameter["in"] === "body");
    const others = all.filter((parameter) => parameter !== body);
    const answers = Object.entries(isObject(responses) ? responses : {}).map(([code, response]) => [
      code,
      this.#response(isObject(response) ? response : {}, produces),
    ]);
    return {
      ...rest,
      ...(others.length > 0 && { parameters: others.map(parameterOf) }),
      ...(body !== undefined && { requestBody: { content: this.#content(body["schema"], consumes) } }),
      responses: Object.fromEntries(answers),
    };
  }

  #response({ schema, headers: _headers, ...rest }: JsonDocument, produces: unknown): JsonDocument {
    return schema === undefined ? rest : { ...rest, content: this.#content(schema, produces) };
  }

  #content(schema: unknown, types: unknown): JsonDocument {
    const content = { schema: this.#value(schema) };
    const names = Array.isArray(types) ? types.filter((type) => typeof type === "string") : [];
    return Object.fromEntries(names.map((name) => [name, content]));
  }

  /** Those that are kept in another place stand here themselves. */
  #parametersIn(value: unknown): JsonDocument[] {
    if (!Array.isArray(value)) return [];
    return value.filter(isObject).map((parameter) => {
      const { $ref: reference } = parameter;
      if (typeof reference !== "string") return parameter;
      return this.#spec.parameters[reference.slice(parameterPrefix.length)] ?? {};
    });
  }
}

/** What a parameter is stands in a schema of its own. */
function parameterOf(parameter: JsonDocument): JsonDocument {
  const { type, format, uniqueItems, items, ...rest } = parameter;
  const schema = { type, format, uniqueItems, items };
  const said = Object.entries(schema).filter(([, value]) => value !== undefined);
  return { ...rest, schema: Object.fromEntries(said) };
}
