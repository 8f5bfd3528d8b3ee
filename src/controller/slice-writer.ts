import type { EndpointSlice } from "../api/types/discovery-v1.ts";
import { isBeingDeleted } from "../apimachinery/object.ts";
import { isNotFound } from "../apimachinery/status.ts";
import type { ResourceClient } from "../client/client.ts";
import type { Informer } from "../client/informer.ts";
import { resources } from "../client/resources.ts";
import type { ControllerContext, ControllerWatch } from "./controller.ts";
import { OwnWrites } from "./own-writes.ts";

/**
 * Writes slices and remembers what the cache does not show yet. Planning on a cache that lags would make slices twice;
 * who is behind is woken when it no longer is.
 */
export class SliceWriter {
  readonly #client: ResourceClient<EndpointSlice>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #written = new OwnWrites();
  /** Uids of slices that were deleted, until the cache shows it. */
  readonly #deleted = new Set<string>();

  constructor({ client }: ControllerContext, slices: Informer<EndpointSlice>) {
    this.#client = client.resource(resources.endpointslices);
    this.#slices = slices;
  }

  /** To be among the controller's watches. */
  watches(): ControllerWatch[] {
    const forgetDeleted: ControllerWatch = () =>
      this.#slices.addHandler({ deleted: ({ metadata }) => void this.#deleted.delete(metadata.uid ?? "") });
    return [forgetDeleted, this.#written.watch()];
  }

  /** True while the cache lacks something that was made or changed for the key. */
  isBehind(key: string): boolean {
    return !this.#written.isSeen(key);
  }

  /** There is nothing to be written for the key any more. */
  forget(key: string): void {
    this.#written.forget(key);
  }

  /** Whether the slice is there to be planned with. */
  isThere(slice: EndpointSlice): boolean {
    return !isBeingDeleted(slice) && !this.#deleted.has(slice.metadata.uid ?? "");
  }

  async carryOut(
    key: string,
    plan: {
      readonly create: readonly EndpointSlice[];
      readonly update: readonly EndpointSlice[];
      readonly remove: readonly EndpointSlice[];
    },
  ): Promise<void> {
    for (const slice of plan.create) this.#written.wrote(key, this.#slices, await this.#client.create(slice));
    for (const slice of plan.update) this.#written.wrote(key, this.#slices, await this.#client.update(slice));
    for (const slice of plan.remove) await this.delete(slice);
  }

  async delete(slice: EndpointSlice): Promise<void> {
    const { name = "", namespace, uid = "" } = slice.metadata;
    try {
      await this.#client.delete(name, { namespace });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    // Its event may have come before the answer.
    if (this.#slices.get(name, namespace)?.metadata.uid === uid) this.#deleted.add(uid);
  }
}
