import type { FieldError } from "../../apimachinery/field-error.ts";
import { invalid, notSupported, tooLong } from "../../apimachinery/field-error.ts";
import type { GroupVersionResource } from "../../apimachinery/gvk.ts";
import type { AuditRecord } from "../audit/audit-record.ts";
import { newInvalidOptions } from "../registry/errors.ts";
import type { RequestContext, RequestInfo, UserInfo } from "../request-context.ts";
import type { RequestState } from "./api-request.ts";

const maxManagerLength = 128;

/** The context of one request, read off its query. */
class StateContext implements RequestContext {
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly resource: GroupVersionResource;
  readonly query: URLSearchParams;
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: "Strict" | "Warn" | "Ignore";
  readonly #state: RequestState;

  constructor(
    state: RequestState,
    options: { dryRun: boolean; fieldManager: string; fieldValidation: string },
  ) {
    const { group, version, resource } = state.info;
    this.info = state.info;
    this.user = state.user;
    this.resource = { group, version, resource };
    this.query = state.request.query;
    this.dryRun = options.dryRun;
    this.fieldManager = options.fieldManager;
    const { fieldValidation } = options;
    this.fieldValidation =
      fieldValidation === "Strict" || fieldValidation === "Ignore" ? fieldValidation : "Warn";
    this.#state = state;
  }

  get signal(): AbortSignal {
    return this.#state.signal;
  }

  get audit(): AuditRecord | undefined {
    return this.#state.audit;
  }

  addWarning(text: string): void {
    const { warnings } = this.#state;
    if (!warnings.includes(text)) warnings.push(text);
  }
}

/** Throws 422 for options that are unknown; `kind` names them: `CreateOptions`. */
export function newRequestContext(state: RequestState, kind = "GetOptions"): RequestContext {
  const { query } = state.request;
  if (query.size === 0) return new StateContext(state, withoutOptions(state));
  const dryRun = query.getAll("dryRun").filter((value) => value !== "");
  const fieldManager = query.get("fieldManager") ?? "";
  const fieldValidation = query.get("fieldValidation") ?? "";
  const errors: FieldError[] = [];
  if (kind !== "DeleteOptions" && dryRun.some((value) => value !== "All")) {
    errors.push(notSupported("dryRun", dryRun, ["All"]));
  }
  if (Buffer.byteLength(fieldManager) > maxManagerLength)
    errors.push(tooLong("fieldManager", maxManagerLength));
  const odd = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(fieldManager);
  if (odd !== null) {
    const code = (odd[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    errors.push(
      invalid("fieldManager", fieldManager, `invalid character U+${code} (at position ${odd.index})`),
    );
  }
  if (!["", "Strict", "Warn", "Ignore"].includes(fieldValidation)) {
    errors.push(notSupported("fieldValidation", fieldValidation, ["", "Ignore", "Strict", "Warn"]));
  }
  if (errors.length > 0) throw newInvalidOptions(kind, errors);
  return new StateContext(state, {
    dryRun: dryRun.length > 0,
    fieldManager: fieldManager === "" ? managerOf(state.request.header("user-agent") ?? "") : fieldManager,
    fieldValidation,
  });
}

const withoutOptions = (state: RequestState) => ({
  dryRun: false,
  fieldManager: managerOf(state.request.header("user-agent") ?? ""),
  fieldValidation: "",
});

/** As the context, but a dry run: options in a body may ask for one as well. */
export function asDryRun(context: RequestContext): RequestContext {
  if (context.dryRun) return context;
  const { info, user, resource, query, fieldManager, fieldValidation, signal, audit } = context;
  const addWarning = (text: string): void => context.addWarning(text);
  return {
    info,
    user,
    resource,
    query,
    dryRun: true,
    fieldManager,
    fieldValidation,
    signal,
    addWarning,
    audit,
  };
}

/** "kubectl/v1.33.0 (linux/amd64)" → "kubectl". */
function managerOf(userAgent: string): string {
  const slash = userAgent.indexOf("/");
  const name = slash < 0 ? userAgent : userAgent.slice(0, slash);
  const printable = name.replace(/[^\x20-\x7e]/g, "");
  return printable === "" ? "unknown" : printable.slice(0, maxManagerLength);
}
