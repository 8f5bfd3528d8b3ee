import { newTooManyRequests } from "../../apimachinery/status.ts";
import type { Filter } from "../endpoints/api-request.ts";
import { isLongRunning } from "./long-running.ts";

/** How many requests may be worked on at once, by whether they change something (the defaults of kube-apiserver). */
export interface InFlightLimits {
  readonly readOnly: number;
  readonly mutating: number;
}

export const defaultInFlightLimits: InFlightLimits = { readOnly: 400, mutating: 200 };

const mutatingVerbs = new Set(["create", "update", "patch", "delete", "deletecollection"]);

/** Refuses with 429 beyond the limits. Watches and streams are not counted, nor are requests of this process. */
export function maxInFlight(limits: InFlightLimits): Filter {
  const inFlight = { readOnly: 0, mutating: 0 };
  return async (state, next) => {
    if (state.request.isInProcess || isLongRunning(state)) return next(state);
    const lane = mutatingVerbs.has(state.info.verb) ? "mutating" : "readOnly";
    // The masters' group is let through, so that a flood can be stopped by its administrator.
    if (inFlight[lane] >= limits[lane] && !state.user.groups.includes("system:masters")) {
      throw newTooManyRequests("Too many requests, please try again later.", 1);
    }
    inFlight[lane]++;
    try {
      return await next(state);
    } finally {
      inFlight[lane]--;
    }
  };
}
