/** How many requests may be worked on at once; the sum is shared among the priority levels. */
export interface InFlightLimits {
  readonly readOnly: number;
  readonly mutating: number;
}

/**
 * A tenth of kube-apiserver's 400 and 200. One thread runs all requests, so what is in flight beyond what keeps the
 * store's group commit full adds no throughput, only to what a request of the system finds before it: a flood that has
 * borrowed all that is lent holds some forty seats, and forty requests of 0.2 ms are 8 ms of work. Requests that find no
 * seat wait in their queues, which cost nothing; parts of this process wait for nobody.
 */
export const defaultInFlightLimits: InFlightLimits = { readOnly: 40, mutating: 20 };

/** Bodies coming in and answers going out that are held in memory at one time. */
export const defaultBytesInFlight = 256 * 1024 * 1024;
