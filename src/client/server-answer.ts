import { isObject } from "../apimachinery/json.ts";
import type { Status } from "../apimachinery/meta-v1.ts";
import { newStatusError, StatusError } from "../apimachinery/status.ts";

/** The server could not be reached, or the connection broke before it answered. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  /** `ECONNREFUSED`, `ENOTFOUND`, `CERT_HAS_EXPIRED`, … */
  readonly code: string;

  constructor(server: string, cause: unknown) {
    const message = cause instanceof Error ? cause.message : String(cause);
    super(`cannot reach ${server}: ${message}`, { cause });
    this.code = isObject(cause) && typeof cause["code"] === "string" ? cause["code"] : "";
  }
}

/** What to say for answers that carry no Status: from proxies, and from servers of something else. */
const genericAnswers: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  400: ["BadRequest", "the server rejected our request for an unknown reason"],
  401: ["Unauthorized", "the server has asked for the client to provide credentials"],
  403: ["Forbidden", "the server does not allow access to the requested resource"],
  404: ["NotFound", "the server could not find the requested resource"],
  405: ["MethodNotAllowed", "the server does not allow this method on the requested resource"],
  406: ["NotAcceptable", "the server was unable to respond with a content type that the client supports"],
  409: ["Conflict", "the server reported a conflict"],
  410: ["Gone", "the server says that the resource is gone"],
  413: ["RequestEntityTooLarge", "the request is too large for the server"],
  415: ["UnsupportedMediaType", "the server does not know the content type of the request"],
  422: ["Invalid", "the server rejected our request due to an error in our request"],
  429: ["TooManyRequests", "the server has received too many requests and has asked us to try again later"],
  503: ["ServiceUnavailable", "the server is currently unable to handle the request"],
  504: ["Timeout", "the server was unable to return a response in the time allotted"],
};

/** The error of an answer with a code of 400 or more. (The wordings follow client-go, errors.NewGenericServerResponse.) */
export function errorOfAnswer(code: number, body: string): StatusError {
  const status = parseStatus(body);
  if (status !== undefined) return new StatusError({ code, ...status });
  const text = body.trim();
  const known = genericAnswers[code];
  if (known !== undefined)
    return newStatusError(code, known[0], text === "" ? known[1] : `${known[1]}: ${text}`);
  const said = text === "" ? "unknown" : text;
  return newStatusError(
    code,
    "InternalError",
    `an error on the server (${JSON.stringify(said)}) has prevented the request from succeeding`,
  );
}

/** A Status from its JSON text; undefined for anything else. */
function parseStatus(text: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isStatus(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isStatus(value: unknown): value is Status {
  return isObject(value) && value["kind"] === "Status" && value["status"] !== undefined;
}

/** The texts of Warning headers with code 299, as RFC 7234 writes them: `299 - "text"`. */
export function warningsOf(headers: readonly string[]): string[] {
  return headers.flatMap((header) =>
    [...header.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map((match) =>
      (match[1] ?? "").replaceAll(/\\(.)/g, "$1"),
    ),
  );
}

/** Lines of a byte stream, wherever its chunks are cut; characters that a cut divides stay whole. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let pending: Uint8Array[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const line = Buffer.concat([...pending, chunk.subarray(start, end)]).toString();
      pending = [];
      start = end + 1;
      if (line.trim() !== "") yield line;
    }
    if (start < chunk.length) pending.push(chunk.subarray(start));
  }
  const rest = Buffer.concat(pending).toString();
  if (rest.trim() !== "") yield rest;
}

const newline = 0x0a;
