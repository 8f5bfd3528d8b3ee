import { registryPrefix } from "../apiserver/cache/storage-key.ts";
import type { RequestState } from "../apiserver/endpoints/api-request.ts";
import type { Cause, RequestNote } from "./entry.ts";

/** What goes on without end in a cluster at rest, and what only tells of changes. */
const noise = new Set(["events", "leases"]);
const reading = new Set(["get", "list", "watch"]);
const noisyPrefixes = [
  `${registryPrefix}core/events/`,
  `${registryPrefix}events.k8s.io/events/`,
  `${registryPrefix}coordination.k8s.io/leases/`,
];
const secrets = `${registryPrefix}core/secrets/`;

/** True for objects that no history tells of. */
export const isNoise = (key: string): boolean => noisyPrefixes.some((prefix) => key.startsWith(prefix));

/** True for Secrets, whose values no history tells. */
export const isSecret = (key: string): boolean => key.startsWith(secrets);

/** True for requests that may change what a history tells of. */
export const mayChange = ({ info }: RequestState): boolean =>
  info.isResourceRequest && !reading.has(info.verb) && !noise.has(info.resource);

/** Who asked, through what, and why. */
export function noteOf(
  { info, user, request, auditId }: RequestState,
  cause: Cause | undefined,
): RequestNote {
  const userAgent = request.header("user-agent") ?? "";
  return {
    verb: info.verb,
    subresource: info.subresource,
    user: user.name,
    userAgent,
    fieldManager: request.query.get("fieldManager") ?? managerIn(userAgent),
    requestId: auditId,
    cause,
  };
}

/** As the API server names who names no field manager: after the program. */
function managerIn(userAgent: string): string {
  const end = userAgent.indexOf("/");
  return end < 0 ? userAgent : userAgent.slice(0, end);
}

/** Where the object of the request lies; a prefix where it is about many. */
export function keyOf({ info }: RequestState): string {
  const scope = info.namespace === "" ? "" : `${info.namespace}/`;
  return `${registryPrefix}${info.group === "" ? "core" : info.group}/${info.resource}/${scope}${info.name}`;
}

/** A note of a request whose answer did not tell the revision: it belongs to the next changes of the key. */
export interface LooseNote {
  readonly key: string;
  /** The newest revision when the request began. */
  readonly after: number;
  readonly upTo: number;
  readonly note: RequestNote;
}

/** Is it the note of the change? */
export const isOf = (loose: LooseNote, revision: number, key: string): boolean =>
  loose.after < revision &&
  revision <= loose.upTo &&
  (loose.note.verb === "deletecollection" ? key.startsWith(loose.key) : key === loose.key);
