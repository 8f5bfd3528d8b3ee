import { gunzipSync } from "node:zlib";
import { loadProtobufTables } from "../../src/api/protobuf-tables.ts";
import { decodeEnvelope, decodeProtobuf } from "../../src/apimachinery/protobuf.ts";
import { parseYaml } from "../../src/apimachinery/yaml.ts";
import type { Answer, Outcome } from "./client/answer.ts";
import type { FuzzCase, FuzzRequest } from "./generate/fuzz-request.ts";

/** Answers from 500 on that Kubernetes gives too; each says when. */
const allowed: readonly {
  readonly status: number;
  readonly target: RegExp;
  readonly message: RegExp;
}[] = [
  // A read at a revision that has not been written within three seconds; a token may name one too.
  {
    status: 504,
    target: /(?:resourceVersion|continue)=/,
    message: /^Timeout: Too large resource version: \d+, current: \d+$/,
  },
  // The time that the client allows itself, or the limit of a request, is over before it is done.
  { status: 504, target: /timeout=/, message: /^Timeout: request did not complete within/ },
  // Nothing listens behind a pod or a Service.
  { status: 503, target: /\/proxy/, message: /^error trying to reach service: / },
  { status: 503, target: /./, message: /^no endpoints available for service / },
  // The node of the pod, or the node itself, is not there.
  { status: 503, target: /\/(?:proxy|log|exec|attach|portforward)/, message: /^node .* is not connected$/ },
  // A webhook that must be asked cannot be.
  {
    status: 500,
    target: /./,
    message: /^Internal error occurred: failed calling webhook "fz\.example\.com": /,
  },
  // Plain errors of the API server, which have no reason and so no code of their own there.
  { status: 500, target: /./, message: /^failed to create typed patch object \(/ },
  { status: 500, target: /./, message: /^failed to decode managed fields: / },
  { status: 500, target: /./, message: /^resourceVersion should not be set on objects to be created$/ },
  { status: 500, target: /./, message: /^strconv\.ParseUint: parsing "/ },
  // Of a get or a watch; a list says 400.
  { status: 500, target: /[?&]resourceVersion=/, message: /^resourceVersion: Invalid value: "/ },
  { status: 500, target: /./, message: /^expected a .*, but received a / },
  { status: 500, target: /./, message: /^expected a .* in a merging list$/ },
  { status: 500, target: /./, message: /^The order in patch list:\n/ },
  { status: 500, target: /./, message: /^list element types are not identical: / },
  { status: 500, target: /./, message: /^cannot merge lists without merge key for type / },
  { status: 500, target: /./, message: /does not contain declared merge key: / },
  { status: 500, target: /./, message: /^unknown patch type: .* in map: / },
];

/** Paths whose failures are told in plain text. */
const textual = /^\/+(?:healthz|livez|readyz|metrics|debug|openapi|logs)\b/;
/** The server refuses these before it knows that it is asked for a resource. */
const protocolErrors = new Set([400, 408, 413, 414, 417, 431, 501, 505]);
const tables = await loadProtobufTables();

/** What is wrong with how the case ended; undefined when nothing is. */
export function judge(fuzz: FuzzCase, outcome: Outcome): string | undefined {
  if (outcome.isSilent) return "no answer came";
  const isFree = fuzz.type === "conversation" || fuzz.isMalformed;
  for (const answer of outcome.answers) {
    const why = judgeAnswer(fuzz, answer);
    if (why !== undefined) return `${answer.status}: ${why}: ${excerpt(answer)}`;
  }
  if (fuzz.type === "conversation") return undefined;
  const isExcused = isFree || fuzz.cutAt !== undefined || fuzz.leaveAfterMs !== undefined;
  if (outcome.answers.length === 0 && !isExcused) return `no answer: ${outcome.broken ?? "nothing came"}`;
  if (!isExcused && outcome.answers.some(({ isComplete }) => !isComplete)) {
    return `the answer is not complete: ${outcome.broken ?? ""}`;
  }
  return undefined;
}

const excerpt = ({ body }: Answer): string => JSON.stringify(body.subarray(0, 600).toString());

function judgeAnswer(fuzz: FuzzCase, answer: Answer): string | undefined {
  const { status, body, isComplete } = answer;
  if (status < 400) return status < 200 && status !== 101 ? "no final status" : undefined;
  if (protocolErrors.has(status) && isOfProtocol(fuzz, answer)) return undefined;
  const target = fuzz.type === "request" ? decoded(fuzz.target) : "/proxy resourceVersion= timeout=";
  // Who leaves early, or asks for the head alone, is told no message.
  const isHead = !isComplete || (fuzz.type === "request" ? fuzz.method === "HEAD" : body.length === 0);
  if (isHead && status < 500) return undefined;
  const found = statusOf(answer);
  if (status >= 500) {
    if (isHead && allowed.some((each) => each.status === status && each.target.test(target)))
      return undefined;
    const message = found?.message ?? "";
    const isKnown = allowed.some(
      (each) => each.status === status && each.target.test(target) && each.message.test(message),
    );
    if (!isKnown) return "failure of the server";
  }
  return found === undefined ? judgeText(fuzz, answer) : judgeStatus(found, status);
}

/** The target as it is understood, as far as it can be. */
function decoded(target: string): string {
  try {
    return decodeURIComponent(target);
  } catch {
    return target;
  }
}

/** Told before it is known what is asked, in words of Go's server or in none. */
function isOfProtocol(fuzz: FuzzCase, { status, body }: Answer): boolean {
  const isText =
    body.length === 0 || new RegExp(`^(?:${status} |Unsupported transfer)`).test(body.toString());
  return (
    isText &&
    (fuzz.type === "conversation" || fuzz.isMalformed || /^[^?]*%(?![0-9A-Fa-f]{2})/.test(fuzz.target))
  );
}

interface FoundStatus {
  readonly kind?: unknown;
  readonly apiVersion?: unknown;
  readonly status?: unknown;
  readonly code?: unknown;
  readonly message?: string;
  readonly metadata?: unknown;
}

function judgeStatus(found: FoundStatus, code: number): string | undefined {
  if (found === null || found.kind !== "Status" || found.apiVersion !== "v1") return "not a Status";
  if (found.status !== "Failure") return "a Status that is no failure";
  if (found.code !== code) return `the Status says ${String(found.code)}`;
  if (typeof found.message !== "string") return "a Status without message";
  return undefined;
}

function judgeText(fuzz: FuzzCase, { status, headers, body }: Answer): string | undefined {
  const isText = headers["content-type"]?.startsWith("text/plain") === true;
  // Handshakes of WebSockets are refused by the library that speaks them.
  if (fuzz.type === "conversation" && headers["content-type"]?.startsWith("text/") === true) return undefined;
  if (!isText) return `neither a Status nor text, but ${headers["content-type"]}`;
  if (status === 404 && body.toString() === "404 page not found\n") return undefined;
  if (fuzz.type === "request" && (textual.test(fuzz.target) || mayBePlain(fuzz))) return undefined;
  return fuzz.type === "conversation" ? undefined : "text instead of a Status";
}

/** What lies behind a proxy answers in its own way. */
const mayBePlain = ({ target }: FuzzRequest): boolean => /\/proxy(?:[/?]|$)/.test(target);

/** The body read as its type says; undefined when it is none of ours. */
function statusOf({ headers, body }: Answer): FoundStatus | undefined {
  const bytes = headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
  const type = headers["content-type"]?.split(";")[0];
  try {
    if (type === "application/json") return JSON.parse(bytes.toString()) as FoundStatus;
    if (type === "application/yaml") return parseYaml(bytes.toString()) as FoundStatus;
    if (type !== "application/vnd.kubernetes.protobuf") return undefined;
    const { apiVersion, kind, raw } = decodeEnvelope(bytes);
    return {
      apiVersion,
      kind,
      ...decodeProtobuf("k8s.io.apimachinery.pkg.apis.meta.v1.Status", raw, tables),
    };
  } catch (error) {
    return { kind: `unreadable: ${String(error)}` };
  }
}
