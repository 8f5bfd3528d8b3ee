import { type DecodedObject, type DecodedParts, decodeObject } from "../apimachinery/decode.ts";
import type { FieldError } from "../apimachinery/field-error.ts";
import {
  formatApiVersion,
  type GroupKind,
  type GroupVersion,
  type GroupVersionKind,
  type GroupVersionResource,
} from "../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import type { SchemaSet } from "../apimachinery/schema.ts";
import { printerFor } from "./columns/index.ts";
import { convertObject } from "./conversion/index.ts";
import { applyDefaults } from "./defaults/index.ts";
import { selectableField } from "./fields.ts";
import { builtinResources, type ResourceTableOptions } from "./resource-table.ts";
import { builtinSchemas } from "./schema-table.ts";
import type { ResourceInfo, Scheme, TablePrinter } from "./scheme.ts";
import { validateCreate, validateUpdate, warningsFor } from "./validation/index.ts";

export type BuiltinSchemeOptions = ResourceTableOptions;

/**
 * The scheme of the resources that Kubernetes 1.36 serves by default: stable versions only.
 * Cheap: tables are parsed as far as they are used, and protobuf and OpenAPI are loaded by those who need them.
 */
export function builtinScheme(options: BuiltinSchemeOptions = {}): Scheme {
  const key = JSON.stringify(options);
  let scheme = schemes.get(key);
  if (scheme === undefined) {
    scheme = new BuiltinScheme(builtinResources(options), builtinSchemas());
    schemes.set(key, scheme);
  }
  return scheme;
}

/** Schemes never change, so all clusters of a process share them. */
const schemes = new Map<string, Scheme>();

class BuiltinScheme implements Scheme {
  readonly schemas: SchemaSet;
  readonly generation = 0;
  readonly #resources: readonly ResourceInfo[];
  readonly #groupVersions: readonly GroupVersion[];
  /** `apiVersion` → its resources, in the order of discovery. */
  readonly #byGroupVersion = new Map<string, ResourceInfo[]>();
  /** `apiVersion/plural` and `apiVersion/Kind`: plurals are in lower case and kinds are not. */
  readonly #byName = new Map<string, ResourceInfo>();

  constructor(resources: readonly ResourceInfo[], schemas: SchemaSet) {
    this.#resources = resources;
    this.schemas = schemas;
    const groupVersions: GroupVersion[] = [];
    for (const resource of resources) {
      const apiVersion = formatApiVersion(resource);
      let members = this.#byGroupVersion.get(apiVersion);
      if (members === undefined) {
        members = [];
        this.#byGroupVersion.set(apiVersion, members);
        groupVersions.push({ group: resource.group, version: resource.version });
      }
      members.push(resource);
      this.#byName.set(`${apiVersion}/${resource.resource}`, resource);
      this.#byName.set(`${apiVersion}/${resource.kind}`, resource);
    }
    this.#groupVersions = groupVersions;
  }

  groupVersions(): readonly GroupVersion[] {
    return this.#groupVersions;
  }

  resources(groupVersion?: GroupVersion): readonly ResourceInfo[] {
    if (groupVersion === undefined) return this.#resources;
    return this.#byGroupVersion.get(formatApiVersion(groupVersion)) ?? [];
  }

  resource(reference: GroupVersionResource): ResourceInfo | undefined {
    return this.#byName.get(`${formatApiVersion(reference)}/${reference.resource}`);
  }

  resourceForKind(kind: GroupVersionKind): ResourceInfo | undefined {
    return this.#byName.get(`${formatApiVersion(kind)}/${kind.kind}`);
  }

  decode(schemaName: string, value: unknown, known?: DecodedParts): DecodedObject {
    return decodeObject(this.schemas, schemaName, value, known);
  }

  applyDefaults(kind: GroupVersionKind, object: UnstructuredObject): void {
    applyDefaults(kind, object);
  }

  validateCreate(kind: GroupVersionKind, object: UnstructuredObject): FieldError[] {
    return validateCreate(kind, object);
  }

  validateUpdate(
    kind: GroupVersionKind,
    object: UnstructuredObject,
    old: UnstructuredObject,
    subresource: string,
  ): FieldError[] {
    return validateUpdate(kind, object, old, subresource);
  }

  warnings(
    kind: GroupVersionKind,
    object: UnstructuredObject,
    old: UnstructuredObject | undefined,
  ): string[] {
    return warningsFor(kind, object, old);
  }

  convert(object: UnstructuredObject, to: GroupVersionKind): UnstructuredObject {
    return convertObject(object, to);
  }

  printer(kind: GroupKind): TablePrinter | undefined {
    return printerFor(kind);
  }

  selectableField(
    kind: GroupVersionKind,
    field: string,
  ): ((object: UnstructuredObject) => string) | undefined {
    return selectableField(kind, field);
  }
}
