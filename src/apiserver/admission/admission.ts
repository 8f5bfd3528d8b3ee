import type { GroupVersionKind, GroupVersionResource } from "../../apimachinery/gvk.ts";
import type { Metric } from "../../apimachinery/metrics.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { UserInfo } from "../request-context.ts";

/**
 * An admission plugin: `admission/<name>.ts`, listed in `admission/chain.ts`, where the order is visible. Mutating
 * plugins run before strategy and validation, validating ones after. A refusal is a StatusError, most often
 * `newForbidden(resource, name, why)`.
 */
export interface AdmissionPlugin {
  /** As Kubernetes names it: `NamespaceLifecycle`, `ServiceAccount`, `LimitRanger`. */
  readonly name: string;
  /** Whether the plugin looks at this operation at all; checked before `admit` and `validate`. */
  handles(attributes: AdmissionAttributes): boolean;
  /** May change `attributes.object`, which the plugin's caller owns. `isRepeat`: see `wantsRepeat`. */
  admit?(attributes: AdmissionAttributes, isRepeat: boolean): Promise<void> | void;
  /** Asked when all have admitted a request: whether they are to do so once more, as somebody changed the object late. */
  wantsRepeat?(attributes: AdmissionAttributes): boolean;
  /** Must not change anything. */
  validate?(attributes: AdmissionAttributes): Promise<void> | void;
  /** Asked when all have had their say and nothing is waited for any more: whether what `admit` found still holds. */
  confirm?(attributes: AdmissionAttributes): void;
}

export interface AdmissionAttributes {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly kind: GroupVersionKind;
  readonly resource: GroupVersionResource;
  readonly subresource: string;
  readonly namespace: string;
  /** Empty for create with generateName. */
  readonly name: string;
  /** Absent for DELETE. For subresources other than status: the body (Binding, Eviction, Scale). */
  readonly object: UnstructuredObject | undefined;
  /** Absent for CREATE and CONNECT. Frozen. */
  readonly oldObject: UnstructuredObject | undefined;
  /** The CreateOptions, UpdateOptions, PatchOptions or DeleteOptions of the request. */
  readonly options: UnstructuredObject | undefined;
  readonly dryRun: boolean;
  readonly user: UserInfo;
  addWarning(text: string): void;
  /** Takes notes for the audit log, keys qualified by who notes; absent when the request is not audited. */
  readonly audit?: AuditNotes | undefined;
  /** Aborted when the client has gone or the request has taken too long; absent for requests of the server itself. */
  readonly signal?: AbortSignal | undefined;
}

export interface AuditNotes {
  annotate(key: string, value: string): void;
  /** False where the log does not hold what was asked: notes must not quote it then. */
  readonly wantsRequest: boolean;
}

/** What plugins are made with. */
export interface AdmissionDependencies {
  readonly reader: ObjectReader;
  readonly nowMs: () => number;
  /** Takes what plugins measure; without it they measure for nobody. */
  readonly register?: (metric: Metric) => void;
}
