/** What the server under test is asked, and what it says; both over the channel between the processes. */
export type Question =
  /** Removes all that requests have made, so that what is left is comparable. */
  | { readonly type: "sweep" }
  /** Collects garbage and says what is held. */
  | { readonly type: "measure" }
  /** The longest the event loop was busy since it was asked last. */
  | { readonly type: "busiest" }
  /** Reads everything in the store and looks whether it is as it should be. */
  | { readonly type: "inspect" }
  | { readonly type: "stop" };

export interface Measurement {
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly residentBytes: number;
  /** Sockets and the like, by their names in Node. */
  readonly handles: Readonly<Record<string, number>>;
  readonly storedObjects: number;
}

export type Report =
  | { readonly type: "ready"; readonly port: number; readonly ca: string }
  | { readonly type: "answer"; readonly value: unknown }
  /** Something that must not happen, whatever is asked. */
  | { readonly type: "fault"; readonly text: string }
  /** The event loop was busy for so long. */
  | { readonly type: "stall"; readonly cpuMs: number };

/** A request that keeps the processor longer than this keeps all others waiting. */
export const stallLimitMs = 250;
