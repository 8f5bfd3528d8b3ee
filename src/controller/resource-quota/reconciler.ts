import { matchingResources, scopesMatch, scopesOf, usageOf } from "../../api/quota/usage.ts";
import type { ResourceQuota } from "../../api/types/core-v1.ts";
import { type KubernetesObject, keyOf, type UnstructuredObject } from "../../apimachinery/object.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { isConflict, isNotFound } from "../../apimachinery/status.ts";
import type { ResourceReference } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ReconcileResult } from "../controller.ts";
import { Pace } from "../pace.ts";

/** Every quota is counted anew as often, whatever was missed. */
const resyncMs = 300_000;
/** What was charged but not stored yet when the sum was made is found by a second look after so long. */
const secondLookMs = 10_000;
/**
 * For so long after a charge nothing is given back: what was charged may be on its way to the store, and whoever gave
 * that back would let in one more than the quota allows.
 */
const underWayMs = 1_000;

const none = Quantity.fromInteger(0);

export class ResourceQuotaReconciler {
  readonly #context: ControllerContext;
  readonly #informersOf: (quota: ResourceQuota) => Promise<Informer<KubernetesObject>[]>;
  /** When each quota was last seen to be charged. */
  readonly #chargedMs = new Map<string, number>();
  /** The sums that were last written here, which are no charges. */
  readonly #written = new Map<string, Readonly<Record<string, string>>>();

  readonly #pace: Pace;

  constructor(
    context: ControllerContext,
    informersOf: (quota: ResourceQuota) => Promise<Informer<KubernetesObject>[]>,
  ) {
    this.#context = context;
    this.#informersOf = informersOf;
    this.#pace = new Pace(context.clock);
  }

  /** To be told of each change of a quota. */
  changed(old: ResourceQuota, quota: ResourceQuota): void {
    const [key, used = {}] = [keyOf(quota), quota.status?.used];
    if (!sameList(this.#written.get(key), used) && isLess(old.status?.used, used)) {
      this.#chargedMs.set(key, this.#context.clock.now());
    }
  }

  forget(quota: ResourceQuota): void {
    this.#chargedMs.delete(keyOf(quota));
    this.#written.delete(keyOf(quota));
    this.#pace.forget(keyOf(quota));
  }

  async reconcile(quota: ResourceQuota): Promise<ReconcileResult | undefined> {
    const waitMs = this.#pace.waitMs(keyOf(quota));
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    const hard = quota.spec?.hard ?? {};
    const informers = await this.#informersOf(quota);
    let used = this.#usage(quota, hard, informers.map(cachedIn(quota)));
    const isWritten = (): boolean => sameList(quota.status?.hard, hard) && sameList(quota.status?.used, used);
    if (isWritten()) return { requeueAfterMs: resyncMs };
    const chargedMs = this.#chargedMs.get(keyOf(quota)) ?? Number.NEGATIVE_INFINITY;
    const leftMs = chargedMs + underWayMs - this.#context.clock.now();
    if (isLess(used, quota.status?.used ?? {})) {
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      used = this.#usage(quota, hard, await this.#read(quota, informers));
      if (isWritten()) return { requeueAfterMs: secondLookMs };
    }
    this.#written.set(keyOf(quota), used);
    try {
      await this.#context.client
        .resource(resources.resourcequotas)
        .updateStatus({ ...quota, status: { ...quota.status, hard, used } });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      // Somebody was charged meanwhile: the cache will have that in a moment.
      if (isConflict(error)) return { requeueAfterMs: 20 };
      throw error;
    }
    return { requeueAfterMs: secondLookMs };
  }

  /**
   * What the quota bounds as the server has it now. A cache that is behind does not know yet of what was charged, and
   * whoever gave that back would let in more than the quota allows.
   */
  async #read(
    quota: ResourceQuota,
    informers: readonly Informer<KubernetesObject>[],
  ): Promise<CountedObjects[]> {
    const { namespace } = quota.metadata;
    return await Promise.all(
      informers.map(async ({ reference }) => {
        const { items } = await this.#context.client.resource(reference).list({ namespace });
        return { reference, objects: items as UnstructuredObject[] };
      }),
    );
  }

  #usage(
    quota: ResourceQuota,
    hard: Readonly<Record<string, string>>,
    counted: readonly CountedObjects[],
  ): Record<string, string> {
    const names = Object.keys(hard);
    const scopes = scopesOf(quota);
    const nowMs = this.#context.clock.now();
    const used = new Map<string, Quantity>();
    let count = 0;
    for (const { reference, objects } of counted) {
      for (const name of matchingResources(reference, names)) used.set(name, used.get(name) ?? none);
      count += objects.length;
      for (const object of objects) {
        if (!scopesMatch(scopes, reference, object)) continue;
        for (const [name, quantity] of usageOf(reference, object, nowMs)) {
          const sum = used.get(name);
          if (sum !== undefined) used.set(name, sum.add(quantity));
        }
      }
    }
    this.#pace.worksOn(keyOf(quota), count);
    return Object.fromEntries([...used].map(([name, quantity]) => [name, quantity.toString()]));
  }
}

/** The objects of a kind in the quota's namespace. */
interface CountedObjects {
  readonly reference: ResourceReference;
  readonly objects: readonly UnstructuredObject[];
}

const cachedIn =
  ({ metadata: { namespace } }: ResourceQuota) =>
  (informer: Informer<KubernetesObject>): CountedObjects => ({
    reference: informer.reference,
    objects: informer.list(namespace) as UnstructuredObject[],
  });

/** True when less is used of something than the other list says. */
const isLess = (
  used: Readonly<Record<string, string>> | undefined,
  than: Readonly<Record<string, string>>,
): boolean =>
  Object.entries(than).some(
    ([name, quantity]) => Quantity.parse(used?.[name] ?? "0").compare(Quantity.parse(quantity)) < 0,
  );

function sameList(
  a: Readonly<Record<string, string>> | undefined,
  b: Readonly<Record<string, string>>,
): boolean {
  if (a === undefined) return false;
  const names = Object.keys(b);
  return names.length === Object.keys(a).length && names.every((name) => a[name] === b[name]);
}
