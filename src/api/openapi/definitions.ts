import { type GroupVersionKind, parseApiVersion } from "../../apimachinery/gvk.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import type { ResourceInfo } from "../scheme.ts";
import { listSchemaName } from "./operations.ts";
import type { JsonDocument, OpenApiFacts, OpenApiSource } from "./source.ts";

/** Writes schemas as OpenAPI, version 2 or 3. Only types that something refers to are written. */
export class DefinitionWriter {
  readonly #source: OpenApiSource;
  readonly #facts: OpenApiFacts;
  readonly #version: 2 | 3;
  /** Lists of custom resources, which have no schema of their own, and the kinds of custom types. */
  readonly #lists = new Map<string, ResourceInfo>();
  readonly #kinds = new Map<string, GroupVersionKind>();
  readonly #customs = new Map<string, ResourceInfo>();
  /** Invariant: a type is in here from when it is first referred to; its definition follows. */
  readonly #written = new Map<string, JsonDocument>();
  readonly #known: ReadonlySet<string>;

  /** `known` are types that somebody else writes: they are only referred to. */
  constructor(
    source: OpenApiSource,
    facts: OpenApiFacts,
    version: 2 | 3,
    known: ReadonlySet<string> = new Set(),
  ) {
    this.#source = source;
    this.#known = known;
    this.#facts = facts;
    this.#version = version;
    for (const resource of source.resources) {
      const { group, kind, listKind, schemaName } = resource;
      const list = listSchemaName(resource);
      if (resource.custom !== undefined) this.#customs.set(schemaName, resource);
      if (source.schemas.get(list) === undefined) this.#lists.set(list, resource);
      if (facts.kinds[schemaName] === undefined) {
        this.#kinds.set(schemaName, { group, version: resource.version, kind });
        this.#kinds.set(list, { group, version: resource.version, kind: listKind });
      }
    }
  }

  /** A reference to the type; its definition and those it refers to are written. */
  reference(name: string): JsonDocument {
    if (!this.#written.has(name) && !this.#known.has(name)) {
      const definition: JsonDocument = {};
      this.#written.set(name, definition);
      Object.assign(definition, this.#define(name));
    }
    return { $ref: `${this.#version === 2 ? "#/definitions/" : "#/components/schemas/"}${name}` };
  }

  /** All definitions so far, in alphabetical order. */
  definitions(): JsonDocument {
    const byName = [...this.#written].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(byName);
  }

  #define(name: string): JsonDocument {
    const custom = this.#customs.get(name);
    if (custom !== undefined) return this.#defineCustom(custom);
    const list = this.#lists.get(name);
    const schema = list === undefined ? (this.#source.schemas.get(name) ?? {}) : this.#listSchema(list);
    const texts = this.#source.descriptions?.[name];
    const special = this.#scalar(name);
    return {
      ...described(texts?.[""] ?? schema.description),
      ...(special ?? this.#write(schema, texts)),
      ...this.#extensions(name),
    };
  }

  /** What the definition says, with the fields that every object has. */
  #defineCustom(resource: ResourceInfo): JsonDocument {
    const written = this.#source.custom?.(resource, this.#version) ?? { type: "object" };
    const { properties } = written;
    const kinds = { "x-kubernetes-group-version-kind": [gvk(resource)] };
    if (properties === undefined) return { ...written, ...kinds };
    this.reference(objectMeta);
    return { ...written, ...kinds };
  }

  #listSchema({ resource, kind, listKind, schemaName }: ResourceInfo): Schema {
    const texts = this.#source.descriptions?.["io.k8s.api.core.v1.ConfigMapList"];
    const text = (name: string): { description?: string } => {
      const description = texts?.[name];
      return description === undefined ? {} : { description };
    };
    const about =
      texts === undefined
        ? {}
        : { description: `Standard list metadata. More info: ${conventions}#types-kinds` };
    return {
      type: "object",
      description: `${listKind} is a list of ${kind}`,
      required: ["items"],
      properties: {
        apiVersion: { type: "string", ...text("apiVersion") },
        items: {
          type: "array",
          items: { ref: schemaName },
          description: `List of ${resource}. More info: ${conventions}`,
        },
        kind: { type: "string", ...text("kind") },
        metadata: { ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta", ...about },
      },
    };
  }

  /** Types that version 3 can say more of than version 2. */
  #scalar(name: string): JsonDocument | undefined {
    if (name === "io.k8s.apimachinery.pkg.api.resource.Quantity") {
      return this.#version === 2 ? { type: "string" } : { oneOf: [{ type: "string" }, { type: "number" }] };
    }
    if (name === "io.k8s.apimachinery.pkg.util.intstr.IntOrString") return this.#intOrString();
    const schema = this.#source.schemas.get(name);
    if (schema?.preserveUnknownFields === true && schema.properties === undefined && isBuiltin(name)) {
      return schema.type === undefined ? {} : { type: schema.type };
    }
    return undefined;
  }

  #intOrString(): JsonDocument {
    const format = { format: "int-or-string" };
    return this.#version === 2
      ? { ...format, type: "string" }
      : { ...format, oneOf: [{ type: "integer" }, { type: "string" }] };
  }

  #extensions(name: string): JsonDocument {
    const kinds = this.#kindsOf(name);
    const unions = this.#facts.unions[name];
    return {
      ...(kinds !== undefined && { "x-kubernetes-group-version-kind": kinds }),
      ...(unions !== undefined && { "x-kubernetes-unions": unions }),
    };
  }

  #kindsOf(name: string): GroupVersionKind[] | undefined {
    const fact = this.#facts.kinds[name];
    if (fact === "many") {
      const kind = name.slice(name.lastIndexOf(".") + 1);
      return this.#facts.groupVersions.map((apiVersion) => gvk({ ...parseApiVersion(apiVersion), kind }));
    }
    if (fact !== undefined) {
      const [group = "", version = "", kind = ""] = fact.split("/");
      return [gvk({ group, version, kind })];
    }
    const custom = this.#kinds.get(name);
    return custom === undefined ? undefined : [gvk(custom)];
  }

  #write(schema: Schema, texts?: Readonly<Record<string, string>>): JsonDocument {
    if (schema.ref !== undefined) return this.#writeReference(schema);
    if (schema.intOrString === true) return { "x-kubernetes-int-or-string": true };
    const result: JsonDocument = {
      ...(schema.type !== undefined && { type: schema.type }),
      ...(schema.format !== undefined && schema.format !== "quantity" && { format: schema.format }),
      ...(schema.required !== undefined && { required: schema.required }),
      ...(schema.enum !== undefined && { enum: schema.enum }),
      ...(schema.nullable === true && this.#version === 3 && { nullable: true }),
      ...(schema.default !== undefined && this.#version === 3 && { default: schema.default }),
      ...extensionsOf(schema),
    };
    // Clients of version 2 would hold objects against fields that are only a part of what may be there.
    if (this.#version === 2 && schema.nullable === true) return extensionsOf(schema);
    if (this.#version === 2 && schema.preserveUnknownFields === true) return result;
    if (schema.items !== undefined) result["items"] = this.#write(schema.items);
    if (schema.values !== undefined) result["additionalProperties"] = this.#writeValues(schema.values);
    if (schema.properties !== undefined) {
      result["properties"] = Object.fromEntries(
        Object.entries(schema.properties).map(([name, property]) => [
          name,
          this.#property(property, texts?.[name] ?? property.description ?? this.#typeText(property)),
        ]),
      );
    }
    return result;
  }

  /** The prose of fields that refer to a type is not to be had; that of the type says nearly the same. */
  #typeText({ ref }: Schema): string | undefined {
    return ref === undefined ? undefined : this.#source.descriptions?.[ref]?.[""];
  }

  #property(schema: Schema, text: string | undefined): JsonDocument {
    const written = this.#write(schema);
    // In version 3 nothing may stand beside a reference, so that a described reference is the only member of allOf.
    if (this.#version === 3 && written["$ref"] !== undefined) {
      return { allOf: [written], ...described(text) };
    }
    return { ...described(text), ...written };
  }

  #writeReference(schema: Schema): JsonDocument {
    const reference = this.reference(schema.ref ?? "");
    const extensions = extensionsOf(schema);
    if (this.#version === 2) return { ...reference, ...extensions };
    const hasMore = schema.default !== undefined || Object.keys(extensions).length > 0;
    if (!hasMore) return reference;
    return {
      allOf: [reference],
      ...(schema.default !== undefined && { default: schema.default }),
      ...extensions,
    };
  }

  /** Values of maps: version 3 tells their zero value, which the facts leave out. */
  #writeValues(schema: Schema): JsonDocument {
    const written = this.#write(schema);
    if (this.#version === 3 && schema.items !== undefined) {
      return { ...written, items: this.#writeValues(schema.items) };
    }
    if (this.#version === 2 || written["default"] !== undefined) return written;
    const zero = schema.format === "byte" ? undefined : zeroValues[schema.type ?? ""];
    if (zero !== undefined) return { ...written, default: zero };
    const target = schema.ref === undefined ? undefined : this.#source.schemas.get(schema.ref);
    return target?.properties === undefined ? written : { allOf: [written], default: {} };
  }
}

const zeroValues: Readonly<Record<string, unknown>> = { string: "", integer: 0, boolean: false };

const isBuiltin = (name: string): boolean => name.startsWith("io.k8s.");

const described = (text: string | undefined): JsonDocument =>
  text === undefined ? {} : { description: text };

/** In the order of the documents. */
const gvk = ({ group, version, kind }: GroupVersionKind): GroupVersionKind => ({ group, kind, version });

function extensionsOf(schema: Schema): JsonDocument {
  return {
    ...(schema.embeddedResource === true && { "x-kubernetes-embedded-resource": true }),
    ...(schema.listMapKeys !== undefined && { "x-kubernetes-list-map-keys": schema.listMapKeys }),
    ...(schema.listType !== undefined && { "x-kubernetes-list-type": schema.listType }),
    ...(schema.mapType !== undefined && { "x-kubernetes-map-type": schema.mapType }),
    ...(schema.patchMergeKey !== undefined && { "x-kubernetes-patch-merge-key": schema.patchMergeKey }),
    ...(schema.patchStrategy !== undefined && { "x-kubernetes-patch-strategy": schema.patchStrategy }),
    ...(schema.preserveUnknownFields === true && { "x-kubernetes-preserve-unknown-fields": true }),
  };
}

const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const conventions = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";
