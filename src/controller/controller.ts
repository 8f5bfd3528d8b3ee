import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { InformerFactory } from "../client/informer.ts";

/**
 * The shape of every controller: a folder `controller/<name>/` with `reconciler.ts`, its registration in `index.ts`,
 * and its tests. The registration names what wakes it; the reconciler takes a key and works by level.
 *
 *   export const replicaSetController: ControllerRegistration = {
 *     name: "replicaset-controller",
 *     setup(context) {
 *       const reconciler = new ReplicaSetReconciler(context);
 *       return {
 *         workers: 4,
 *         reconcile: (key) => reconciler.reconcile(key),
 *         watches: [
 *           watch(context.informers.informer(resources.replicasets), enqueueSelf),
 *           watch(context.informers.informer(resources.pods), enqueueOwner("ReplicaSet")),
 *         ],
 *       };
 *     },
 *   };
 */
export interface ControllerRegistration {
  /** As Kubernetes names it in `--controllers`: `deployment-controller`, `garbage-collector-controller`. */
  readonly name: string;
  setup(context: ControllerContext): RunningController;
}

export interface ControllerContext {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Aborted when the controller is to stop. */
  readonly signal: AbortSignal;
}

export interface RunningController {
  /** Reconcilers of this many different keys run at once. Default 1. */
  readonly workers?: number;
  readonly watches: readonly ControllerWatch[];
  /** Throwing means backoff; `requeueAfterMs` a known wait; TerminalError: never again until the next event. */
  reconcile(key: string): Promise<ReconcileResult | undefined | void>;
  /** Called once the caches have synced, before the first key: for controllers that also act on their own. */
  start?(enqueue: (key: string) => void): void;
}

/**
 * Connects a source of changes with the queue; called with the function that adds keys. May return the function that
 * disconnects, which is called when the controller stops.
 */
export type ControllerWatch = (enqueue: Enqueue) => (() => void) | void;

/** `because` is the object whose change it is, where there is one. */
export type Enqueue = (key: string, because?: KubernetesObject) => void;

export interface ReconcileResult {
  readonly requeueAfterMs?: number;
}

/** The result that comes back at the earliest of the times given, if any is. */
export function soonest(...waitsMs: readonly (number | undefined)[]): ReconcileResult | undefined {
  const known = waitsMs.filter((waitMs) => waitMs !== undefined);
  return known.length === 0 ? undefined : { requeueAfterMs: Math.min(...known) };
}

/** Retrying cannot help: the object must change first. */
export class TerminalError extends Error {
  override readonly name = "TerminalError";
}
