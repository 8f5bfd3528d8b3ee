import type { ApiResponse, RequestState } from "./api-request.ts";
import type { ServerCore } from "./server-core.ts";

export function openapi(
  core: ServerCore,
): (state: RequestState, path: string) => Promise<ApiResponse | undefined> {
  void core;
  return async () => undefined;
}
