import type { SharedBytes } from "../cache/frame-batch.ts";
import type { ApiRequest } from "../endpoints/api-request.ts";
import type { RequestEnd } from "./request-end.ts";

export type ResponseHeaders = Record<string, string | string[]>;

/** One request of a socket and the way to answer it, whether it speaks HTTP/1.1 or HTTP/2. */
export interface HttpExchange {
  readonly request: ApiRequest;
  /** When the answer is with the client, or the client has gone. */
  readonly end: RequestEnd;
  /** The whole answer at once. */
  respond(status: number, headers: ResponseHeaders, body: Uint8Array): void;
  /** An answer that grows. The head is sent at once. `mayHaveTrailers`: something may be said behind it. */
  begin(status: number, headers: ResponseHeaders, mayHaveTrailers?: boolean): ResponseBody;
  /** The connection ends with this answer, and the client is told so. HTTP/2 says it of all streams at once, by GOAWAY. */
  closeAfter?(): void;
}

/** The body of an answer that grows. Nothing here throws after the client has gone. */
export interface ResponseBody {
  /**
   * False when the client reads slower than we write. `taken` is called when the bytes are with the client's socket and
   * may be overwritten, or the client has gone.
   */
  write(bytes: Uint8Array, taken?: () => void): boolean;
  /** As `write`, of bytes that other clients get too. */
  writeShared(shared: SharedBytes, taken: () => void): void;
  /** Resolves when all that was written is taken, or the client has gone. */
  drained(): Promise<void>;
  /** Trailers are sent where there is a way to, and `begin` was told of them. */
  end(trailers?: Readonly<Record<string, string>>): void;
}
