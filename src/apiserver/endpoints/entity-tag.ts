import { createHash } from "node:crypto";
import type { BytesResponse, RequestState } from "./api-request.ts";

export function etagOf(bytes: Uint8Array): { etag: string } {
  return { etag: `"${createHash("sha512").update(bytes).digest("hex").toUpperCase()}"` };
}

/** 304 when the client has the document already. */
export function unlessKnown(state: RequestState, response: BytesResponse): BytesResponse {
  const { etag } = response.headers ?? {};
  const known = state.request.header("if-none-match");
  if (etag === undefined || known === undefined || !known.includes(etag)) return response;
  return { ...response, status: 304, bytes: new Uint8Array() };
}
