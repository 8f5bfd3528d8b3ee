import type { Scheme } from "../../api/scheme.ts";
import type { APIService } from "../../api/types/apiregistration-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../apimachinery/status.ts";
import { systemContext } from "../authentication/system-context.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { ResourceStores } from "../registry/strategy.ts";
import { apiServiceName, apiServices } from "./api-service.ts";
import { builtinPriority, customPriority } from "./priorities.ts";

export interface LocalRegistrationOptions {
  readonly watchCache: ObjectReader;
  readonly stores: ResourceStores;
  /** The built-in kinds and the custom ones. */
  readonly scheme: Scheme;
  /** The built-in kinds alone. */
  readonly base: Scheme;
  readonly logger: Logger;
}

const label = "kube-aggregator.kubernetes.io/automanaged";
/** Made once in the life of a server; who changes one has his way until the next. */
const onStart = "onstart";
/** Kept as it is to be. */
const always = "true";

const definitions = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };
const group = apiServices.group;
const resource = apiServices.resource;

/**
 * Keeps an APIService for each version that this server serves itself (mirrors kube-aggregator's autoregister_controller.go
 * and pkg/controlplane/controller/crdregistration).
 */
export class LocalRegistration {
  readonly #options: LocalRegistrationOptions;
  /** What was there when the first pass began: only this may be left from a server before. */
  readonly #atStart: ReadonlySet<string>;
  /** Names that have been settled once. */
  readonly #settled = new Set<string>();
  #isDue = false;
  #isRunning = false;

  constructor(options: LocalRegistrationOptions) {
    this.#options = options;
    this.#atStart = new Set(this.#stored().keys());
  }

  /** Resolves when all are there; follows what changes until the signal aborts. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#pass();
    const { watchCache } = this.#options;
    const due = (): void => {
      this.#isDue = true;
      if (!signal.aborted) void this.#run();
    };
    const removals = [watchCache.onChange(definitions, due), watchCache.onChange(apiServices, due)];
    signal.addEventListener("abort", () => removals.forEach((remove) => remove()), { once: true });
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#isDue) {
        this.#isDue = false;
        // Definitions become kinds in the same turn in which they are heard of.
        await Promise.resolve();
        await this.#pass();
      }
    } catch (error) {
      this.#options.logger.warn("APIServices of this server's versions were not kept", {
        error: String(error),
      });
    } finally {
      this.#isRunning = false;
    }
  }

  async #pass(): Promise<void> {
    const desired = this.#desired();
    const stored = this.#stored();
    const names = new Set([...desired.keys(), ...stored.keys()]);
    await Promise.all([...names].map((name) => this.#settle(name, desired.get(name), stored.get(name))));
  }

  async #settle(
    name: string,
    desired: APIService | undefined,
    stored: APIService | undefined,
  ): Promise<void> {
    const hasSettled = this.#settled.has(name);
    this.#settled.add(name);
    if (desired !== undefined && managedOf(desired) === onStart && hasSettled) return;
    if (stored === undefined) {
      if (desired !== undefined) await this.#create(desired);
      return;
    }
    const managed = managedOf(stored);
    if (managed === undefined) return;
    if (managed === onStart && (hasSettled || !this.#atStart.has(name))) return;
    if (desired === undefined) await this.#delete(stored);
    else if (!deepEqual(stored.spec, desired.spec)) await this.#update(name, desired);
  }

  #desired(): Map<string, APIService> {
    const { scheme, base } = this.#options;
    const builtin = new Set(base.groupVersions().map(apiServiceName));
    const desired = new Map<string, APIService>();
    for (const groupVersion of scheme.groupVersions()) {
      const name = apiServiceName(groupVersion);
      // The group of the APIServices themselves has none.
      if (groupVersion.group === group) continue;
      const isBuiltin = builtin.has(name);
      const priority = isBuiltin ? builtinPriority(groupVersion) : customPriority;
      if (priority === undefined) continue;
      desired.set(name, {
        apiVersion: "apiregistration.k8s.io/v1",
        kind: "APIService",
        metadata: { name, labels: { [label]: isBuiltin ? onStart : always } },
        spec: {
          ...(groupVersion.group === "" ? {} : { group: groupVersion.group }),
          groupPriorityMinimum: priority.group,
          version: groupVersion.version,
          versionPriority: priority.version,
        },
      });
    }
    return desired;
  }

  #stored(): Map<string, APIService> {
    const all = this.#options.watchCache.list<APIService>(apiServices);
    return new Map(all.map((each) => [each.metadata.name ?? "", each]));
  }

  async #create(object: APIService): Promise<void> {
    const context = systemContext("create", apiServices, object.metadata);
    const unstructured = object as unknown as UnstructuredObject;
    await this.#options.stores
      .create(context, group, resource, "", unstructured)
      .catch(unless(isAlreadyExists));
  }

  async #update(name: string, { spec }: APIService): Promise<void> {
    const context = systemContext("update", apiServices, { name });
    await this.#options.stores
      .update(context, group, resource, "", name, "", (current) => ({ ...current, spec }))
      .catch(unless(isNotFound));
  }

  async #delete({ metadata }: APIService): Promise<void> {
    const { name = "", uid = "" } = metadata;
    const context = systemContext("delete", apiServices, metadata);
    const options = { apiVersion: "v1", kind: "DeleteOptions", metadata: {}, preconditions: { uid } };
    await this.#options.stores
      .delete(context, group, resource, "", name, options)
      .catch(unless((error) => isNotFound(error) || isConflict(error)));
  }
}

/** Somebody else was faster: then there is another change to hear of. */
const unless =
  (isExpected: (error: unknown) => boolean) =>
  (error: unknown): void => {
    if (!isExpected(error)) throw error;
  };

/** How it is managed; undefined for what people make. */
function managedOf({ metadata }: APIService): string | undefined {
  const value = metadata.labels?.[label];
  return value === onStart || value === always ? value : undefined;
}
