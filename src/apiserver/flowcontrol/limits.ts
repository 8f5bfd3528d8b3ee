/** How many requests may be worked on at once; the sum is shared among the priority levels. */
export interface InFlightLimits {
  readonly readOnly: number;
  readonly mutating: number;
}

/**
 * A quarter of kube-apiserver's 400 and 200. One thread runs all requests, so what is in flight beyond what keeps the
 * store's group commit full adds no throughput, only to what a request of the system finds before it: a hundred and
 * fifty requests of 0.2 ms are 30 ms of work. Requests that find no seat wait in their queues, which cost nothing.
 */
export const defaultInFlightLimits: InFlightLimits = { readOnly: 100, mutating: 50 };

/** Bodies coming in and answers going out that are held in memory at one time. */
export const defaultBytesInFlight = 256 * 1024 * 1024;
