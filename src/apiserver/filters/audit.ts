import type { ApiResponse, Filter, RequestState } from "../endpoints/api-request.ts";

/** Where an audit log hooks in. It sees who asked for what, before impersonation, and what came of it. */
export interface AuditSink {
  received(state: RequestState): void;
  /** Exactly one of `response` and `error` is present. */
  completed(state: RequestState, response: ApiResponse | undefined, error: unknown): void;
}

export function audit(sink: AuditSink | undefined): Filter {
  if (sink === undefined) return (state, next) => next(state);
  return async (state, next) => {
    sink.received(state);
    try {
      const response = await next(state);
      sink.completed(state, response, undefined);
      return response;
    } catch (error) {
      sink.completed(state, undefined, error);
      throw error;
    }
  };
}
