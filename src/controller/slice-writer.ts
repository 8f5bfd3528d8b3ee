import type { EndpointSlice } from "../api/types/discovery-v1.ts";
import { isNotFound } from "../apimachinery/status.ts";
import type { ResourceClient } from "../client/client.ts";
import type { Informer } from "../client/informer.ts";
import { resources } from "../client/resources.ts";
import type { ControllerContext } from "./controller.ts";

/** After so long the cache is believed again. */
const expireAfterMs = 60_000;

interface Write {
  /** Zero for a deletion. */
  readonly revision: bigint;
  readonly atMs: number;
}

/**
 * Writes slices and remembers what the cache does not show yet. Planning on a cache that lags would make slices
 * twice; who is behind comes back a moment later.
 */
export class SliceWriter {
  readonly retryMs = 20;
  readonly #client: ResourceClient<EndpointSlice>;
  readonly #clock: ControllerContext["clock"];
  readonly #slices: Informer<EndpointSlice>;
  /** By the owner's key, then by the slice's. Invariant: only writes that the cache may not show yet. */
  readonly #writes = new Map<string, Map<string, Write>>();

  constructor({ client, clock }: ControllerContext, slices: Informer<EndpointSlice>) {
    this.#client = client.resource(resources.endpointslices);
    this.#clock = clock;
    this.#slices = slices;
  }

  /** True while the cache lacks something that was written for the key. */
  isBehind(key: string): boolean {
    const writes = this.#writes.get(key);
    if (writes === undefined) return false;
    for (const [sliceKey, write] of writes) if (this.#isSeen(sliceKey, write)) writes.delete(sliceKey);
    if (writes.size === 0) this.#writes.delete(key);
    return writes.size > 0;
  }

  #isSeen(sliceKey: string, { revision, atMs }: Write): boolean {
    const slice = this.#slices.getByKey(sliceKey);
    if (this.#clock.now() - atMs > expireAfterMs) return true;
    if (revision === 0n) return slice === undefined;
    // Gone since, when the cache has seen later revisions.
    if (slice === undefined) return BigInt(this.#slices.lastResourceVersion() || "0") > revision;
    return BigInt(slice.metadata.resourceVersion ?? "0") >= revision;
  }

  async carryOut(
    key: string,
    plan: {
      readonly create: readonly EndpointSlice[];
      readonly update: readonly EndpointSlice[];
      readonly remove: readonly EndpointSlice[];
    },
  ): Promise<void> {
    for (const slice of plan.create) this.#note(key, await this.#client.create(slice));
    for (const slice of plan.update) this.#note(key, await this.#client.update(slice));
    for (const slice of plan.remove) await this.delete(key, slice);
  }

  async delete(key: string, slice: EndpointSlice): Promise<void> {
    const { name = "", namespace } = slice.metadata;
    try {
      await this.#client.delete(name, { namespace });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#remember(key, slice, 0n);
  }

  #note(key: string, slice: EndpointSlice): void {
    this.#remember(key, slice, BigInt(slice.metadata.resourceVersion ?? "0"));
  }

  #remember(key: string, { metadata }: EndpointSlice, revision: bigint): void {
    const writes = this.#writes.get(key) ?? new Map<string, Write>();
    this.#writes.set(key, writes);
    writes.set(`${metadata.namespace}/${metadata.name}`, { revision, atMs: this.#clock.now() });
  }
}
