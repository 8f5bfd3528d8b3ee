import type { RequestInfo } from "../request-context.ts";

/** Objects that one seat stands for, and the most seats one request takes (flowcontrol/request/config.go). */
const objectsPerSeat = 100;
const maxSeats = 10;

/** How many objects of a resource are stored; undefined for what is not stored here. */
export type ObjectCount = (group: string, resource: string) => number | undefined;

/**
 * How many seats a request takes: lists, and watches that begin with a list, take more the more objects there are to look
 * at; all else takes one. Every list is answered from the cache, which upstream's estimate calls listing from the cache:
 * all that is stored is looked at (flowcontrol/request/list_work_estimator.go).
 */
export function seatsOf(
  info: RequestInfo,
  query: URLSearchParams,
  count: ObjectCount,
  maxSeatsOfLevel: number,
): number {
  if (!info.isResourceRequest || info.name !== "") return 1;
  if (info.verb === "watch") {
    if (query.get("sendInitialEvents") !== "true") return 1;
  } else if (info.verb !== "list") return 1;
  const stored = count(info.group, info.resource);
  if (stored === undefined) return 1;
  return Math.max(1, Math.min(Math.ceil(stored / objectsPerSeat), maxSeatsOfLevel, maxSeats));
}
