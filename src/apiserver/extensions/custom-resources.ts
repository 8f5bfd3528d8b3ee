import type { Descriptions, JsonDocument } from "../../api/openapi/source.ts";
import type { ResourceInfo, Scheme } from "../../api/scheme.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { GroupVersionResource } from "../../apimachinery/gvk.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { Metric } from "../../apimachinery/metrics.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { WatchCache } from "../cache/watch-cache.ts";
import type { ResourceStores } from "../registry/strategy.ts";
import type { WebhookIntercept } from "../webhook/webhook-caller.ts";
import { converterCalls, type OnConversion } from "./conversion-calls.ts";
import { definitions } from "./definition/definition.ts";
import { DefinitionController } from "./definition-controller.ts";
import { DefinitionIndex } from "./definition-index.ts";
import { ExtensibleScheme } from "./extensible-scheme.ts";
import { loadMachinery } from "./load-machinery.ts";
import { RuleMetrics } from "./rule-metrics.ts";

export interface CustomResourcesOptions {
  /** The built-in kinds. */
  readonly base: Scheme;
  readonly watchCache: WatchCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly register: (metric: Metric) => void;
  /** A step before each call of a webhook that converts. */
  readonly webhookCalls?: WebhookIntercept | undefined;
  readonly onConversion?: OnConversion | undefined;
}

const reads: ReadonlySet<string> = new Set(["get", "list", "watch"]);

/**
 * CustomResourceDefinitions and what they define:
 *
 *   const customs = new CustomResources({ base, watchCache, … });
 *   customs.scheme                  // the built-in kinds, and those that come and go
 *   customs.start(stores)           // when the cache is filled
 */
export class CustomResources {
  readonly scheme: ExtensibleScheme;
  readonly #options: CustomResourcesOptions;
  readonly #index: DefinitionIndex;
  #controller: DefinitionController | undefined;

  constructor(options: CustomResourcesOptions) {
    this.#options = options;
    const { base, watchCache } = options;
    this.scheme = new ExtensibleScheme(
      base,
      () => this.#index.settle(),
      () => this.#index.settleInSlices(),
    );
    const metrics = new RuleMetrics(options.register);
    this.#index = new DefinitionIndex(watchCache, this.scheme, converterCalls(options), metrics);
  }

  /** Reads the definitions, and follows them until `stop`. */
  start(stores: ResourceStores): void {
    const { watchCache, clock, logger } = this.#options;
    const index = this.#index;
    this.#controller = new DefinitionController({ index, watchCache, stores, clock, logger });
    this.#controller.start();
  }

  /**
   * Loads what definitions and custom resources need; undefined when this is neither, or when it is there. Controllers ask
   * every cluster for its definitions and for all that they define: to read definitions takes nothing of it, nor to say that
   * there are no objects.
   * `verb`: see `ServerCore.loadCustom`.
   */
  load(reference: GroupVersionResource, verb = ""): Promise<void> | undefined {
    const isOfDefinitions = reference.group === definitions.group;
    const info = isOfDefinitions ? undefined : this.scheme.resource(reference);
    if (isOfDefinitions) return reads.has(verb) ? undefined : loadMachinery();
    if (info?.custom === undefined) return undefined;
    const { size } = this.#options.watchCache.resource(info.storage);
    return size === 0 && reads.has(verb) ? undefined : loadMachinery();
  }

  /** See `ServerCore.documentOf`. */
  document(resource: ResourceInfo, version: 2 | 3, texts: Descriptions | undefined): JsonDocument {
    return this.#index.document(resource, version, texts);
  }

  /** See `ServerCore.documentReady`. */
  documentReady(resource: ResourceInfo): Promise<void> | undefined {
    return this.#index.documentReady(resource);
  }

  stop(): void {
    this.#controller?.stop();
  }
}
