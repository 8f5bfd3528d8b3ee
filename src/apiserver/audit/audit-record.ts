import { isObject } from "../../apimachinery/json.ts";
import type { Status } from "../../apimachinery/meta-v1.ts";
import type { UserInfo } from "../request-context.ts";
import type { AuditDecision, AuditStage } from "./policy.ts";

/** The parts of an event that do not change from stage to stage. */
export interface AuditHead {
  readonly auditId: string;
  /** `"requestURI":…,"verb":…,"user":…` */
  readonly request: string;
  /** `,"sourceIPs":…,"userAgent":…` */
  readonly source: string;
  readonly objectRef: ObjectReference | undefined;
  readonly receivedMs: number;
}

/** What a request is about; empty members are left out. */
export interface ObjectReference {
  resource: string;
  namespace: string;
  name: string;
  uid: string;
  apiGroup: string;
  apiVersion: string;
  resourceVersion: string;
  subresource: string;
}

/** Which stages a request goes through: a refused one says only that it was answered. */
export type AuditCourse = "ordinary" | "longRunning" | "refused";

/**
 * What is known of one request that is audited, and its events. Those on the request's way fill it in; whoever answers it
 * calls `respond`, then `complete`. Fields and their order are those of k8s.io/apiserver/pkg/apis/audit/v1.Event.
 */
export class AuditRecord {
  readonly #head: AuditHead;
  readonly #decision: AuditDecision;
  readonly #course: AuditCourse;
  readonly #emit: (line: string) => void;
  readonly #nowMs: () => number;
  #impersonated = "";
  #status: AuditStatus | undefined;
  #requestObject = "";
  #responseObject = "";
  #annotations: Map<string, string> | undefined;
  #started = false;
  #ended = false;

  constructor(
    head: AuditHead,
    decision: AuditDecision,
    course: AuditCourse,
    { emit, nowMs }: { emit: (line: string) => void; nowMs: () => number },
  ) {
    this.#head = head;
    this.#decision = decision;
    this.#course = course;
    this.#emit = emit;
    this.#nowMs = nowMs;
    if (course !== "refused") this.#write("RequestReceived", head.receivedMs);
  }

  /** True when `respond` wants the answer's JSON. */
  get wantsResponse(): boolean {
    return this.#decision.level === "RequestResponse" && this.#head.objectRef !== undefined;
  }

  /** A note that goes with every event from here on; what is noted first stays. */
  annotate(key: string, value: string): void {
    this.#annotations ??= new Map();
    if (!this.#annotations.has(key)) this.#annotations.set(key, value);
  }

  /** `constraint` is the verb that allowed it, where that was a bounded one. */
  impersonate(user: UserInfo, constraint = ""): void {
    const by =
      constraint === ""
        ? ""
        : `,"authenticationMetadata":${JSON.stringify({ impersonationConstraint: constraint })}`;
    this.#impersonated = `,"impersonatedUser":${userText(user)}${by}`;
  }

  /** The object that the client sent, decoded and not yet admitted. The value is not kept. */
  requestObject(object: object): void {
    this.#identify(object);
    if (this.wantsRequest) this.#requestObject = JSON.stringify(this.#trimmed(object));
  }

  /** The patch that the client sent. */
  requestPatch(patch: unknown): void {
    if (this.wantsRequest) this.#requestObject = JSON.stringify(patch) ?? "null";
  }

  /** The head of the answer is about to be sent. `status` is given when the answer is one, `json` when it was wanted. */
  respond(code: number, status?: AuditStatus, json = ""): void {
    if (this.#started || this.#ended) return;
    this.#started = true;
    this.#status = { ...status, code: status?.code ?? code };
    if (json !== "") this.#responseObject = this.#decision.omitManagedFields ? this.#trimmedText(json) : json;
    if (this.#course !== "ordinary") this.#write("ResponseStarted", this.#nowMs());
  }

  /** The answer was sent, or the client has gone. */
  complete(): void {
    if (this.#ended) return;
    if (!this.#started) this.respond(200, { status: "Success", message: "Connection closed early" });
    this.#ended = true;
    if (this.#course !== "refused") this.#write("ResponseComplete", this.#nowMs());
  }

  /** Something broke that nobody expected. */
  panic(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    const message = `APIServer panic'd: ${error instanceof Error ? error.message : String(error)}`;
    this.#status = { status: "Failure", message, reason: "InternalError", code: 500 };
    this.#write("Panic", this.#nowMs());
  }

  /** True when events hold what was asked. */
  get wantsRequest(): boolean {
    return this.#decision.level === "Request" || this.#decision.level === "RequestResponse";
  }

  /** What the URL did not say of the object, its body does. */
  #identify(object: object): void {
    const { objectRef } = this.#head;
    const metadata = "metadata" in object ? object.metadata : undefined;
    if (objectRef === undefined || !isObject(metadata)) return;
    for (const field of ["namespace", "name", "uid", "resourceVersion"] as const) {
      const value = metadata[field];
      if (objectRef[field] === "" && typeof value === "string") objectRef[field] = value;
    }
  }

  #trimmed(object: object): object {
    return this.#decision.omitManagedFields ? withoutManagedFields(object) : object;
  }

  #trimmedText(json: string): string {
    const value: unknown = JSON.parse(json);
    return JSON.stringify(isObject(value) ? withoutManagedFields(value) : value);
  }

  #write(stage: AuditStage, atMs: number): void {
    if (this.#decision.omitStages.has(stage)) return;
    const { auditId, request, source, objectRef, receivedMs } = this.#head;
    this.#emit(
      `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"${this.#decision.level}",` +
        `"auditID":${JSON.stringify(auditId)},"stage":"${stage}",${request}${this.#impersonated}${source}` +
        (objectRef === undefined ? "" : `,"objectRef":${referenceText(objectRef)}`) +
        (this.#status === undefined ? "" : `,"responseStatus":${statusText(this.#status)}`) +
        (this.#requestObject === "" ? "" : `,"requestObject":${this.#requestObject}`) +
        (this.#responseObject === "" ? "" : `,"responseObject":${this.#responseObject}`) +
        `,"requestReceivedTimestamp":"${microTime(receivedMs)}","stageTimestamp":"${microTime(atMs)}"` +
        `${this.#annotationsText()}}\n`,
    );
  }

  #annotationsText(): string {
    if (this.#annotations === undefined) return "";
    const sorted = [...this.#annotations].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `,"annotations":${JSON.stringify(Object.fromEntries(sorted))}`;
  }
}

type AuditStatus = Pick<Status, "status" | "message" | "reason" | "details" | "code">;

/** Only the bounded fields are kept, in the order in which Kubernetes prints them. */
function statusText({ status, message, reason, details, code }: AuditStatus): string {
  return JSON.stringify({ metadata: {}, status, message, reason, details, code }, omitEmpty);
}

const omitEmpty = (_key: string, value: unknown): unknown => (value === "" ? undefined : value);

function referenceText(reference: ObjectReference): string {
  return JSON.stringify(reference, omitEmpty);
}

/** The JSON of a user, which most requests of a connection share. */
export function userText(user: UserInfo): string {
  let text = userTexts.get(user);
  if (text === undefined) {
    const { name, uid, groups, extra } = user;
    text = JSON.stringify({
      ...(name === "" ? {} : { username: name }),
      ...(uid === "" ? {} : { uid }),
      ...(groups.length === 0 ? {} : { groups }),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    });
    userTexts.set(user, text);
  }
  return text;
}

const userTexts = new WeakMap<UserInfo, string>();

/** The clock counts milliseconds; the format has six digits. */
const microTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, -1)}000Z`;

/** A copy of an object, a list or a table that does not say who owns which field. */
function withoutManagedFields(object: object): object {
  const copy: Record<string, unknown> = { ...object };
  const { metadata, items, rows } = copy;
  if (isObject(metadata)) {
    const { managedFields: _, ...rest } = metadata;
    copy["metadata"] = rest;
  }
  const trim = (each: unknown): unknown => (isObject(each) ? withoutManagedFields(each) : each);
  if (Array.isArray(items)) copy["items"] = items.map(trim);
  if (Array.isArray(rows))
    copy["rows"] = rows.map((row: unknown) =>
      isObject(row) && isObject(row["object"]) ? { ...row, object: trim(row["object"]) } : row,
    );
  return copy;
}
