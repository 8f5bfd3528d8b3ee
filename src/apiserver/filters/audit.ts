import { StatusError } from "../../apimachinery/status.ts";
import type { Auditor } from "../audit/auditor.ts";
import type { Filter } from "../endpoints/api-request.ts";

/**
 * Begins the audit record of a request: it sees who asked, before impersonation. Those inside add to the record, and
 * whoever sends the answer completes it.
 */
export function audit(auditor: Auditor | undefined): Filter {
  if (auditor === undefined) return (state, next) => next(state);
  return async (state, next) => {
    const record = auditor.begin(state);
    if (record === undefined) return next(state);
    state.audit = record;
    try {
      return await next(state);
    } catch (error) {
      if (!(error instanceof StatusError)) record.panic(error);
      throw error;
    }
  };
}
