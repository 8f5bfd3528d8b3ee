import type { IncomingHttpHeaders } from "node:http2";
import { hasBrokenEscape, isHost } from "./http1-fault.ts";

/** The head of a request that has nothing unusual about it. */
export interface PlainHead {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly fields: PlainFields;
  /** Where the body begins. */
  readonly bodyAt: number;
}

/** The header fields of a request. */
export interface PlainFields {
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly bodyLength: number;
}

const headEnd = Buffer.from("\r\n\r\n");
/** Any method, for Node's parser takes only those it knows. HEAD has answers, and CONNECT connections, of their own kind. */
const requestLine = /^(?!HEAD |CONNECT )([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/;
const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const fieldValue = /^[\t\x20-\x7e]*$/;
const lengthValue = /^\d{1,9}$/;

/** What is asked for by these is Node's to judge, and so is a field that would be no field of an object. */
const unusual = new Set([
  "transfer-encoding",
  "upgrade",
  "expect",
  "trailer",
  "te",
  "proxy-connection",
  "keep-alive",
  "set-cookie",
  "__proto__",
]);

/**
 * Reads a request that came in one piece, head and body; undefined when there is anything about it that calls for a whole
 * HTTP parser: a part is missing, more follows, it is malformed, or it asks for what is not plain. It reads too little
 * rather than too much: whatever is not recognised goes to Node, which answers as it always did. `last` are the fields
 * of the request before, which a client mostly sends again.
 */
export function parsePlainHead(bytes: Buffer, last: PlainFields | undefined): PlainHead | undefined {
  const end = bytes.indexOf(headEnd);
  if (end < 0) return undefined;
  const text = bytes.toString("latin1", 0, end);
  const lineEnd = text.indexOf("\r\n");
  if (lineEnd < 0) return undefined;
  const [, method, url] = requestLine.exec(text.slice(0, lineEnd)) ?? [];
  if (method === undefined || url === undefined || hasBrokenEscape(url)) return undefined;
  const rest = text.slice(lineEnd + 2);
  const fields = rest === last?.text ? last : parseFields(rest);
  const bodyAt = end + headEnd.length;
  if (fields === undefined || bytes.length !== bodyAt + fields.bodyLength) return undefined;
  return { method, url, fields, bodyAt };
}

function parseFields(text: string): PlainFields | undefined {
  const headers: IncomingHttpHeaders = {};
  const rawHeaders: string[] = [];
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    const value = trimmed(line.slice(colon + 1));
    const lower = name.toLowerCase();
    if (!fieldName.test(name) || !fieldValue.test(value)) return undefined;
    // How fields of one name are joined depends on the name.
    if (unusual.has(lower) || Object.hasOwn(headers, lower)) return undefined;
    headers[lower] = value;
    rawHeaders.push(name, value);
  }
  const { host, connection = "keep-alive", "content-length": length = "0" } = headers;
  if (
    host === undefined ||
    !isHost(host) ||
    connection.toLowerCase() !== "keep-alive" ||
    !lengthValue.test(length)
  )
    return undefined;
  return { text, headers, rawHeaders, bodyLength: Number(length) };
}

/** Without the spaces and tabs around it. */
function trimmed(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start++;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;
