import type { NodeOptions } from "./options.ts";

/**
 * What is wrong in a cluster when it is forked or saved, as plain data: the copy goes on with it. Faults of requests are
 * not among it: they are the test's, which holds them.
 */
export interface Trouble {
  /** By the names of nodes that run; one that is well has no entry. */
  readonly nodes: Readonly<Record<string, NodeTrouble>>;
  /** Failures of nodes that were planned, also of those that have crashed and are to come back. */
  readonly plans: readonly NodePlan[];
  /** How far the server's clock is off. */
  readonly serverSkewMs: number;
}

export interface NodeTrouble {
  readonly skewMs?: number;
  /** Why it says that it is not ready. */
  readonly problem?: string;
  readonly pressures?: readonly Pressure[];
  readonly isPartitioned?: boolean;
}

export type Pressure = "memory" | "disk" | "pid";

export interface NodePlan {
  readonly node: NodeOptions;
  /** In the order of the node's failures. */
  readonly failures: readonly FailurePlan[];
}

/** When a failure comes next, and when the one that lasts goes. Absent: never. */
export interface FailurePlan {
  readonly beginsInMs?: number;
  readonly endsInMs?: number;
}
