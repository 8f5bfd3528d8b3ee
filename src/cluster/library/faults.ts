import type { Clock } from "../../apimachinery/clock.ts";
import { formatGroupResource } from "../../apimachinery/gvk.ts";
import type { Random } from "../../apimachinery/random.ts";
import {
  newConflict,
  newNotFound,
  newStatusError,
  type StatusError,
  staleObject,
} from "../../apimachinery/status.ts";
import type { WatchNotice } from "../../apiserver/cache/cache-event.ts";
import type { WatchSink } from "../../apiserver/cache/watcher.ts";
import type {
  ApiResponse,
  Filter,
  RequestState,
  WatchResponse,
} from "../../apiserver/endpoints/api-request.ts";
import { durationMs } from "./duration.ts";
import type { Duration } from "./options.ts";

/** Which requests fail, and how. Fields that are absent match everything; `*` in a text stands for any characters. */
export interface FaultRule {
  /** get, list, watch, create, update, patch, delete, deletecollection. */
  readonly verb?: string | readonly string[];
  /** `pods`, `deployments.apps`, `pods/status`. Without a subresource, requests for the object itself alone. */
  readonly resource?: string | readonly string[];
  readonly namespace?: string;
  readonly name?: string;
  /** Who asks: `system:node:node-1`, `system:serviceaccount:kube-system:*`. */
  readonly user?: string;

  /** So many matching requests pass before. Default 0. */
  readonly after?: number;
  /** So many fail. Default: all, until the fault is removed. */
  readonly times?: number;
  /** How likely each of them fails, from 0 to 1, drawn from the cluster's seed. Default 1. */
  readonly probability?: number;

  /** The reason of the refusal (`Conflict`, `TooManyRequests`, …) or its code. Without it the request is only late. */
  readonly error?: FaultReason | number;
  /** In place of what Kubernetes says. */
  readonly message?: string;
  /** The request takes effect, and only its answer is replaced by the error: as when a connection breaks. */
  readonly afterEffect?: boolean;
  /** Lets the request wait, in the cluster's time. Of a watch, each event comes so late. */
  readonly delay?: Duration;
}

export type FaultReason = keyof typeof reasons;

const reasons = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  Gone: 410,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServerTimeout: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

/** A fault that was added. */
export interface Fault {
  readonly rule: FaultRule;
  /** How many requests it has hit. */
  readonly hits: number;
  remove(): void;
}

interface ActiveFault extends Fault {
  hits: number;
  seen: number;
  readonly delayMs: number;
}

interface OpenWatch {
  readonly state: RequestState;
  readonly sink: WatchSink;
}

/**
 * What goes wrong on demand. Faults act inside the API server, so they hit controllers, the scheduler, nodes and clients
 * over HTTPS alike; a request that matches several is delayed by each and refused by the first with an error.
 *
 *   const fault = cluster.faults.add({ verb: "update", resource: "pods", times: 3, error: "Conflict" });
 *   …
 *   expect(fault.hits).toBe(3);
 */
export class Faults {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #active = new Set<ActiveFault>();
  readonly #watches = new Set<OpenWatch>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Throws TypeError for a rule that says nothing, or what is not known. */
  add(rule: FaultRule): Fault {
    const { error, delay } = rule;
    if (error === undefined && delay === undefined) {
      throw new TypeError("the fault does nothing: give it an `error`, a `delay` or both");
    }
    if (typeof error === "string" && !(error in reasons)) {
      throw new TypeError(
        `${JSON.stringify(error)} is no reason: ${Object.keys(reasons).join(", ")}, or a code`,
      );
    }
    if (typeof error === "number" && !(Number.isInteger(error) && error >= 400 && error <= 599)) {
      throw new TypeError(`${error} is no code of a refusal: 400 to 599`);
    }
    const delayMs = delay === undefined ? 0 : durationMs(delay);
    const fault: ActiveFault = {
      rule,
      hits: 0,
      seen: 0,
      delayMs,
      remove: () => void this.#active.delete(fault),
    };
    this.#active.add(fault);
    return fault;
  }

  /** Takes all faults away. */
  clear(): void {
    this.#active.clear();
  }

  /**
   * Ends the watches that match, as a server does that restarts; `expired` ends them with 410, so that their clients list
   * anew. Answers how many there were.
   */
  dropWatches(
    match: Pick<FaultRule, "resource" | "namespace" | "user"> = {},
    { expired = false } = {},
  ): number {
    const hit = [...this.#watches].filter(({ state }) => matches({ ...match, verb: "watch" }, state));
    for (const { sink } of hit) {
      sink.end(
        expired
          ? newStatusError(410, "Expired", "too old resource version: a fault was injected")
          : undefined,
      );
    }
    return hit.length;
  }

  /** The step of the API server that makes the faults. */
  readonly filter: Filter = async (state, next) => {
    const hit = this.#active.size === 0 ? [] : [...this.#active].filter((fault) => this.#hits(fault, state));
    const late = hit.reduce((sum, { delayMs }) => sum + delayMs, 0);
    const isWatch = state.info.verb === "watch";
    if (late > 0 && !isWatch) await this.#clock.sleep(late, state.signal);
    const failing = hit.find(({ rule }) => rule.error !== undefined)?.rule;
    if (failing !== undefined && failing.afterEffect !== true) throw errorOf(failing, state);
    const response = await next(state);
    if (failing !== undefined) throw errorOf(failing, state);
    return isWatch ? this.#followed(response, state, late) : response;
  };

  #hits(fault: ActiveFault, state: RequestState): boolean {
    const { after = 0, times = Infinity, probability = 1 } = fault.rule;
    if (fault.hits >= times || !matches(fault.rule, state)) return false;
    if (fault.seen++ < after) return false;
    if (probability < 1 && this.#random.next() >= probability) return false;
    fault.hits++;
    return true;
  }

  #followed(response: ApiResponse, state: RequestState, lateMs: number): ApiResponse {
    if (response.type !== "watch") return response;
    const watches = this.#watches;
    const open: WatchResponse["open"] = async (given, signal) => {
      const sink = lateMs > 0 ? new LateSink(given, this.#clock, lateMs) : given;
      const watch = { state, sink };
      watches.add(watch);
      const stop = await response.open(sink, signal);
      return () => {
        watches.delete(watch);
        stop();
      };
    };
    return { ...response, open };
  }
}

/** Hands on what it is given, in order and some time later. */
class LateSink implements WatchSink {
  readonly #sink: WatchSink;
  readonly #clock: Clock;
  readonly #lateMs: number;
  #isOver = false;

  constructor(sink: WatchSink, clock: Clock, lateMs: number) {
    this.#sink = sink;
    this.#clock = clock;
    this.#lateMs = lateMs;
  }

  notice(notice: WatchNotice): void {
    this.#later(() => this.#sink.notice(notice));
  }

  flush(): void {
    this.#later(() => this.#sink.flush());
  }

  bookmark(revision: number, initialEventsEnd: boolean): void {
    this.#later(() => this.#sink.bookmark(revision, initialEventsEnd));
  }

  /** The end is not late: a connection that breaks takes with it what was on its way. */
  end(error?: unknown): void {
    this.#isOver = true;
    this.#sink.end(error);
  }

  #later(act: () => void): void {
    this.#clock.after(this.#lateMs, () => {
      if (!this.#isOver) act();
    });
  }
}

type Match = Pick<FaultRule, "verb" | "resource" | "namespace" | "name" | "user">;

function matches(
  { verb, resource, namespace, name, user }: Match,
  { info, user: asking }: RequestState,
): boolean {
  if (!info.isResourceRequest) return false;
  const { group, subresource } = info;
  const asked = formatGroupResource({ group, resource: info.resource });
  const path = subresource === "" ? asked : `${asked}/${subresource}`;
  return (
    isOneOf(verb, info.verb) &&
    isOneOf(resource, path) &&
    isOneOf(namespace, info.namespace) &&
    isOneOf(name, info.name) &&
    isOneOf(user, asking.name)
  );
}

function isOneOf(patterns: string | readonly string[] | undefined, text: string): boolean {
  if (patterns === undefined) return true;
  const list = typeof patterns === "string" ? [patterns] : patterns;
  return list.some((pattern) => pattern === text || (pattern.includes("*") && wildcard(pattern).test(text)));
}

const wildcard = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .split("*")
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*")}$`,
  );

function errorOf({ error = 500, message }: FaultRule, { info }: RequestState): StatusError {
  const { group, resource, name } = info;
  if (message === undefined && error === "Conflict")
    return newConflict({ group, resource }, name, staleObject);
  if (message === undefined && error === "NotFound") return newNotFound({ group, resource }, name);
  const code = typeof error === "number" ? error : reasons[error];
  const reason = typeof error === "string" ? error : reasonOf(code);
  const text = message ?? `${info.verb} ${formatGroupResource({ group, resource })}: a fault was injected`;
  const details = code === 429 ? { details: { retryAfterSeconds: 1 } } : {};
  return newStatusError(code, reason, text, details);
}

/** The first reason with the code; a code that has none gets none. */
const reasonOf = (code: number): string =>
  Object.entries(reasons).find(([, known]) => known === code)?.[0] ?? "";
