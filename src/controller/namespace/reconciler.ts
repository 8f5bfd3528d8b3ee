import type { Namespace, NamespaceCondition } from "../../api/types/core-v1.ts";
import { setCondition } from "../../apimachinery/conditions.ts";
import type { KubernetesList, UnstructuredObject } from "../../apimachinery/object.ts";
import { isConflict, isNotFound, StatusError } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ReconcileResult } from "../controller.ts";
import { type DiscoveredResource, discoverResources } from "../discovery.ts";

/** What one pass over the contents found. */
interface Contents {
  readonly remaining: ReadonlyMap<string, number>;
  readonly finalizers: ReadonlyMap<string, number>;
  readonly discoveryFailures: readonly string[];
  readonly deletionFailures: readonly string[];
}

/** Between passes while something inside still ends. */
const againMs = 500;

/**
 * Empties a namespace that is being deleted, whatever kinds are served, and then takes the `kubernetes` finalizer off.
 * What holds it up is told in conditions, as `kubectl get namespace -o yaml` shows them.
 */
export class NamespaceReconciler {
  readonly #context: ControllerContext;

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  async reconcile(name: string): Promise<ReconcileResult | undefined> {
    const namespace = this.#context.informers.informer(resources.namespaces).get(name);
    if (namespace?.metadata.deletionTimestamp === undefined) return undefined;
    if (!(namespace.spec.finalizers ?? []).includes("kubernetes")) return undefined;
    const contents = await this.#empty(name);
    const left =
      contents.remaining.size + contents.discoveryFailures.length + contents.deletionFailures.length;
    await this.#report(namespace, contents);
    if (left > 0) return { requeueAfterMs: againMs };
    await this.#finalize(name);
    return undefined;
  }

  async #finalize(name: string): Promise<void> {
    const client = this.#context.client.resource(resources.namespaces);
    try {
      const current = await client.get(name);
      const finalizers = (current.spec.finalizers ?? []).filter((finalizer) => finalizer !== "kubernetes");
      await client.putSubresource(name, "finalize", { ...current, spec: { ...current.spec, finalizers } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Deletes everything inside and counts what is still there. */
  async #empty(namespace: string): Promise<Contents> {
    const remaining = new Map<string, number>();
    const finalizers = new Map<string, number>();
    const discoveryFailures: string[] = [];
    const deletionFailures: string[] = [];
    const found = await discoverResources(this.#context.client.transport).catch((error: unknown) => {
      discoveryFailures.push(messageOf(error));
      return [];
    });
    for (const resource of found) {
      if (!resource.namespaced || !["list", "delete"].every((verb) => resource.verbs.includes(verb)))
        continue;
      const name = resource.group === "" ? resource.resource : `${resource.resource}.${resource.group}`;
      try {
        const items = await this.#emptyResource(namespace, resource);
        if (items.length > 0) remaining.set(name, items.length);
        for (const item of items) {
          for (const finalizer of item.metadata.finalizers ?? []) {
            finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
          }
        }
      } catch (error) {
        deletionFailures.push(messageOf(error));
      }
    }
    return { remaining, finalizers, discoveryFailures, deletionFailures };
  }

  async #emptyResource(namespace: string, resource: DiscoveredResource): Promise<UnstructuredObject[]> {
    const { transport } = this.#context.client;
    const root =
      resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
    const path = `${root}/namespaces/${namespace}/${resource.resource}`;
    const list = async (): Promise<UnstructuredObject[]> =>
      ((await transport.request({ method: "GET", path })).body as KubernetesList<UnstructuredObject>).items;
    try {
      if ((await list()).length === 0) return [];
      if (resource.verbs.includes("deletecollection")) {
        await transport.request({ method: "DELETE", path, query: { propagationPolicy: "Background" } });
      }
      return await list();
    } catch (error) {
      // The kind went away meanwhile (its CustomResourceDefinition was deleted), or cannot be listed: nothing to empty.
      if (isNotFound(error) || (error instanceof StatusError && error.code === 405)) return [];
      throw error;
    }
  }

  async #report(namespace: Namespace, contents: Contents): Promise<void> {
    const nowMs = this.#context.clock.now();
    const before = namespace.status?.conditions ?? [];
    let conditions = before;
    for (const condition of conditionsOf(contents)) conditions = setCondition(conditions, condition, nowMs);
    if (conditions === before) return;
    try {
      await this.#context.client.resource(resources.namespaces).updateStatus({
        ...namespace,
        status: { ...namespace.status, phase: "Terminating", conditions },
      });
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }
}

const counted = (map: ReadonlyMap<string, number>, phrase: (name: string, count: number) => string): string =>
  [...map]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => phrase(name, count))
    .join(", ");

/** Wording as pkg/controller/namespace/deletion/status_condition_utils.go has it. */
function conditionsOf(contents: Contents): Omit<NamespaceCondition, "lastTransitionTime">[] {
  const condition = (
    type: string,
    bad: boolean,
    reason: string,
    message: string,
    goodReason: string,
    goodMessage: string,
  ) => ({
    type,
    status: bad ? "True" : "False",
    reason: bad ? reason : goodReason,
    message: bad ? message : goodMessage,
  });
  return [
    condition(
      "NamespaceDeletionDiscoveryFailure",
      contents.discoveryFailures.length > 0,
      "DiscoveryFailed",
      `Discovery failed for some groups, ${contents.discoveryFailures.length} failing: ${contents.discoveryFailures.join(", ")}`,
      "ResourcesDiscovered",
      "All resources successfully discovered",
    ),
    condition(
      "NamespaceDeletionGroupVersionParsingFailure",
      false,
      "GroupVersionParsingFailed",
      "",
      "ParsedGroupVersions",
      "All legacy kube types successfully parsed",
    ),
    condition(
      "NamespaceDeletionContentFailure",
      contents.deletionFailures.length > 0,
      "ContentDeletionFailed",
      `Failed to delete all resource types, ${contents.deletionFailures.length} remaining: ${contents.deletionFailures.join(", ")}`,
      "ContentDeleted",
      "All content successfully deleted, may be waiting on finalization",
    ),
    condition(
      "NamespaceContentRemaining",
      contents.remaining.size > 0,
      "SomeResourcesRemain",
      `Some resources are remaining: ${counted(contents.remaining, (name, count) => `${name} has ${count} resource instances`)}`,
      "ContentRemoved",
      "All content successfully removed",
    ),
    condition(
      "NamespaceFinalizersRemaining",
      contents.finalizers.size > 0,
      "SomeFinalizersRemain",
      `Some content in the namespace has finalizers remaining: ${counted(contents.finalizers, (name, count) => `${name} in ${count} resource instances`)}`,
      "ContentHasNoFinalizers",
      "All content-preserving finalizers finished",
    ),
  ];
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
