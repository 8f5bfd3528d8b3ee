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
  /** Served groups in the order of discovery; the first version of a group is the preferred one. */
  groupVersions(): readonly GroupVersion[];
  resources(groupVersion?: GroupVersion): readonly ResourceInfo[];
  resource(reference: GroupVersionResource): ResourceInfo | undefined;
  resourceForKind(kind: GroupVersionKind): ResourceInfo | undefined;

  /** Fills in defaults, in place; the object is decoded already (see apimachinery/decode.ts) and owned by the caller. */
  applyDefaults(kind: GroupVersionKind, object: UnstructuredObject): void;
  /** Errors of the object alone. Never throws for bad input. */
  validateCreate(kind: GroupVersionKind, object: UnstructuredObject): FieldError[];
  /** Errors of the change, immutable fields among them. `subresource` is `""` or `status`. */
  validateUpdate(
    kind: GroupVersionKind,
    object: UnstructuredObject,
    old: UnstructuredObject,
    subresource: string,
  ): FieldError[];
  /** Texts for Warning headers: deprecated fields, questionable values. */
  warnings(kind: GroupVersionKind, object: UnstructuredObject, old: UnstructuredObject | undefined): string[];
  /** A new object of the other version; the same object when nothing differs but apiVersion. */
  convert(object: UnstructuredObject, to: GroupVersionKind): UnstructuredObject;
  printer(kind: GroupKind): TablePrinter | undefined;
  /** Field selectors beyond metadata.name and metadata.namespace: label → its value; undefined when unsupported. */
  selectableField(
    kind: GroupVersionKind,
    field: string,
  ): ((object: UnstructuredObject) => string) | undefined;
}
