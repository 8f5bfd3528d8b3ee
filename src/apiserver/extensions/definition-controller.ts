import type { CustomResourceDefinition } from "../../api/types/apiextensions-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import { isConflict, isNotFound } from "../../apimachinery/status.ts";
import type { WatchCache } from "../cache/watch-cache.ts";
import type { ResourceStores } from "../registry/strategy.ts";
import { cleanupFinalizer, definitions, isTrue } from "./definition/definition.ts";
import { settledStatus, structureOf, takenNames } from "./definition-conditions.ts";
import { finalizeDefinition } from "./definition-finalizer.ts";
import type { DefinitionIndex } from "./definition-index.ts";
import { loadMachinery } from "./load-machinery.ts";
import { updateDefinition } from "./update-definition.ts";

export interface ControllerDependencies {
  readonly index: DefinitionIndex;
  readonly watchCache: WatchCache;
  readonly stores: ResourceStores;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A definition whose objects are being taken away. */
interface Leaving {
  readonly sinceMs: number;
  failures: number;
  isBusy: boolean;
  /** What is written about it in between is a change like others, and no reason to try again. */
  notBeforeMs: number;
}

/** A start takes less. */
const resumeAfterMs = 1_500;
const retryMs = 1_000;
const maxRetryMs = 60_000;

/**
 * Gives definitions their names and conditions, and takes their objects away before them. One definition at a time:
 * who comes first gets the name. Runs inside of the server, like the controllers of k8s.io/apiextensions-apiserver.
 */
export class DefinitionController {
  readonly #deps: ControllerDependencies;
  readonly #waiting = new Set<string>();
  readonly #leaving = new Map<string, Leaving>();
  #isRunning = false;
  #isStopped = false;

  constructor(dependencies: ControllerDependencies) {
    this.#deps = dependencies;
  }

  /** Follows the definitions until `stop`. Call when the cache is filled. */
  start(): void {
    const { watchCache, index } = this.#deps;
    index.invalidate();
    watchCache.onChange(definitions, (object, old) => {
      const name = (object ?? old)?.metadata.name ?? "";
      index.refresh(name);
      this.#add(name);
    });
    // What was stored settled needs nothing, and who asks for what is defined has it read at once: the start goes first.
    if (watchCache.resource(definitions).size > 0)
      this.#deps.clock.after(resumeAfterMs, () => void this.#resume());
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting.clear();
  }

  /** What a server before this one did not bring to its end. */
  async #resume(): Promise<void> {
    if (this.#isStopped) return;
    await this.#deps.index.settleInSlices();
    for (const record of this.#deps.index.all()) {
      const { metadata, spec, status } = record.summary;
      const isSettled = deepEqual(spec.names, status?.acceptedNames) && isTrue(record.summary, "Established");
      if (!isSettled || metadata.deletionTimestamp !== undefined) this.#add(record.name);
    }
  }

  #add(name: string): void {
    if (this.#isStopped) return;
    this.#waiting.add(name);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // The change that brought us here is told to watchers first.
    await loadMachinery();
    for (const name of this.#waiting) {
      this.#waiting.delete(name);
      try {
        await this.#reconcile(name);
      } catch (error) {
        this.#retry(name, error);
      }
    }
    this.#isRunning = false;
  }

  #retry(name: string, error: unknown, delayMs = retryMs): void {
    if (this.#isStopped) return;
    // Somebody changed or deleted it: another round is on its way.
    if (isNotFound(error) || isConflict(error)) return;
    this.#deps.logger.error("a definition could not be settled", { name, error: String(error) });
    this.#deps.clock.after(delayMs, () => this.#add(name));
  }

  async #reconcile(name: string): Promise<void> {
    const record = this.#deps.index.get(name);
    if (record === undefined) {
      this.#leaving.delete(name);
      this.#addNeighbours(name);
      return;
    }
    const { metadata } = record.summary;
    if (metadata.deletionTimestamp !== undefined) {
      // Objects may take their time, or a webhook that converts them: nobody else waits for that.
      if (metadata.finalizers?.includes(cleanupFinalizer) === true) void this.#finalize(name, record.summary);
      return;
    }
    const { definition } = record;
    const { structure: known, status } = this.#settled(definition);
    if (deepEqual(status, definition.status)) return;
    await updateDefinition(this.#deps.stores, name, (current) => {
      const isSame = current.metadata.generation === metadata.generation;
      return { ...current, status: this.#settled(current, isSame ? known : undefined).status };
    });
    this.#addNeighbours(name);
  }

  async #finalize(name: string, definition: CustomResourceDefinition): Promise<void> {
    const nowMs = this.#deps.clock.now();
    const state = this.#leaving.get(name) ?? { sinceMs: nowMs, failures: 0, isBusy: false, notBeforeMs: 0 };
    if (state.isBusy || nowMs < state.notBeforeMs) return;
    state.isBusy = true;
    this.#leaving.set(name, state);
    try {
      const isDone = await finalizeDefinition(definition, state.sinceMs, this.#deps);
      if (!isDone) this.#tryLater(name, state, retryMs);
    } catch (error) {
      const isOvertaken = isNotFound(error) || isConflict(error);
      if (!isOvertaken)
        this.#tryLater(name, state, Math.min(retryMs * 2 ** state.failures++, maxRetryMs), error);
    } finally {
      state.isBusy = false;
    }
  }

  #tryLater(name: string, state: Leaving, delayMs: number, error?: unknown): void {
    state.notBeforeMs = this.#deps.clock.now() + delayMs;
    if (error === undefined) this.#deps.clock.after(delayMs, () => this.#add(name));
    else this.#retry(name, error, delayMs);
  }

  /** `structure`: what is known of the schemas already, whose walk takes a millisecond and more. */
  #settled(definition: CustomResourceDefinition, structure = structureOf(definition)) {
    const taken = takenNames(this.#others(definition));
    return { structure, status: settledStatus(definition, structure, taken, this.#deps.clock.now()) };
  }

  *#others({ metadata, spec }: CustomResourceDefinition): Generator<CustomResourceDefinition> {
    for (const { name, summary } of this.#deps.index.all()) {
      if (name !== metadata.name && summary.spec.group === spec.group) yield summary;
    }
  }

  /** Those that want a name that may be free now. */
  #addNeighbours(name: string): void {
    const group = name.slice(name.indexOf(".") + 1);
    for (const record of this.#deps.index.all()) {
      const { spec, status } = record.summary;
      const isWaiting = !deepEqual(spec.names, status?.acceptedNames);
      if (spec.group === group && record.name !== name && isWaiting) this.#add(record.name);
    }
  }
}
