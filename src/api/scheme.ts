import type { DecodedObject, DecodedParts } from "../apimachinery/decode.ts";
import type { FieldError } from "../apimachinery/field-error.ts";
import type { GroupKind, GroupVersion, GroupVersionKind, GroupVersionResource } from "../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import type { SchemaSet } from "../apimachinery/schema.ts";

/**
 * What the API server knows of every resource it serves. Built-in resources are "custom resources known at start":
 * the same description, filled from tables (`api/builtin-scheme.ts`) or, later, from a CustomResourceDefinition.
 */
export interface ResourceInfo extends GroupVersionKind {
  /** Plural: `deployments`. */
  readonly resource: string;
  readonly singular: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** In the order discovery shows them: create, delete, deletecollection, get, list, patch, update, watch. */
  readonly verbs: readonly string[];
  readonly subresources: readonly SubresourceInfo[];
  /** The name of its schema in `Scheme.schemas`. */
  readonly schemaName: string;
  /**
   * Where objects of this resource are kept. Versions and groups that share objects (autoscaling/v1 and v2; events in
   * core and events.k8s.io) name the same storage resource; `Scheme.convert` leads from one to the other.
   */
  readonly storage: GroupVersionResource;
  /** Present for resources of a CustomResourceDefinition. */
  readonly custom?: CustomTraits;
}

/** What resources of a CustomResourceDefinition have beyond built-in ones. A new definition has new traits. */
export interface CustomTraits {
  /** Another one with each change of the definition's spec, and the same after a restart. */
  readonly revision: string;
  /** No objects are created any more: the definition is being deleted. */
  readonly isTerminating: boolean;
  /** Nothing can be read or written: there is no way to convert between versions. */
  readonly isUnusable?: boolean;
  /** Where the scale subresource finds its parts: `.spec.replicas`. */
  readonly scale?: ScalePaths;
  /** What each request of a deprecated version is warned with. */
  readonly deprecationWarning?: string;
  readonly reader: StoredReader;
  /** The object in the version in which it is stored; a promise where versions are converted by others. */
  toStorage(object: UnstructuredObject): UnstructuredObject | Promise<UnstructuredObject>;
  /**
   * A new object of what admission has made of one. Nobody is told of unknown fields, or of metadata that cannot be read:
   * both are cut off. Nulls stay, for validation to say what it thinks of them.
   */
  admitted(object: UnstructuredObject): UnstructuredObject;
}

export interface ScalePaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string;
}

/** Makes objects of a version from what is stored: a schema may have changed since it was written. */
export interface StoredReader {
  /**
   * The object in the reader's version, with fields pruned and defaults filled in; the very same object when nothing
   * differs. The object is frozen. Throws for an object of another version where `convert` is present.
   */
  read(object: UnstructuredObject): UnstructuredObject;
  /**
   * Present where versions are converted by others, who may take their time: new objects of the reader's version, in
   * the order of those that were given. Rejects when one of them cannot be converted.
   */
  convert?(objects: readonly UnstructuredObject[]): Promise<UnstructuredObject[]>;
}

export interface SubresourceInfo {
  /** `status`, `scale`, `log`, … */
  readonly name: string;
  readonly verbs: readonly string[];
  /** The kind of its body where it is not the resource's own: Scale, Eviction, Binding, TokenRequest, … */
  readonly kind?: GroupVersionKind;
}

export interface TableColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format?: string;
  readonly description: string;
  /** 0 is shown always, 1 with `-o wide`. */
  readonly priority: number;
}

/** How `kubectl get` prints a kind. A cell is a JSON value of the column's type. */
export interface TablePrinter {
  readonly columns: readonly TableColumn[];
  cells(object: UnstructuredObject, nowMs: number): unknown[];
  /** Conditions of the row: pods that have ended are marked as completed. */
  conditions?(object: UnstructuredObject): TableRowCondition[];
}

/** meta/v1 TableRowCondition. */
export interface TableRowCondition {
  readonly type: "Completed";
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
}

export interface Scheme {
  readonly schemas: SchemaSet;
  /** Rises with each change of what is served: who keeps what was made of the scheme makes it anew. */
  readonly generation: number;
  /** The kinds that are always there, where the scheme knows of others that come and go. */
  readonly base?: Scheme;
  /**
   * Resolves when what was stored before the start is read, which is done a little at a time; undefined when it is. To ask
   * for more than built-in kinds before means to read all of it at once.
   */
  settled?(): Promise<void> | undefined;
  /** Served groups in the order of discovery; the first version of a group is the preferred one. */
  groupVersions(): readonly GroupVersion[];
  resources(groupVersion?: GroupVersion): readonly ResourceInfo[];
  resource(reference: GroupVersionResource): ResourceInfo | undefined;
  resourceForKind(kind: GroupVersionKind): ResourceInfo | undefined;

  /**
   * The object of a value, by the name of its schema; throws StatusError 400 when it has fields of the wrong type. What
   * is `known` of a built-in kind is taken over as it is (see apimachinery/decode.ts).
   */
  decode(schemaName: string, value: unknown, known?: DecodedParts): DecodedObject;
  /** Fills in defaults, in place; the object is decoded already (see apimachinery/decode.ts) and owned by the caller. */
  applyDefaults(kind: GroupVersionKind, object: UnstructuredObject): void;
  /**
   * To be called right before an object is validated: what takes long is done a part at a time, so that others are served
   * meanwhile. Undefined when there is nothing to wait for. `old` is undefined for a create.
   */
  prepareValidation?(
    kind: GroupVersionKind,
    object: UnstructuredObject,
    old: UnstructuredObject | undefined,
  ): Promise<void> | undefined;
  /** Errors of the object alone. Never throws for bad input. */
  validateCreate(kind: GroupVersionKind, object: UnstructuredObject): FieldError[];
  /** Errors of the change, immutable fields among them. `subresource` is `""` or `status`. */
  validateUpdate(
    kind: GroupVersionKind,
    object: UnstructuredObject,
    old: UnstructuredObject,
    subresource: string,
  ): FieldError[];
  /** What the last validation of the kind let pass because it was there before: it is told, also where others are refused. */
  takeForgiven?(kind: GroupVersionKind): string[];
  /** Texts for Warning headers: deprecated fields, questionable values. */
  warnings(kind: GroupVersionKind, object: UnstructuredObject, old: UnstructuredObject | undefined): string[];
  /** A new object of the other version; the same object when nothing differs but apiVersion. */
  convert(object: UnstructuredObject, to: GroupVersionKind): UnstructuredObject;
  /** Only columns of custom resources depend on the version. */
  printer(kind: GroupKind & { readonly version?: string }): TablePrinter | undefined;
  /** Field selectors beyond metadata.name and metadata.namespace: label → its value; undefined when unsupported. */
  selectableField(
    kind: GroupVersionKind,
    field: string,
  ): ((object: UnstructuredObject) => string) | undefined;
}
