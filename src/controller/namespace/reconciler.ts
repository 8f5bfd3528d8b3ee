import type { Namespace } from "../../api/types/core-v1.ts";
import { setCondition } from "../../apimachinery/conditions.ts";
import { isConflict, isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ReconcileResult } from "../controller.ts";
import { conditionsOf } from "./conditions.ts";
import { type Contents, emptyNamespace } from "./contents.ts";

/** Between passes while something inside still ends: soon at first, since most of it ends soon. */
const soonestMs = 100;
const latestMs = 10_000;

/** Empties a namespace that is being deleted, and then takes the `kubernetes` finalizer off. Keys are names. */
export class NamespaceReconciler {
  readonly #context: ControllerContext;
  /** Passes that left something, by name of the namespace. */
  readonly #passes = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  async reconcile(name: string): Promise<ReconcileResult | undefined> {
    const { client, clock, informers } = this.#context;
    const namespace = informers.informer(resources.namespaces).get(name);
    const deletedAt = namespace?.metadata.deletionTimestamp;
    if (
      namespace === undefined ||
      deletedAt === undefined ||
      !(namespace.spec.finalizers ?? []).includes("kubernetes")
    ) {
      this.#passes.delete(name);
      return undefined;
    }
    const contents = await emptyNamespace(client.transport, name, clock.now() - Date.parse(deletedAt));
    await this.#report(namespace, contents);
    const { remaining, discoveryFailure, deletionFailures } = contents;
    if (remaining.size > 0 || deletionFailures.length > 0 || discoveryFailure !== undefined) {
      const passes = this.#passes.get(name) ?? 0;
      this.#passes.set(name, passes + 1);
      return { requeueAfterMs: Math.min(latestMs, soonestMs * 1.5 ** Math.min(passes, 20)) };
    }
    this.#passes.delete(name);
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

  async #report(namespace: Namespace, contents: Contents): Promise<void> {
    const nowMs = this.#context.clock.now();
    const before = namespace.status?.conditions ?? [];
    let conditions = before;
    for (const condition of conditionsOf(contents)) conditions = setCondition(conditions, condition, nowMs);
    if (conditions === before) return;
    const status = { ...namespace.status, phase: "Terminating", conditions };
    try {
      await this.#context.client.resource(resources.namespaces).updateStatus({ ...namespace, status });
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }
}
