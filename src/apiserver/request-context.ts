import type { GroupVersionResource } from "../apimachinery/gvk.ts";
import type { AuditRecord } from "./audit/audit-record.ts";

/** Who asks (mirrors k8s.io/apiserver/pkg/authentication/user). */
export interface UserInfo {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** What a URL and a method mean (mirrors k8s.io/apiserver/pkg/endpoints/request.RequestInfo). */
export interface RequestInfo {
  readonly isResourceRequest: boolean;
  /** The URL path. */
  readonly path: string;
  /** get, list, watch, create, update, patch, delete, deletecollection; the lower-case method for other paths. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** What follows the subresource: the rest of a proxy path. */
  readonly parts: readonly string[];
  readonly namespace: string;
  readonly name: string;
}

/** What one request carries through filters, admission, strategies and stores. */
export interface RequestContext {
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly resource: GroupVersionResource;
  readonly query: URLSearchParams;
  readonly dryRun: boolean;
  /** `fieldManager`, or the part of the User-Agent before the first "/". */
  readonly fieldManager: string;
  readonly fieldValidation: "Strict" | "Warn" | "Ignore";
  /** Warning headers of the answer; each text once. */
  addWarning(text: string): void;
  /** Takes notes for the audit log; absent when the request is not audited. */
  readonly audit?: AuditRecord | undefined;
  /** Aborted when the client has gone or the request timed out. */
  readonly signal: AbortSignal;
}
