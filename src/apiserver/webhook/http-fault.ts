import { isObject } from "../../apimachinery/json.ts";
import type { BrokenAnswer } from "./http-answer.ts";

/** The limit that is told of is ours: Go's is ten times as high. */
const headersExceeded = "net/http: server response headers exceeded 1048576 bytes; aborted";
const broken = "net/http: HTTP/1.x transport connection broken: ";

/**
 * What is wrong about an answer that is no HTTP, as Go's client words it: what the other side said stands in the message, and
 * often tells what it is. Undefined for errors of another kind.
 */
export function describeHttpFault(error: unknown): string | undefined {
  if (!isObject(error) || typeof error["code"] !== "string" || !error["code"].startsWith("HPE_"))
    return undefined;
  if (error["code"] === "HPE_HEADER_OVERFLOW") return broken + headersExceeded;
  const packet = error["rawPacket"];
  const [first = "", ...lines] = Buffer.isBuffer(packet) ? headLines(packet) : [];
  return (
    broken +
    (statusLineFault(first) ?? headerFault(lines) ?? `malformed HTTP response ${JSON.stringify(first)}`)
  );
}

/** The lines before the body; a long head is looked at as far as a message can show it. */
function headLines(packet: Buffer): string[] {
  const head = packet.subarray(0, 4096).toString("latin1").split("\r\n\r\n")[0] ?? "";
  return head.split("\r\n");
}

function statusLineFault(line: string): string | undefined {
  const space = line.indexOf(" ");
  if (space < 0) return `malformed HTTP response ${JSON.stringify(line)}`;
  const [code = ""] = line
    .slice(space + 1)
    .trimStart()
    .split(" ");
  if (!/^\d{3}$/.test(code)) return `malformed HTTP status code ${JSON.stringify(code)}`;
  const protocol = line.slice(0, space);
  return /^HTTP\/1\.[01]$/.test(protocol) ? undefined : `malformed HTTP version ${JSON.stringify(protocol)}`;
}

function headerFault(lines: readonly string[]): string | undefined {
  const nameless = lines.find((line) => !line.includes(":"));
  if (nameless !== undefined) return `malformed MIME header: missing colon: ${JSON.stringify(nameless)}`;
  const odd = lines.find((line) => !/^[!#$%&'*+\-.^_`|~\w]+:/.test(line));
  if (odd !== undefined) return `malformed MIME header line: ${odd}`;
  const lengths = lines
    .filter((line) => /^content-length:/i.test(line))
    .map((line) => JSON.stringify(line.slice(line.indexOf(":") + 1).trim()));
  if (lengths.length > 1)
    return `http: message cannot contain multiple Content-Length headers; got [${lengths.join(" ")}]`;
  const [length = '"0"'] = lengths;
  return /^"\d+"$/.test(length) ? undefined : `bad Content-Length ${length}`;
}

/** What is said of an answer that did not end: by the error, or by what kept it. */
export function describeBrokenAnswer(what: BrokenAnswer | string): string {
  if (typeof what !== "string" && what.message !== "") return what.message;
  const why = typeof what === "string" ? what : causeOf(what.cause);
  return `unexpected error when reading response body. Please retry. Original error: ${why}`;
}

function causeOf(cause: unknown): string {
  const code = isObject(cause) ? cause["code"] : undefined;
  if (code === "HPE_INVALID_CHUNK_SIZE") return "invalid byte in chunk length";
  if (code === "Z_DATA_ERROR") return "gzip: invalid header";
  if (code === "ECONNRESET" || code === "ERR_STREAM_PREMATURE_CLOSE" || code === "Z_BUF_ERROR")
    return "unexpected EOF";
  return cause instanceof Error ? cause.message : String(cause);
}
