import { deepEqual, isObject } from "../../src/apimachinery/json.ts";
import type { KubernetesObject } from "../../src/apimachinery/object.ts";
import { StatusError } from "../../src/apimachinery/status.ts";
import type { Transport, TransportRequest, TransportResponse } from "../../src/apimachinery/transport.ts";
import { ConnectionError } from "../../src/client/server-answer.ts";
import type { History } from "./history.ts";
import { webhookName } from "./objects.ts";

interface Written {
  readonly what: string;
  readonly object: KubernetesObject;
}

/**
 * What clients were told that is done. Each write that was acknowledged must be in the store's history, at the revision
 * and with the content that the answer had, and a read that begins after it must not answer with less.
 */
export class Ledger {
  readonly #written: Written[] = [];
  readonly #deleted: { readonly what: string; readonly uid: string }[] = [];
  readonly breaches: string[] = [];
  /** How many requests were answered, and how. */
  readonly codes = new Map<number, number>();

  /** The transport, with each answer written down. */
  over(transport: Transport): Transport {
    return {
      request: (request) => this.#request(transport, request),
      watch: (request) => transport.watch(request),
      stream: (request) => transport.stream(request),
      connect: (request) => transport.connect(request),
    };
  }

  async #request(transport: Transport, request: TransportRequest): Promise<TransportResponse> {
    const what = `${request.method} ${request.path}`;
    try {
      const response = await transport.request(request);
      this.#count(response.status);
      this.#note(what, request, response.body);
      return response;
    } catch (error) {
      if (error instanceof StatusError) {
        this.#count(error.code);
        // 507 is a disk that is full.
        if (error.code >= 500 && error.code !== 507 && !isMeant(error.message)) {
          this.breaches.push(`${what} failed with ${error.code}: ${error.message}`);
        }
      } else if (!(error instanceof ConnectionError))
        this.breaches.push(`${what} failed without an answer: ${String(error)}`);
      throw error;
    }
  }

  #count(code: number): void {
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
  }

  #note(what: string, { method, query }: TransportRequest, body: unknown): void {
    if (method === "GET" || query?.["dryRun"] !== undefined || !isObject(body)) return;
    const { kind, details } = body;
    if (kind === "Status") {
      const uid = isObject(details) ? details["uid"] : undefined;
      if (method === "DELETE" && typeof uid === "string" && uid !== "") this.#deleted.push({ what, uid });
      return;
    }
    if (method === "DELETE" || !isStored(body)) return;
    this.#written.push({ what, object: body });
  }

  /** Compares what was acknowledged since with the history, which has caught up. */
  *settle(history: History): Generator<string> {
    yield* this.breaches.splice(0);
    for (const each of this.#written.splice(0)) yield* misses(each, history);
    for (const { what, uid } of this.#deleted.splice(0)) {
      const left = history.byUid(uid);
      if (left !== undefined && left.metadata.deletionTimestamp === undefined)
        yield `${what} was acknowledged, and the object is as it was`;
    }
  }
}

/** Whether the weather has made the failure. */
const isMeant = (message: string): boolean =>
  message.includes("a fault was injected") ||
  message.includes(`failed calling webhook "${webhookName}"`) ||
  // Kubernetes, too, answers so when two budgets cover a pod.
  message.startsWith("This pod has more than one PodDisruptionBudget");

/** Scale, Eviction and the like are answers of another kind than what is stored. */
const unstored = new Set(["Scale", "Eviction", "Binding", "TokenRequest", "SelfSubjectReview"]);

const isStored = (body: object): body is KubernetesObject =>
  "kind" in body &&
  !unstored.has(String(body.kind)) &&
  "metadata" in body &&
  isObject(body.metadata) &&
  body.metadata["resourceVersion"] !== undefined &&
  body.metadata["uid"] !== undefined;

function* misses({ what, object }: Written, history: History): Generator<string> {
  const revision = Number(object.metadata.resourceVersion);
  const change = history.changeAt(revision);
  if (change === undefined) {
    const base = [...history.base.values()].find((each) => each.revision === revision);
    if (base === undefined && object.metadata.deletionTimestamp === undefined)
      yield `${what} was acknowledged at revision ${revision}, which is not in the history`;
    return;
  }
  // An update that takes the last finalizer of what is being deleted removes it: there is nothing to compare.
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  if (change.after === undefined || (deletionTimestamp !== undefined && finalizers.length === 0)) return;
  const { resourceVersion: _, ...metadata } = object.metadata;
  if (!deepEqual({ ...object, metadata }, change.after)) {
    yield `${what} was acknowledged at revision ${revision} with another content than the store's: ${firstDifference({ ...object, metadata }, change.after)}`;
  }
}

/** Where two values first differ, and how. */
export function firstDifference(a: unknown, b: unknown, path = ""): string {
  if (isObject(a) && isObject(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      if (!deepEqual(a[key], b[key])) return firstDifference(a[key], b[key], `${path}.${key}`);
    }
  }
  return `${path}: ${JSON.stringify(a)?.slice(0, 200)} and ${JSON.stringify(b)?.slice(0, 200)}`;
}
