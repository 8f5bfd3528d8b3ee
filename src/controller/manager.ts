import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { MetricRegistry } from "../apimachinery/metrics.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { isConflict } from "../apimachinery/status.ts";
import type { ResourceReference } from "../client/client.ts";
import type { Informer, InformerFactory, InformerOptions } from "../client/informer.ts";
import { newWorkqueue, type Workqueue } from "../client/workqueue.ts";
import { WorkqueueMetrics } from "../client/workqueue-metrics.ts";
import {
  type ControllerContext,
  type ControllerRegistration,
  type RunningController,
  TerminalError,
} from "./controller.ts";
import { HotKeys } from "./hot-keys.ts";
import { queueName } from "./queue-names.ts";

export interface ControllerManagerOptions {
  readonly registrations: readonly ControllerRegistration[];
  /** What a controller is given; `signal` aborts when it is to stop and must be handed on. */
  readonly newContext: (name: string, signal: AbortSignal) => ControllerContext;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the controllers' queues are measured for. Default: for nobody. */
  readonly metrics?: MetricRegistry;
  /** Hears what wakes a key, and does the work for it, so that what comes of it can be told from the rest. Default: nobody. */
  readonly causes?: CauseKeeper;
}

/** Knows why a controller does what it does. */
export interface CauseKeeper {
  woke(controller: string, key: string, because: KubernetesObject): void;
  run<T>(controller: string, key: string, work: () => T): T;
}

interface Running {
  readonly queue: Workqueue;
  readonly stop: AbortController;
  readonly disconnect: (() => void)[];
  /** Settles when all workers have returned. */
  done: Promise<void>;
}

/**
 * Runs controllers, each by name, so a test can leave one out and restart another.
 *
 *   const manager = new ControllerManager({ registrations, newContext, clock, logger });
 *   manager.startAll();
 *   void informers.start(signal);                     // before or after
 *   await manager.stop("deployment-controller");
 *
 * A controller works once the informers that its `setup` asked for have synced. What one controller throws stays
 * with it: in `setup` it does not run, in `reconcile` its key is tried again with backoff.
 */
export class ControllerManager {
  readonly #options: ControllerManagerOptions;
  readonly #registrations: ReadonlyMap<string, ControllerRegistration>;
  readonly #running = new Map<string, Running>();
  readonly #queues: WorkqueueMetrics | undefined;

  constructor(options: ControllerManagerOptions) {
    this.#options = options;
    this.#queues = options.metrics === undefined ? undefined : new WorkqueueMetrics(options.metrics);
    this.#registrations = new Map(
      options.registrations.map((registration) => [registration.name, registration]),
    );
  }

  /** Every registered controller, running or not. */
  names(): string[] {
    return [...this.#registrations.keys()];
  }

  isRunning(name: string): boolean {
    return this.#running.has(name);
  }

  /** Starts every controller that `runs` says yes to. */
  startAll(runs: (name: string) => boolean = () => true): void {
    for (const name of this.names()) if (runs(name)) this.start(name);
  }

  /** Returns at once; the controller works as soon as its caches have synced. One that runs stays as it is. */
  start(name: string): void {
    const registration = this.#registrations.get(name);
    if (registration === undefined) throw new TypeError(`no controller is named ${JSON.stringify(name)}`);
    if (this.#running.has(name)) return;
    const { causes } = this.#options;
    const logger = this.#options.logger.named(name);
    const stop = new AbortController();
    const context = this.#options.newContext(name, stop.signal);
    const informers = new RecordingFactory(context.informers);
    const queue = newWorkqueue(this.#options.clock, this.#queues?.of(queueName(name)));
    const running: Running = { queue, stop, disconnect: [], done: Promise.resolve() };
    try {
      const controller = within(causes, name, registration.setup({ ...context, informers }));
      for (const connect of controller.watches) {
        const disconnect = connect((key, because) => {
          if (because !== undefined) causes?.woke(name, key, because);
          queue.add(key);
        });
        if (disconnect !== undefined) running.disconnect.push(disconnect);
      }
      const hot = new HotKeys(this.#options.clock);
      running.done = work(controller, { queue, hot, logger, signal: stop.signal }, informers.asked);
      this.#running.set(name, running);
    } catch (error) {
      stop.abort(error);
      logger.error("controller could not be set up", { error: describe(error) });
    }
  }

  /** Resolves when the reconcilers under way have returned. Keys that wait are forgotten. */
  async stop(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return;
    this.#running.delete(name);
    for (const disconnect of running.disconnect) disconnect();
    running.stop.abort(new Error(`${name} was stopped`));
    running.queue.shutDown();
    await running.done;
  }

  /** Begins anew what runs; others stay as they are. */
  async restart(name: string): Promise<void> {
    if (!this.isRunning(name)) return;
    await this.stop(name);
    this.start(name);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.stop(name)));
  }

  /** True when no controller has a key to work on now. Keys that wait for their time do not count. */
  idle(): boolean {
    return [...this.#running.values()].every(({ queue }) => queue.idle());
  }
}

/** The controller, each of whose reconciliations runs in its cause. */
function within(
  causes: CauseKeeper | undefined,
  name: string,
  controller: RunningController,
): RunningController {
  if (causes === undefined) return controller;
  return {
    ...controller,
    reconcile: (key) => causes.run(name, key, () => controller.reconcile(key)),
    ...(controller.start !== undefined && { start: (enqueue) => controller.start?.(enqueue) }),
  };
}

/** Remembers what a controller asked for, so that it can wait for exactly that. */
class RecordingFactory implements InformerFactory {
  readonly asked: { synced(): Promise<void> }[] = [];
  readonly #factory: InformerFactory;

  constructor(factory: InformerFactory) {
    this.#factory = factory;
  }

  informer<T extends KubernetesObject>(
    reference: ResourceReference<T>,
    options?: InformerOptions,
  ): Informer<T> {
    const informer = this.#factory.informer(reference, options);
    // What ends before the controller does comes and goes while it works.
    if (options?.signal === undefined) this.asked.push(informer);
    return informer;
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#factory.start(signal);
  }
}

/** What the workers of a controller share. */
interface Workplace {
  readonly queue: Workqueue;
  readonly hot: HotKeys;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

async function work(
  controller: RunningController,
  place: Workplace,
  caches: readonly { synced(): Promise<void> }[],
): Promise<void> {
  const { queue, signal, logger } = place;
  const stopped = new Promise<void>((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  await Promise.race([Promise.all(caches.map((cache) => cache.synced())), stopped]);
  if (signal.aborted) return;
  try {
    controller.start?.((key) => queue.add(key));
  } catch (error) {
    logger.error("controller could not be started", { error: describe(error) });
  }
  await Promise.all(Array.from({ length: controller.workers ?? 1 }, () => workOn(controller, place)));
}

async function workOn(
  controller: RunningController,
  { queue, hot, logger, signal }: Workplace,
): Promise<void> {
  for (let key = await queue.next(); key !== undefined; key = await queue.next()) {
    if (!signal.aborted) {
      const waitMs = hot.begin(key);
      if (waitMs > 0) queue.addAfter(key, waitMs);
      else await reconcileOnce(controller, queue, key, logger);
    }
    queue.done(key);
  }
}

/** Never throws: every outcome becomes a time at which the key is worked on again, or none. */
async function reconcileOnce(
  controller: RunningController,
  queue: Workqueue,
  key: string,
  logger: Logger,
): Promise<void> {
  try {
    const result = await controller.reconcile(key);
    queue.forget(key);
    const delayMs = result?.requeueAfterMs;
    if (delayMs !== undefined) queue.addAfter(key, delayMs);
  } catch (error) {
    if (error instanceof TerminalError) {
      queue.forget(key);
      logger.warn("reconciling cannot succeed", { key, error: error.message });
      return;
    }
    queue.addRateLimited(key);
    // A conflict only says that the cache was behind; the next try sees more.
    if (isConflict(error)) logger.debug("reconciling met a conflict", { key, error: describe(error) });
    else logger.warn("reconciling failed", { key, retries: queue.retries(key), error: describe(error) });
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
