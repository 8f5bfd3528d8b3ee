import { formatGroupResource } from "../../../apimachinery/gvk.ts";
import {
  newConflict,
  newNotFound,
  newStatusError,
  type StatusError,
  staleObject,
} from "../../../apimachinery/status.ts";
import type { RequestState } from "../../../apiserver/endpoints/api-request.ts";
import { durationMs, formatDuration } from "../duration.ts";
import { checkNames, meant } from "../known-names.ts";
import type { Duration } from "../options.ts";
import { checkResource } from "./check-resource.ts";

/** Which requests fail, and how. Fields that are absent match everything; `*` in a text stands for any characters. */
export interface FaultRule {
  /** get, list, watch, create, update, patch, delete, deletecollection. */
  readonly verb?: string | readonly string[];
  /** `pods`, `deployments.apps`, `pods/status`. Without a subresource, requests for the object itself alone. */
  readonly resource?: string | readonly string[];
  readonly namespace?: string;
  readonly name?: string;
  /** Who asks: `system:node:node-1`, `system:serviceaccount:kube-system:*`. */
  readonly user?: string | readonly string[];
  /** Who asks without being hit: `kubernetes-admin` is who `cluster.client` acts as. */
  readonly exceptUser?: string | readonly string[];

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
  /**
   * Reads that Kubernetes does not promise to be new (`resourceVersion: "0"`, and watches) show the state of so long ago,
   * from the moment on at which the fault is added; `Infinity` is a cache that has stopped. So an informer lags that is
   * begun anew, and one that runs. A consistent read stays consistent.
   */
  readonly stale?: Duration;
  /** With `stale`: reads that Kubernetes keeps consistent are old too. No server may do that. */
  readonly inconsistent?: boolean;
  /** A list comes in pages of so many objects, though no limit was asked, or a greater one. */
  readonly pageSize?: number;
  /** A list that goes on from a page before it is refused with 410, as when that state was compacted away meanwhile. */
  readonly expireContinue?: boolean;
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

type Match = Pick<FaultRule, "verb" | "resource" | "namespace" | "name" | "user" | "exceptUser">;

/** Whether each is one more thing that a rule may say. */
const names: Record<keyof FaultRule, true> = {
  verb: true,
  resource: true,
  namespace: true,
  name: true,
  user: true,
  exceptUser: true,
  after: true,
  times: true,
  probability: true,
  error: true,
  message: true,
  afterEffect: true,
  stale: true,
  inconsistent: true,
  pageSize: true,
  expireContinue: true,
  delay: true,
};
const ruleNames = Object.keys(names);

/** Without one of them a rule does nothing. */
const effects = ["error", "delay", "stale", "pageSize", "expireContinue"] as const;

const verbs = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

/** Throws TypeError for a verb that there is not, with the one that was probably meant. */
function checkVerbs(given: FaultRule["verb"] = []): void {
  const patterns = typeof given === "string" ? [given] : given;
  const unknown = patterns.find((pattern) => !verbs.some((verb) => isOneOf(pattern, verb)));
  if (unknown === undefined) return;
  throw new TypeError(
    `verb: ${JSON.stringify(unknown)} is none; there are ${verbs.join(", ")}.${meant(unknown, verbs)}`,
  );
}

/** Throws TypeError for numbers that say how often something fails, and mean nothing. */
export function checkCounts({
  after,
  afterWrites,
  times,
  probability,
}: Pick<FaultRule, "after" | "times" | "probability"> & { readonly afterWrites?: number }): void {
  for (const [name, count] of Object.entries({ after, afterWrites, times })) {
    if (count !== undefined && count !== Infinity && !(Number.isInteger(count) && count >= 0))
      throw new TypeError(`${name}: ${JSON.stringify(count)} is no number of times`);
  }
  if (probability !== undefined && !(probability >= 0 && probability <= 1))
    throw new TypeError(`probability: ${JSON.stringify(probability)} is not between 0 and 1`);
}

/** Throws TypeError for a rule that says nothing, or what is not known. */
export function checkRule(rule: FaultRule): void {
  checkNames("a fault", rule, ruleNames);
  checkVerbs(rule.verb);
  checkResource(rule.resource);
  checkCounts(rule);
  const { error, pageSize } = rule;
  if (effects.every((name) => rule[name] === undefined)) {
    throw new TypeError("the fault does nothing: give it an `error`, a `delay` or both");
  }
  if (pageSize !== undefined && !(Number.isInteger(pageSize) && pageSize > 0))
    throw new TypeError(`pageSize: ${pageSize} is no number of objects`);
  if (rule.inconsistent !== undefined && rule.stale === undefined)
    throw new TypeError("inconsistent means nothing without stale");
  for (const name of ["delay", "stale"] as const) if (rule[name] !== undefined) durationMs(rule[name]);
  if (typeof error === "string" && !(error in reasons)) {
    throw new TypeError(
      `${JSON.stringify(error)} is no reason: ${Object.keys(reasons).join(", ")}, or a code.${meant(error, Object.keys(reasons))}`,
    );
  }
  if (typeof error === "number" && !(Number.isInteger(error) && error >= 400 && error <= 599)) {
    throw new TypeError(`${error} is no code of a refusal: 400 to 599`);
  }
}

/** As one would write it. */
export const shown = (duration: Duration): string =>
  typeof duration === "number" ? formatDuration(duration) : duration;

/** `update pods/status default/web-1 by system:node:node-1: Conflict, 5s late`. */
export function describeHit(rule: FaultRule, { info, user }: RequestState): string {
  const { error, afterEffect, delay, stale, pageSize, expireContinue } = rule;
  const { verb, group, resource, subresource, namespace, name } = info;
  const kind = formatGroupResource({ group, resource });
  const path = subresource === "" ? kind : `${kind}/${subresource}`;
  const object = [namespace, name].filter((part) => part !== "").join("/");
  const what = [
    ...(error === undefined ? [] : [afterEffect === true ? `answer lost (${error})` : String(error)]),
    ...(delay === undefined ? [] : [`${shown(delay)} late`]),
    ...(stale === undefined ? [] : [`as of ${shown(stale)} ago`]),
    ...(pageSize === undefined ? [] : [`in pages of ${pageSize}`]),
    ...(expireContinue === true && error === undefined ? ["continue token expired"] : []),
  ];
  return `${[verb, path, object].filter((part) => part !== "").join(" ")} by ${user.name}: ${what.join(", ")}`;
}

const matchNames = ["resource", "namespace", "user"];

/** Throws TypeError for what watches are not told apart by: all would be meant. */
export function checkWatches(match: Pick<FaultRule, "resource">, options: object): void {
  checkNames("dropWatches", match, matchNames);
  checkNames("dropWatches", options, ["expired"]);
  checkResource(match.resource);
}

/** Whether the rule is about the request. */
export function matches(
  { verb, resource, namespace, name, user, exceptUser }: Match,
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
    isOneOf(user, asking.name) &&
    (exceptUser === undefined || !isOneOf(exceptUser, asking.name))
  );
}

/** Whether a text is one of those named, where `*` stands for any characters; nobody named means all. */
export function isOneOf(patterns: string | readonly string[] | undefined, text: string): boolean {
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

/** The refusal that the rule asks for. */
export function errorOf({ error = 500, message }: FaultRule, { info }: RequestState): StatusError {
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
