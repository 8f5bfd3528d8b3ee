/**
 * What an operator is written with: the pieces that Kubernetes' own controllers are made of here. They hold nothing but a
 * client, so an operator runs against a cluster in a test and against any other Kubernetes.
 *
 *   const operator = await startOperator({ name: "site-operator", client, controllers: [siteController] });
 */
import type { Clock } from "../apimachinery/clock.ts";
import { RealClock } from "../apimachinery/clock.ts";
import { type Logger, silentLogger } from "../apimachinery/logger.ts";
import { type Random, SystemRandom } from "../apimachinery/random.ts";
import { type Client, newClient } from "../client/client.ts";
import { newEventRecorder } from "../client/event-recorder.ts";
import { HttpsTransport } from "../client/https-transport.ts";
import { inClusterConfig, kubeconfigPaths, loadKubeconfig, resolveContext } from "../client/kubeconfig.ts";
import { LeaderElector } from "../client/leader-elector.ts";
import { SharedInformerFactory } from "../client/shared-informer-factory.ts";
import type { ControllerRegistration } from "./controller.ts";
import { ControllerManager } from "./manager.ts";

export type * as admissionregistrationV1 from "../api/types/admissionregistration-v1.ts";
export type * as appsV1 from "../api/types/apps-v1.ts";
export type * as batchV1 from "../api/types/batch-v1.ts";
export type * as coreV1 from "../api/types/core-v1.ts";
export type * as networkingV1 from "../api/types/networking-v1.ts";
export type * as rbacV1 from "../api/types/rbac-v1.ts";
export type { Clock } from "../apimachinery/clock.ts";
export { formatTime } from "../apimachinery/clock.ts";
export { findCondition, isConditionTrue, setCondition } from "../apimachinery/conditions.ts";
export type { Logger } from "../apimachinery/logger.ts";
export {
  isBeingDeleted,
  type KubernetesObject,
  keyOf,
  newControllerRef,
  splitKey,
} from "../apimachinery/object.ts";
export type { Random } from "../apimachinery/random.ts";
export { retryOnConflict } from "../apimachinery/retry.ts";
export { isAlreadyExists, isConflict, isForbidden, isInvalid, isNotFound } from "../apimachinery/status.ts";
export type { Transport } from "../apimachinery/transport.ts";
export { type Client, newClient, type ResourceClient, type ResourceReference } from "../client/client.ts";
export type { EventRecorder } from "../client/event-recorder.ts";
export type { Informer, InformerFactory, InformerOptions, Lister } from "../client/informer.ts";
export { resources } from "../client/resources.ts";
export {
  type ControllerContext,
  type ControllerRegistration,
  type ControllerWatch,
  type ReconcileResult,
  type RunningController,
  TerminalError,
} from "./controller.ts";
export { addFinalizer, hasFinalizer, removeFinalizer } from "./finalizers.ts";
export { enqueueOwner, enqueueSelf, type KeyMap, type WatchOptions, watch } from "./watch.ts";

export interface OperatorOptions {
  /** Names it in its events, and its Lease. */
  readonly name: string;
  readonly client: Client;
  readonly controllers: readonly ControllerRegistration[];
  /** Default: the machine's time. In a test, `cluster.clock`. */
  readonly clock?: Clock;
  readonly random?: Random;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /** Only one of several processes works, the one that holds the Lease in the namespace. Default: each works. */
  readonly leaderElection?: { readonly namespace: string; readonly identity: string };
}

/** An operator at work. */
export interface RunningOperator extends AsyncDisposable {
  /** Resolves when what was under way has ended. */
  stop(): Promise<void>;
}

/**
 * Starts the controllers; resolves when their caches have synced or, with leader election, when the operator has begun to
 * run for the lead. What a reconciler throws is logged and tried again with backoff.
 */
export async function startOperator(options: OperatorOptions): Promise<RunningOperator> {
  const ending = new AbortController();
  const stop =
    options.leaderElection === undefined ? await work(options, ending.signal) : lead(options, ending.signal);
  const end = async (): Promise<void> => {
    ending.abort(new Error(`${options.name} was stopped`));
    await stop();
  };
  return { stop: end, [Symbol.asyncDispose]: end };
}

/** Resolves when the caches have synced, with what ends the work. */
async function work(options: OperatorOptions, signal: AbortSignal): Promise<() => Promise<void>> {
  const {
    name,
    client,
    clock = new RealClock(),
    random = new SystemRandom(),
    logger = silentLogger,
  } = options;
  const informers = new SharedInformerFactory({ client, clock, random, logger });
  const events = newEventRecorder({ client, clock, random, component: name, logger, signal });
  const manager = new ControllerManager({
    registrations: options.controllers,
    clock,
    logger,
    newContext: (controller, stopping) => ({
      client,
      informers,
      events,
      clock,
      random,
      logger: logger.named(controller),
      signal: stopping,
    }),
  });
  manager.startAll();
  try {
    await informers.start(signal);
  } catch (error) {
    await manager.stopAll();
    throw error;
  }
  return () => manager.stopAll();
}

function lead(options: OperatorOptions, signal: AbortSignal): () => Promise<void> {
  const { client, clock = new RealClock(), random = new SystemRandom(), logger = silentLogger } = options;
  const { namespace, identity } = options.leaderElection ?? { namespace: "default", identity: "" };
  let terms = Promise.resolve();
  const elector = new LeaderElector({
    client,
    clock,
    random,
    logger,
    identity,
    namespace,
    name: options.name,
    onStartedLeading: (term) => {
      // One term after the other: what the last one had under way ends first.
      terms = terms.then(() => workWhile(options, term));
    },
  });
  const running = elector.run(signal);
  return async () => {
    await running;
    await terms;
  };
}

async function workWhile(options: OperatorOptions, term: AbortSignal): Promise<void> {
  try {
    const stop = await work(options, term);
    if (!term.aborted)
      await new Promise((resolve) => term.addEventListener("abort", resolve, { once: true }));
    await stop();
  } catch (error) {
    if (!term.aborted) options.logger?.error("the operator could not start", { error: String(error) });
  }
}

/** How a program reaches its cluster. */
export interface ClusterAccess extends Disposable {
  readonly client: Client;
  /** Of the context, or of the pod. */
  readonly namespace: string;
  /** The context's name; `in-cluster` within a pod. */
  readonly name: string;
  /** Lets go of the connections. */
  close(): void;
}

/**
 * A client as kubectl would have it: of the context named or the current one, from KUBECONFIG or `~/.kube/config`; within a
 * pod, of its service account. Throws when there is neither.
 */
export function connectToCluster({ context }: { readonly context?: string } = {}): ClusterAccess {
  const { env } = process;
  const inCluster =
    context === undefined && env["KUBECONFIG"] === undefined ? inClusterConfig(env) : undefined;
  const found =
    inCluster ??
    resolveContext(loadKubeconfig(kubeconfigPaths(env)), context === undefined ? {} : { context });
  const transport = new HttpsTransport({ ...found.transport, clock: new RealClock() });
  const close = (): void => transport.close();
  return {
    client: newClient(transport),
    namespace: found.namespace,
    name: found.name,
    close,
    [Symbol.dispose]: close,
  };
}
