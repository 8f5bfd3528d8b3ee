import type { Logger } from "../../apimachinery/logger.ts";
import { newInternalError, StatusError } from "../../apimachinery/status.ts";
import type { Filter } from "../endpoints/api-request.ts";

/** The one outermost handler: what nobody expected becomes 500 InternalError, is logged, and the server goes on. */
export function panic(logger: Logger): Filter {
  return async (state, next) => {
    try {
      return await next(state);
    } catch (error) {
      if (error instanceof StatusError) throw error;
      const { method, path } = state.request;
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      logger.error("request failed unexpectedly", { method, path, error: text });
      throw newInternalError(error);
    }
  };
}
