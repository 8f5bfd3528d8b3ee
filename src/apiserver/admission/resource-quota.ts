import { add, type ResourceList, resourceList, zero } from "../../api/quota/pod-resources.ts";
import { matchingResources, missingStatements, quotaMatches, usageOf } from "../../api/quota/usage.ts";
import type { Pod, ResourceQuota as ResourceQuotaObject } from "../../api/types/core-v1.ts";
import type { GroupResource } from "../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { Quantity } from "../../apimachinery/quantity.ts";
import { isConflict, newServiceUnavailable } from "../../apimachinery/status.ts";
import type { AdmissionAttributes, AdmissionDependencies, AdmissionPlugin } from "./admission.ts";
import { refuse } from "./attributes.ts";

const quotas = { group: "", resource: "resourcequotas" };

/** Writes the status of a quota that was read, guarded by its resourceVersion: rejects with Conflict when it has changed. */
export type QuotaStatusWriter = (quota: ResourceQuotaObject) => Promise<void>;

interface Options extends AdmissionDependencies {
  readonly writeStatus: QuotaStatusWriter;
}

/** Not counted: they are answers rather than objects, or far too many. */
const ignored = new Set([
  "bindings.",
  "events.",
  "events.events.k8s.io",
  "componentstatuses.",
  "localsubjectaccessreviews.authorization.k8s.io",
]);

interface Waiting {
  readonly attributes: AdmissionAttributes;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const retries = 3;

/**
 * Charges what is created against the quotas of its namespace before it is stored, so that a quota holds at every
 * moment; the quota controller gives back what deletions free. Requests of one namespace that come together are
 * charged together, with one write per quota. A quota bounds nothing before its controller has written its status, as
 * in Kubernetes: the files of an app often bring their quota with them. Mirrors
 * apiserver/pkg/admission/plugin/resourcequota.
 */
export class ResourceQuota implements AdmissionPlugin {
  readonly name = "ResourceQuota";
  readonly #options: Options;
  /** Per namespace: requests that wait for the batch in progress. Present while a batch runs. */
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(options: Options) {
    this.#options = options;
  }

  handles(attributes: AdmissionAttributes): boolean {
    const { operation, namespace, resource, subresource } = attributes;
    if (namespace === "" || ignored.has(`${resource.resource}.${resource.group}`)) return false;
    // A namespace is told its own name; it is not in itself.
    if (resource.group === "" && resource.resource === "namespaces") return false;
    if (operation === "CREATE") return subresource === "";
    return operation === "UPDATE" && isMeasuredUpdate(attributes);
  }

  validate(attributes: AdmissionAttributes): Promise<void> | undefined {
    if (this.#quotasFor(attributes).length === 0) return undefined;
    return new Promise((resolve, reject) => {
      const entry = { attributes, resolve, reject };
      const waiting = this.#waiting.get(attributes.namespace);
      if (waiting !== undefined) {
        waiting.push(entry);
        return;
      }
      this.#waiting.set(attributes.namespace, [entry]);
      void this.#work(attributes.namespace);
    });
  }

  async #work(namespace: string): Promise<void> {
    for (;;) {
      const batch = this.#waiting.get(namespace) ?? [];
      if (batch.length === 0) break;
      this.#waiting.set(namespace, []);
      try {
        await this.#charge(namespace, batch);
      } catch (error) {
        for (const entry of batch) entry.reject(error);
      }
    }
    this.#waiting.delete(namespace);
  }

  async #charge(namespace: string, batch: readonly Waiting[]): Promise<void> {
    let open = batch;
    for (let attempt = 0; open.length > 0; attempt++) {
      const ledger = this.#list(namespace).map((quota) => new Ledger(quota));
      const accepted = open.filter((entry) => this.#enter(ledger, entry));
      const written = await Promise.all(
        ledger.filter((quota) => quota.changed).map((quota) => this.#write(quota.updated())),
      );
      if (written.every(Boolean)) {
        for (const entry of accepted) entry.resolve();
        return;
      }
      if (attempt === retries)
        throw newServiceUnavailable("the resource quota could not be updated, please try again");
      // Whoever lost a race is charged again against what is stored now.
      open = accepted;
    }
  }

  /** False when the request is refused. A dry run is checked and charged nothing. */
  #enter(ledger: readonly Ledger[], { attributes, reject }: Waiting): boolean {
    try {
      const copies = attributes.dryRun ? ledger.map((quota) => quota.copy()) : ledger;
      const delta = this.#delta(attributes);
      const concerned = copies.filter((quota) => quota.matches(attributes));
      for (const quota of concerned) quota.check(attributes, delta(quota));
      for (const quota of concerned) quota.enter(delta(quota));
      return true;
    } catch (error) {
      reject(error);
      return false;
    }
  }

  async #write(quota: ResourceQuotaObject): Promise<boolean> {
    try {
      await this.#options.writeStatus(quota);
      return true;
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
  }

  /** On an update only the growth counts, for quotas that the object was charged to before. */
  #delta(attributes: AdmissionAttributes): (quota: Ledger) => ResourceList {
    const nowMs = this.#options.nowMs();
    const { resource, object, oldObject, operation } = attributes;
    const usage = object === undefined ? new Map<string, Quantity>() : usageOf(resource, object, nowMs);
    if (operation !== "UPDATE" || oldObject === undefined) return () => usage;
    const grown = growth(usage, usageOf(resource, oldObject, nowMs));
    return (quota) => (quota.matchesObject(resource, oldObject) ? grown : usage);
  }

  #list(namespace: string): readonly ResourceQuotaObject[] {
    return this.#options.reader.list<ResourceQuotaObject>(quotas, namespace);
  }

  #quotasFor({ namespace, resource, object }: AdmissionAttributes): readonly ResourceQuotaObject[] {
    const all = this.#list(namespace);
    return object === undefined ? [] : all.filter((quota) => quotaMatches(quota, resource, object));
  }
}

/**
 * Services and claims can grow; of pods only their resources can, by the subresource for it. A pod that is given a deadline
 * passes from one quota to another.
 */
function isMeasuredUpdate({ resource, subresource, object, oldObject }: AdmissionAttributes): boolean {
  if (resource.group !== "") return false;
  if (resource.resource === "pods")
    return subresource === "resize" || (subresource === "" && hasDeadline(object) !== hasDeadline(oldObject));
  return (
    subresource === "" && (resource.resource === "services" || resource.resource === "persistentvolumeclaims")
  );
}

function hasDeadline(pod: UnstructuredObject | undefined): boolean {
  const seconds = (pod as Pod | undefined)?.spec.activeDeadlineSeconds;
  return seconds !== undefined && seconds >= 0;
}

function growth(usage: ResourceList, before: ResourceList): ResourceList {
  const grown = new Map<string, Quantity>();
  for (const [name, quantity] of usage) {
    const difference = quantity.sub(before.get(name) ?? zero);
    if (difference.compare(zero) > 0) grown.set(name, difference);
  }
  return grown;
}

/** One quota with what the requests of a batch add to it. */
class Ledger {
  readonly #quota: ResourceQuotaObject;
  readonly #hard: ResourceList;
  #used: ResourceList;
  changed = false;

  constructor(quota: ResourceQuotaObject) {
    this.#quota = quota;
    this.#hard = resourceList(quota.status?.hard);
    this.#used = resourceList(quota.status?.used);
  }

  copy(): Ledger {
    const copy = new Ledger(this.#quota);
    copy.#used = this.#used;
    return copy;
  }

  matches({ resource, object }: AdmissionAttributes): boolean {
    return object !== undefined && this.matchesObject(resource, object);
  }

  matchesObject(resource: GroupResource, object: UnstructuredObject): boolean {
    return quotaMatches(this.#quota, resource, object);
  }

  check(attributes: AdmissionAttributes, delta: ResourceList): void {
    const { resource, object } = attributes;
    const name = this.#quota.metadata.name;
    const restricted = matchingResources(resource, [...this.#hard.keys()]);
    if (resource.group === "" && resource.resource === "pods" && object !== undefined) {
      const missing = missingStatements(object as unknown as Pod, restricted);
      if (missing !== undefined) throw refuse(attributes, `failed quota: ${name}: ${missing}`);
    }
    if (restricted.some((each) => !this.#used.has(each))) {
      throw refuse(
        attributes,
        `status unknown for quota: ${name}, resources: ${restricted.toSorted().join(",")}`,
      );
    }
    const requested = mask(delta, this.#hard);
    const negative = [...requested]
      .filter(([, quantity]) => quantity.compare(zero) < 0)
      .map(([each]) => each);
    if (negative.length > 0) {
      throw refuse(attributes, `quota usage is negative for resource(s): ${negative.toSorted().join(",")}`);
    }
    const total = add(this.#used, requested);
    const exceeded = [...requested.keys()].filter(
      (each) => (total.get(each) ?? zero).compare(this.#hard.get(each) ?? zero) > 0,
    );
    if (exceeded.length === 0) return;
    throw refuse(
      attributes,
      `exceeded quota: ${name}, requested: ${show(requested, exceeded)}, used: ${show(this.#used, exceeded)}, limited: ${show(this.#hard, exceeded)}`,
    );
  }

  enter(delta: ResourceList): void {
    const requested = mask(delta, this.#hard);
    if (requested.size === 0) return;
    this.#used = add(this.#used, requested);
    this.changed = true;
  }

  updated(): ResourceQuotaObject {
    const used = Object.fromEntries([...this.#used].map(([name, quantity]) => [name, quantity.toString()]));
    return { ...this.#quota, status: { ...this.#quota.status, used } };
  }
}

function mask(usage: ResourceList, hard: ResourceList): Map<string, Quantity> {
  return new Map([...usage].filter(([name, quantity]) => hard.has(name) && !quantity.isZero()));
}

function show(list: ResourceList, names: readonly string[]): string {
  return names
    .toSorted()
    .map((name) => `${name}=${list.get(name) ?? zero}`)
    .join(",");
}
