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

const retryMs = 1_000;

/**
 * Gives definitions their names and conditions, and takes their objects away before them. One definition at a time:
 * who comes first gets the name. Runs inside of the server, like the controllers of k8s.io/apiextensions-apiserver.
 */
export class DefinitionController {
  readonly #deps: ControllerDependencies;
  readonly #waiting = new Set<string>();
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
    // What was stored settled needs nothing; looking is left to the time when somebody asks for definitions at all.
    if (watchCache.resource(definitions).size > 0) void this.#resume();
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting.clear();
  }

  /** What a server before this one did not bring to its end. */
  async #resume(): Promise<void> {
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

  #retry(name: string, error: unknown): void {
    if (this.#isStopped) return;
    // Somebody changed or deleted it: another round is on its way.
    if (isNotFound(error) || isConflict(error)) return;
    this.#deps.logger.error("a definition could not be settled", { name, error: String(error) });
    this.#deps.clock.after(retryMs, () => this.#add(name));
  }

  async #reconcile(name: string): Promise<void> {
    const { index, clock } = this.#deps;
    const record = index.get(name);
    if (record === undefined) {
      this.#addNeighbours(name);
      return;
    }
    const { metadata } = record.summary;
    if (metadata.deletionTimestamp !== undefined) {
      if (metadata.finalizers?.includes(cleanupFinalizer) !== true) return;
      if (!(await finalizeDefinition(record.summary, this.#deps)))
        clock.after(retryMs, () => this.#add(name));
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
