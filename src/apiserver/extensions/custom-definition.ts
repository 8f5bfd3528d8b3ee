import type { CustomResourceDefinitionVersion, JSONSchemaProps } from "../../api/types/apiextensions-v1.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newInternalError } from "../../apimachinery/status.ts";
import type { CustomVersion } from "./custom-version.ts";
import type { DefinitionRecord } from "./definition-record.ts";
import type { RuleMetrics } from "./rule-metrics.ts";
import { SchemaNode } from "./schema/schema-node.ts";
import { VersionOfDefinition } from "./version-of-definition.ts";
import { type CallConverter, WebhookConverter } from "./webhook-converter.ts";

/** All versions of one definition: their schemas, and how objects go from one to another. */
export class CustomDefinition {
  readonly #record: DefinitionRecord;
  readonly #schemas: ReadonlyMap<string, SchemaNode>;
  readonly #versions = new Map<string, VersionOfDefinition>();
  readonly #webhook: WebhookConverter | undefined;
  /** Of its rules. */
  readonly metrics: RuleMetrics | undefined;

  constructor(record: DefinitionRecord, call: CallConverter, metrics?: RuleMetrics) {
    this.#record = record;
    this.metrics = metrics;
    const { spec } = record.read();
    this.#schemas = new Map(
      spec.versions.flatMap(({ name, schema }) => {
        if (schema?.openAPIV3Schema === undefined) return [];
        withoutProse(schema.openAPIV3Schema);
        return [[name, new SchemaNode(schema.openAPIV3Schema, { isRoot: true })]];
      }),
    );
    const { conversion } = spec;
    this.#webhook =
      conversion?.strategy === "Webhook" ? new WebhookConverter(record.name, conversion, call) : undefined;
  }

  get spec(): DefinitionRecord["summary"]["spec"] {
    return this.#record.summary.spec;
  }

  get kind(): string {
    return this.#record.summary.status?.acceptedNames?.kind ?? this.spec.names.kind;
  }

  get storageVersion(): string {
    return this.spec.versions.find(({ storage }) => storage)?.name ?? "";
  }

  /** Undefined where the version has none. */
  schema(version: string): SchemaNode | undefined {
    return this.#schemas.get(version);
  }

  versionSpec(name: string): CustomResourceDefinitionVersion {
    const found = this.spec.versions.find((version) => version.name === name);
    if (found === undefined) throw newInternalError(`there is no version ${name} of ${this.#record.name}`);
    return found;
  }

  version(name: string): VersionOfDefinition & CustomVersion {
    let version = this.#versions.get(name);
    if (version === undefined) {
      version = new VersionOfDefinition(this, name);
      this.#versions.set(name, version);
    }
    return version;
  }

  apiVersion(version: string): string {
    return `${this.spec.group}/${version}`;
  }

  /** Present when versions are converted by a webhook. */
  get converts():
    | ((objects: readonly UnstructuredObject[], to: string) => Promise<UnstructuredObject[]>)
    | undefined {
    const webhook = this.#webhook;
    return webhook && ((objects, to) => webhook.convert(objects, to));
  }
}

/** Takes out what only people read, in place: it is most of the text of a schema. */
function withoutProse(schema: JSONSchemaProps): void {
  for (const each of allBelow(schema)) {
    delete each.description;
    delete each.title;
    delete each.example;
    delete each.externalDocs;
  }
}

/** The schema and all schemas in it. */
function* allBelow(schema: JSONSchemaProps): Generator<JSONSchemaProps> {
  yield schema;
  for (const property of Object.values(schema.properties ?? {})) yield* allBelow(property);
  for (const below of [schema.items, schema.additionalProperties, schema.not]) {
    if (isObject(below)) yield* allBelow(below);
  }
  for (const below of [schema.allOf, schema.anyOf, schema.oneOf]) {
    for (const each of below ?? []) yield* allBelow(each);
  }
}
