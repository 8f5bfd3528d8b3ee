import type { ApiRequest } from "./api-request.ts";

/** Whether the client can read an answer that is compressed with gzip. */
export function acceptsGzip(request: Pick<ApiRequest, "header">): boolean {
  return /(?:^|[,\s])gzip(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/.test(request.header("accept-encoding") ?? "");
}
