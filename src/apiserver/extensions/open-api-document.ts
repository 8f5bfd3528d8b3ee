import type { Descriptions, JsonDocument } from "../../api/openapi/source.ts";
import type { CustomResourceDefinitionVersion, JSONSchemaProps } from "../../api/types/apiextensions-v1.ts";
import { deepEqual, isObject, setOwn } from "../../apimachinery/json.ts";
import { schemaOf } from "./schema/schema-node.ts";
import { structuralErrors, structuralProblem } from "./schema/structural-rules.ts";

/**
 * What OpenAPI says of a version: its schema, with the fields that every object has. Version 2 cannot say everything,
 * and its readers take what is said for all there may be, so that less is said there (mirrors
 * k8s.io/apiextensions-apiserver/pkg/controller/openapi). A schema that is known to be structural need not be looked at
 * again.
 */
export function openApiDocument(
  { schema, selectableFields = [] }: CustomResourceDefinitionVersion,
  version: 2 | 3,
  texts: Descriptions | undefined,
  mayBeUnstructured = true,
): JsonDocument {
  const root = schema?.openAPIV3Schema;
  const fields = selectableFields.map(({ jsonPath }) => ({ fieldPath: jsonPath.replace(/^\./, "") }));
  const selectable = fields.length === 0 ? {} : { "x-kubernetes-selectable-fields": fields };
  const isStructural = root !== undefined && !(mayBeUnstructured && isUnstructured(root));
  const isOpen = version === 2 && root?.["x-kubernetes-preserve-unknown-fields"] === true;
  if (!isStructural || isOpen) return { type: "object", ...selectable };
  const written = new SchemaWriter(version, texts).write(root);
  const properties = isObject(written["properties"]) ? written["properties"] : {};
  return { ...written, properties: { ...properties, ...metaFields(version, texts) }, ...selectable };
}

const isUnstructured = (root: JSONSchemaProps): boolean =>
  structuralProblem(root) !== undefined || structuralErrors(root, "").length > 0;

const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

const aboutMetadata =
  "Standard object's metadata. More info: " +
  "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/** The fields of every resource, in the words of built-in ones. */
function metaFields(version: 2 | 3, texts: Descriptions | undefined): JsonDocument {
  const own = texts?.["io.k8s.api.core.v1.ConfigMap"];
  const text = (name: string): { description?: string } => {
    const description = own?.[name];
    return description === undefined ? {} : { description };
  };
  const about = texts === undefined ? {} : { description: aboutMetadata };
  const reference = { $ref: `${version === 2 ? "#/definitions/" : "#/components/schemas/"}${objectMeta}` };
  return {
    apiVersion: { ...text("apiVersion"), type: "string" },
    kind: { ...text("kind"), type: "string" },
    // Nothing may stand beside a reference in version 3.
    metadata: version === 2 ? { ...about, ...reference } : { ...about, allOf: [reference] },
  };
}

/** What Go would leave out; clients of protobuf send it all the same. Values of people are kept, whatever they are. */
const isUnsaid = (name: string, value: unknown): boolean => {
  if (name === "default" || name === "example") return value === null || value === undefined;
  const isEmptyList = Array.isArray(value) && value.length === 0;
  return value === undefined || value === null || value === false || value === "" || isEmptyList;
};

/** What has schemas below it is written by itself. */
const nested: ReadonlySet<string> = new Set(["properties", "items", "additionalProperties"]);
const unsaidBySecond: ReadonlySet<string> = new Set([
  "allOf",
  "anyOf",
  "oneOf",
  "not",
  "default",
  "nullable",
]);

const intOrString = [{ type: "integer" }, { type: "string" }];

class SchemaWriter {
  readonly #version: 2 | 3;
  readonly #texts: Descriptions | undefined;

  constructor(version: 2 | 3, texts: Descriptions | undefined) {
    this.#version = version;
    this.#texts = texts;
  }

  write(schema: JSONSchemaProps): JsonDocument {
    const written = this.#version === 2 ? this.#second(schema) : this.#third(schema);
    return this.#withMeta(schema, written);
  }

  #third(schema: JSONSchemaProps): JsonDocument {
    const written: JsonDocument = { ...this.#below(schema) };
    if (schema["x-kubernetes-int-or-string"] !== true) return written;
    const isSaid = deepEqual(schema.anyOf, intOrString) || deepEqual(schema.allOf?.[0]?.anyOf, intOrString);
    if (isSaid) return written;
    if (schema.anyOf === undefined) return { ...written, anyOf: intOrString };
    return { ...written, allOf: [{ anyOf: intOrString }, ...(schema.allOf ?? [])] };
  }

  #second(schema: JSONSchemaProps): JsonDocument {
    const isOpen = schema["x-kubernetes-preserve-unknown-fields"] === true;
    const isClosed = schema.nullable !== true && !isOpen;
    const items = isClosed ? schema.items : undefined;
    const isBareList = schema.type === "array" && schemaOf(items) === undefined;
    const isTypeless = schema.nullable === true || isBareList || (isOpen && schema.type === "object");
    const written: JsonDocument = {};
    for (const [name, value] of Object.entries(schema)) {
      if (nested.has(name) || unsaidBySecond.has(name) || isUnsaid(name, value)) continue;
      if (name === "type") {
        if (!isTypeless) written["type"] = value;
      } else if (name === "required") {
        const required = this.#requiredBySecond(schema);
        if (required.length > 0) written["required"] = required;
      } else written[name] = value;
    }
    return this.#withBelow(written, isClosed ? schema.properties : undefined, items, schema);
  }

  #requiredBySecond({ required = [], properties, additionalProperties }: JSONSchemaProps): readonly string[] {
    if (schemaOf(additionalProperties)?.nullable === true) return [];
    return required.filter((name) => properties?.[name]?.nullable !== true);
  }

  #below(schema: JSONSchemaProps): JsonDocument {
    const written: JsonDocument = {};
    for (const [name, value] of Object.entries(schema))
      if (!nested.has(name) && !isUnsaid(name, value)) written[name] = value;
    return this.#withBelow(written, schema.properties, schema.items, schema);
  }

  #withBelow(
    written: JsonDocument,
    properties: JSONSchemaProps["properties"],
    items: JSONSchemaProps["items"],
    { additionalProperties }: JSONSchemaProps,
  ): JsonDocument {
    if (properties !== undefined) {
      const all: JsonDocument = {};
      for (const [name, property] of Object.entries(properties)) setOwn(all, name, this.write(property));
      written["properties"] = all;
    }
    const item = schemaOf(items);
    if (item !== undefined) written["items"] = this.write(item);
    if (additionalProperties !== undefined) {
      const values = schemaOf(additionalProperties);
      written["additionalProperties"] = values === undefined ? additionalProperties : this.write(values);
    }
    return written;
  }

  /** Resources inside of the object have what every resource has. */
  #withMeta(schema: JSONSchemaProps, written: JsonDocument): JsonDocument {
    if (schema["x-kubernetes-embedded-resource"] !== true) return written;
    if (this.#version === 2 && schema["x-kubernetes-preserve-unknown-fields"] === true) return written;
    const properties = isObject(written["properties"]) ? written["properties"] : {};
    const required = [...(schema.required ?? [])];
    for (const name of ["kind", "apiVersion"]) if (!required.includes(name)) required.push(name);
    return {
      ...written,
      properties: { ...properties, ...metaFields(this.#version, this.#texts) },
      required,
    };
  }
}
