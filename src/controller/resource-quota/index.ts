import { matchingResources, usageOf } from "../../api/quota/usage.ts";
import type { Pod, ResourceQuota } from "../../api/types/core-v1.ts";
import { formatApiVersion } from "../../apimachinery/gvk.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import {
  isBeingDeleted,
  type KubernetesObject,
  keyOf,
  type UnstructuredObject,
} from "../../apimachinery/object.ts";
import type { ResourceReference } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerRegistration } from "../controller.ts";
import { discoverResources, kindKey } from "../discovery.ts";
import { followDefinitions } from "../follow-definitions.ts";
import { watch } from "../watch.ts";
import { ResourceQuotaReconciler } from "./reconciler.ts";

/** Not counted: they are answers rather than objects, or far too many. */
const ignored = new Set(["bindings", "events", "localsubjectaccessreviews"]);

/** The key under which kinds that are not built in are looked at again. */
const discover = "discover";

/**
 * Writes into the status of each quota what it bounds and how much of that is used. Admission charges what is created;
 * this gives back what deletions and ends free. Only the kinds that some quota names are followed.
 */
export const resourceQuotaController: ControllerRegistration = {
  name: "resourcequota-controller",
  setup(context) {
    const quotas = context.informers.informer(resources.resourcequotas);
    let enqueue: (key: string) => void = () => {};
    const measured = new MeasuredKinds(context, (namespace) => {
      for (const quota of quotas.list(namespace)) enqueue(keyOf(quota));
    });
    const recount = (): void => {
      for (const quota of quotas.list()) if (measured.hasUnknown(quota)) enqueue(keyOf(quota));
    };
    const reconciler = new ResourceQuotaReconciler(context, (quota) => measured.of(quota));
    const remove = quotas.addHandler({
      updated: (old, quota) => reconciler.changed(old, quota),
      deleted: (quota) => reconciler.forget(quota),
    });
    context.signal.addEventListener("abort", remove, { once: true });
    return {
      workers: 2,
      start() {
        void followDefinitions(context, () => enqueue(discover));
      },
      watches: [
        (add) => {
          enqueue = add;
        },
        // Each charge changes the status: only what it should be measured against is news.
        watch(quotas, (quota) => [keyOf(quota)], {
          when: (old, quota) => !hasStatus(quota) || !deepEqual(old.spec, quota.spec),
        }),
      ],
      async reconcile(key) {
        if (key === discover) {
          await measured.discover();
          return recount();
        }
        const quota = quotas.getByKey(key);
        if (quota === undefined || isBeingDeleted(quota)) return undefined;
        return await reconciler.reconcile(quota);
      },
    };
  },
};

const hasStatus = (quota: ResourceQuota): boolean => quota.status?.hard !== undefined;

/** The kinds that quotas bound, each with a cache from the moment on when the first quota names it. */
class MeasuredKinds {
  readonly #context: ControllerContext;
  readonly #freed: (namespace: string) => void;
  readonly #followed = new Map<ResourceReference, Informer<KubernetesObject>>();
  /** Of kinds that are not built in, by the name that quotas give them; undefined when nobody serves them. */
  readonly #custom = new Map<string, CustomKind | undefined>();

  /** `freed` is called when something of the namespace uses less than before. */
  constructor(context: ControllerContext, freed: (namespace: string) => void) {
    this.#context = context;
    this.#freed = freed;
  }

  /** Their caches, filled. */
  async of(quota: ResourceQuota): Promise<Informer<KubernetesObject>[]> {
    const names = Object.keys(quota.spec?.hard ?? {});
    const informers = countable
      .filter((reference) => matchingResources(reference, names).length > 0)
      .map((reference) => this.#follow(reference));
    for (const name of customNames(names)) {
      const found = await this.#find(name);
      if (found !== undefined) informers.push(this.#follow(found.reference, found.end.signal));
    }
    await Promise.all(informers.map((informer) => informer.synced()));
    return informers;
  }

  /** Whether it names a kind that was not served when it was looked for. */
  hasUnknown(quota: ResourceQuota): boolean {
    const names = customNames(Object.keys(quota.spec?.hard ?? {}));
    return names.some((name) => this.#custom.get(name) === undefined);
  }

  /** Forgets what was not served when it was looked for, and lets go of the caches of what no longer is. */
  async discover(): Promise<void> {
    for (const [name, kind] of this.#custom) if (kind === undefined) this.#custom.delete(name);
    if (this.#custom.size === 0) return;
    const { kinds, failures } = await discoverResources(this.#context.client.transport);
    for (const [name, kind] of this.#custom) {
      if (kind === undefined) continue;
      const { reference, end } = kind;
      const apiVersion = formatApiVersion(reference);
      if (kinds.has(kindKey(apiVersion, reference.kind)) || failures.has(apiVersion)) continue;
      end.abort();
      this.#followed.delete(reference);
      this.#custom.delete(name);
    }
  }

  async #find(name: string): Promise<CustomKind | undefined> {
    if (!this.#custom.has(name)) {
      const { resources: served } = await discoverResources(this.#context.client.transport);
      const reference = served.find((each) => each.namespaced && matchingResources(each, [name]).length > 0);
      // Somebody else may have found it meanwhile.
      if (!this.#custom.has(name))
        this.#custom.set(name, reference && { reference, end: new AbortController() });
    }
    return this.#custom.get(name);
  }

  /** The cache of a kind that may go ends with the signal. */
  #follow(reference: ResourceReference, end?: AbortSignal): Informer<KubernetesObject> {
    const known = this.#followed.get(reference);
    if (known !== undefined) return known;
    const { informers, signal } = this.#context;
    const until = end === undefined ? signal : AbortSignal.any([end, signal]);
    const informer = informers.informer(reference, end === undefined ? {} : { signal: until });
    this.#followed.set(reference, informer);
    const remove = informer.addHandler({
      updated: (old, object) => {
        if (this.#shrank(reference, old, object)) this.#freed(object.metadata.namespace ?? "");
      },
      deleted: (object) => this.#freed(object.metadata.namespace ?? ""),
    });
    until.addEventListener("abort", remove, { once: true });
    return informer;
  }

  /** Only these can use less without being deleted: by ending, by another type, by a resize. */
  #shrank(reference: ResourceReference, old: KubernetesObject, object: KubernetesObject): boolean {
    if (
      reference.group !== "" ||
      !["pods", "services", "persistentvolumeclaims"].includes(reference.resource)
    )
      return false;
    // One that is given a deadline, or loses it, passes from one quota to another.
    if (reference.resource === "pods" && deadlineOf(old) !== deadlineOf(object)) return true;
    const nowMs = this.#context.clock.now();
    const before = usageOf(reference, old as UnstructuredObject, nowMs);
    const after = usageOf(reference, object as UnstructuredObject, nowMs);
    return [...before].some(([name, quantity]) => {
      const left = after.get(name);
      return left === undefined || left.compare(quantity) < 0;
    });
  }
}

interface CustomKind {
  readonly reference: ResourceReference;
  /** Ends its cache. */
  readonly end: AbortController;
}

const deadlineOf = (pod: KubernetesObject): number | undefined =>
  (pod as Partial<Pod>).spec?.activeDeadlineSeconds;

const countable: readonly ResourceReference[] = Object.values<ResourceReference>(resources).filter(
  ({ namespaced, resource }) => namespaced && !ignored.has(resource),
);

/** Counts of kinds that are not built in. */
const customNames = (names: readonly string[]): string[] =>
  names.filter(
    (name) =>
      name.startsWith("count/") &&
      name.includes(".") &&
      !countable.some((reference) => matchingResources(reference, [name]).length > 0),
  );
