import type { ResourceInfo, Scheme, TablePrinter } from "../../api/scheme.ts";
import type { DecodedObject, DecodedParts } from "../../apimachinery/decode.ts";
import type { FieldError } from "../../apimachinery/field-error.ts";
import {
  formatApiVersion,
  type GroupKind,
  type GroupVersion,
  type GroupVersionKind,
  type GroupVersionResource,
} from "../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { Schema, SchemaSet } from "../../apimachinery/schema.ts";
import type { CustomResource, CustomVersion } from "./custom-version.ts";
import { compareVersions } from "./kube-versions.ts";

/**
 * The built-in kinds, and beside them those of CustomResourceDefinitions, which come and go. Built-in ones are asked for
 * first, so that they cost what they cost without any.
 */
export class ExtensibleScheme implements Scheme {
  readonly schemas: SchemaSet;
  readonly #base: Scheme;
  /** By the name of their definition. */
  readonly #definitions = new Map<string, readonly CustomResource[]>();
  /** `apiVersion/plural` and `apiVersion/Kind` → the resource; made anew after each change. */
  #byName: Map<string, CustomResource> | undefined;
  #bySchema: Map<string, CustomResource> | undefined;
  #groupVersions: readonly GroupVersion[] | undefined;
  #resources: readonly ResourceInfo[] | undefined;
  #byVersion: ReadonlyMap<string, readonly ResourceInfo[]> | undefined;
  #generation = 1;
  readonly #settle: () => void;
  readonly #settleInSlices: () => Promise<void> | undefined;

  /**
   * `settle` is called before anything is looked for beyond the built-in kinds: who reads definitions late reads them now.
   * `settleInSlices` does so for those who can wait.
   */
  constructor(
    base: Scheme,
    settle: () => void = () => {},
    settleInSlices: () => Promise<void> | undefined = () => undefined,
  ) {
    this.#base = base;
    this.#settle = settle;
    this.#settleInSlices = settleInSlices;
    this.schemas = { get: (name) => base.schemas.get(name) ?? this.#schema(name) };
  }

  get base(): Scheme {
    return this.#base;
  }

  get generation(): number {
    this.#settle();
    return this.#generation;
  }

  settled(): Promise<void> | undefined {
    return this.#settleInSlices();
  }

  /** Puts the resources of a definition in place of those it had; none takes them away. */
  define(definition: string, resources: readonly CustomResource[]): void {
    if (resources.length === 0) this.#definitions.delete(definition);
    else this.#definitions.set(definition, resources);
    this.#byName = undefined;
    this.#bySchema = undefined;
    this.#groupVersions = undefined;
    this.#resources = undefined;
    this.#byVersion = undefined;
    this.#generation++;
  }

  groupVersions(): readonly GroupVersion[] {
    this.#settle();
    this.#groupVersions ??= this.#allGroupVersions();
    return this.#groupVersions;
  }

  resources(groupVersion?: GroupVersion): readonly ResourceInfo[] {
    this.#settle();
    if (groupVersion === undefined) {
      this.#resources ??= [...this.#base.resources(), ...this.#customs()];
      return this.#resources;
    }
    const own = this.#base.resources(groupVersion);
    if (this.#definitions.size === 0) return own;
    this.#byVersion ??= Map.groupBy(this.#customs(), formatApiVersion);
    const custom = this.#byVersion.get(formatApiVersion(groupVersion));
    return custom === undefined ? own : [...own, ...custom];
  }

  resource(reference: GroupVersionResource): ResourceInfo | undefined {
    return (
      this.#base.resource(reference) ??
      this.#named(`${formatApiVersion(reference)}/${reference.resource}`)?.info
    );
  }

  resourceForKind(kind: GroupVersionKind): ResourceInfo | undefined {
    return this.#base.resourceForKind(kind) ?? this.#ofKind(kind)?.info;
  }

  decode(schemaName: string, value: unknown, known?: DecodedParts): DecodedObject {
    const custom = this.#ofSchema(schemaName);
    return custom === undefined
      ? this.#base.decode(schemaName, value, known)
      : custom.version().decode(value);
  }

  applyDefaults(kind: GroupVersionKind, object: UnstructuredObject): void {
    const custom = this.#customOf(kind);
    if (custom === undefined) this.#base.applyDefaults(kind, object);
    else custom.applyDefaults(object);
  }

  prepareValidation(
    kind: GroupVersionKind,
    object: UnstructuredObject,
    old: UnstructuredObject | undefined,
  ): Promise<void> | undefined {
    return this.#customOf(kind)?.prepareValidation(object, old);
  }

  validateCreate(kind: GroupVersionKind, object: UnstructuredObject): FieldError[] {
    return this.#customOf(kind)?.validateCreate(object) ?? this.#base.validateCreate(kind, object);
  }

  validateUpdate(
    kind: GroupVersionKind,
    object: UnstructuredObject,
    old: UnstructuredObject,
    subresource: string,
  ): FieldError[] {
    const custom = this.#customOf(kind);
    if (custom !== undefined) return custom.validateUpdate(object, old, subresource);
    return this.#base.validateUpdate(kind, object, old, subresource);
  }

  takeForgiven(kind: GroupVersionKind): string[] {
    return this.#customOf(kind)?.takeForgiven() ?? [];
  }

  warnings(
    kind: GroupVersionKind,
    object: UnstructuredObject,
    old: UnstructuredObject | undefined,
  ): string[] {
    return this.#customOf(kind)?.warnings(object, old) ?? this.#base.warnings(kind, object, old);
  }

  convert(object: UnstructuredObject, to: GroupVersionKind): UnstructuredObject {
    const custom = this.#customOf(to);
    return custom === undefined ? this.#base.convert(object, to) : custom.reader.read(object);
  }

  printer(kind: GroupKind & { readonly version?: string }): TablePrinter | undefined {
    const { version } = kind;
    const custom = version === undefined ? undefined : this.#customOf({ ...kind, version });
    return custom?.printer ?? this.#base.printer(kind);
  }

  selectableField(
    kind: GroupVersionKind,
    field: string,
  ): ((object: UnstructuredObject) => string) | undefined {
    const custom = this.#customOf(kind);
    return custom === undefined ? this.#base.selectableField(kind, field) : custom.selectableField(field);
  }

  /** Undefined for built-in kinds, which are by far the most. */
  #customOf(kind: GroupVersionKind): CustomVersion | undefined {
    if (this.#definitions.size === 0) return undefined;
    if (this.#base.resourceForKind(kind) !== undefined) return undefined;
    return this.#ofKind(kind)?.version();
  }

  #ofKind(kind: GroupVersionKind): CustomResource | undefined {
    return this.#named(`${formatApiVersion(kind)}/${kind.kind}`);
  }

  #named(name: string): CustomResource | undefined {
    this.#settle();
    if (this.#definitions.size === 0) return undefined;
    this.#byName ??= new Map(
      [...this.#definitions.values()].flat().flatMap((resource) => {
        const { info } = resource;
        const apiVersion = formatApiVersion(info);
        return [
          [`${apiVersion}/${info.resource}`, resource],
          [`${apiVersion}/${info.kind}`, resource],
        ];
      }),
    );
    return this.#byName.get(name);
  }

  #ofSchema(name: string): CustomResource | undefined {
    if (this.#definitions.size === 0 || name.startsWith("io.k8s.api")) return undefined;
    this.#bySchema ??= new Map(
      [...this.#definitions.values()].flat().map((resource) => [resource.info.schemaName, resource]),
    );
    return this.#bySchema.get(name);
  }

  #schema(name: string): Schema | undefined {
    return this.#ofSchema(name)?.version().schema;
  }

  #customs(): ResourceInfo[] {
    return [...this.#definitions.values()].flat().map(({ info }) => info);
  }

  /** Groups of definitions follow the built-in ones, in the order of their names. */
  #allGroupVersions(): readonly GroupVersion[] {
    const base = this.#base.groupVersions();
    const known = new Set(base.map(formatApiVersion));
    const found = new Map<string, GroupVersion>();
    for (const { group, version } of this.#customs()) {
      const apiVersion = formatApiVersion({ group, version });
      if (!known.has(apiVersion)) found.set(apiVersion, { group, version });
    }
    const added = [...found.values()].sort((a, b) =>
      a.group === b.group ? compareVersions(a.version, b.version) : a.group < b.group ? -1 : 1,
    );
    return added.length === 0 ? base : [...base, ...added];
  }
}
