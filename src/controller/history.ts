import type { ControllerRevision } from "../api/types/apps-v1.ts";
import type { PodTemplateSpec } from "../api/types/core-v1.ts";
import { fnv32a, safeEncode, stableStringify } from "../apimachinery/hash.ts";
import { deepEqual, isObject } from "../apimachinery/json.ts";
import type { Selector } from "../apimachinery/labels.ts";
import { type KubernetesObject, keyOf, newControllerRef } from "../apimachinery/object.ts";
import { isAlreadyExists, isNotFound } from "../apimachinery/status.ts";
import type { Client, ResourceClient, ResourceReference } from "../client/client.ts";
import type { Informer, InformerFactory } from "../client/informer.ts";
import { resources } from "../client/resources.ts";
import { claimObjects, indexByController, ownedAndOrphaned } from "./controller-ref-manager.ts";
import type { OwnWrites } from "./own-writes.ts";

/** On pods and revisions: which revision of the template they are of. */
export const revisionHashLabel = "controller-revision-hash";

/** An owner that keeps the history of its pod template. */
export interface Versioned extends KubernetesObject {
  readonly spec: { readonly template: PodTemplateSpec; readonly revisionHistoryLimit?: number | undefined };
}

export interface HistoryOptions<O extends Versioned> {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly ownerReference: ResourceReference<O>;
  /** The label that carries the hash of a revision's data. */
  readonly hashLabel: string;
  /** Told of each revision that is written, by the owner's key. */
  readonly written: OwnWrites;
}

export interface Revision {
  readonly revision: ControllerRevision;
  /** As it is after names that were taken by other data. */
  readonly collisionCount: number;
  /** All that the owner has, oldest first, with the one that was made or renumbered. */
  readonly all: readonly ControllerRevision[];
}

/** A revision's name, with its hash, is a DNS subdomain. */
const namePrefixMax = 223;

/**
 * Past pod templates of StatefulSets and DaemonSets, kept as ControllerRevisions: numbered patches from which
 * `kubectl rollout history` and `undo` work. (Mirrors pkg/controller/history.)
 */
export class RevisionHistory<O extends Versioned> {
  readonly #options: HistoryOptions<O>;
  readonly #revisions: Informer<ControllerRevision>;
  readonly #resource: ResourceClient<ControllerRevision>;

  constructor(options: HistoryOptions<O>) {
    this.#options = options;
    this.#revisions = options.informers.informer(resources.controllerrevisions);
    this.#resource = options.client.resource(resources.controllerrevisions);
    indexByController(this.#revisions);
  }

  /** The owner's revisions, oldest first; those that match and nobody controls are adopted. */
  async list(owner: O, selector: Selector): Promise<ControllerRevision[]> {
    const { client, ownerReference } = this.#options;
    const revisions = await claimObjects(ownedAndOrphaned(this.#revisions, owner), {
      client,
      reference: resources.controllerrevisions,
      owner,
      ownerReference,
      selector,
      wrote: (revision) => this.#wrote(owner, revision),
    });
    return revisions.toSorted(byNumber);
  }

  /**
   * The revision of the owner's current template. One that had the same template before gets the newest number
   * (that is a rollback); a template that is new gets a new one.
   */
  async current(owner: O, revisions: readonly ControllerRevision[], collisions: number): Promise<Revision> {
    const data = revisionData(owner.spec.template);
    const latest = revisions.at(-1);
    const number = (latest?.revision ?? 0) + 1;
    const equal = revisions.findLast((revision) => deepEqual(revision.data, data));
    if (equal !== undefined && equal === latest) {
      return { revision: equal, collisionCount: collisions, all: revisions };
    }
    const others = revisions.filter((revision) => revision !== equal);
    if (equal !== undefined) {
      const revision = this.#wrote(owner, await this.#resource.update({ ...equal, revision: number }));
      return { revision, collisionCount: collisions, all: [...others, revision] };
    }
    const { revision, collisionCount } = await this.#create(owner, data, number, collisions);
    return { revision, collisionCount, all: [...others, revision] };
  }

  /** Deletes the oldest of those that nothing uses, beyond the owner's limit. */
  async truncate(
    owner: O,
    revisions: readonly ControllerRevision[],
    live: ReadonlySet<string>,
  ): Promise<void> {
    const limit = owner.spec.revisionHistoryLimit ?? 10;
    const unused = revisions.filter(({ metadata }) => !live.has(metadata.name ?? ""));
    for (const { metadata } of unused.slice(0, Math.max(0, unused.length - limit))) {
      const { name = "", namespace } = metadata;
      try {
        await this.#resource.delete(name, { namespace });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }

  async #create(
    owner: O,
    data: unknown,
    number: number,
    collisions: number,
  ): Promise<Pick<Revision, "revision" | "collisionCount">> {
    for (let collisionCount = collisions; ; collisionCount++) {
      const wanted = this.#describe(owner, data, number, collisionCount);
      try {
        return { revision: this.#wrote(owner, await this.#resource.create(wanted)), collisionCount };
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
      const { name = "", namespace } = wanted.metadata;
      const present = await this.#resource.get(name, { namespace });
      // A cache that was behind: this is the one that was to be made.
      if (deepEqual(present.data, data)) return { revision: present, collisionCount };
    }
  }

  #wrote(owner: O, revision: ControllerRevision): ControllerRevision {
    this.#options.written.wrote(keyOf(owner), this.#revisions, revision);
    return revision;
  }

  #describe(owner: O, data: unknown, revision: number, collisionCount: number): ControllerRevision {
    const suffix = collisionCount === 0 ? "" : String(collisionCount);
    const hash = safeEncode(String(fnv32a(stableStringify(data) + suffix)));
    const { name = "", namespace, annotations } = owner.metadata;
    return {
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: {
        name: `${name.slice(0, namePrefixMax)}-${hash}`,
        namespace,
        labels: { ...owner.spec.template.metadata?.labels, [this.#options.hashLabel]: hash },
        ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
        ownerReferences: [newControllerRef(owner)],
      },
      data,
      revision,
    };
  }
}

/**
 * A strategic merge patch that puts the template in place of whatever is there. Its keys are in order: clients know the
 * revision of a template by the bytes, as Go writes them.
 */
function revisionData(template: PodTemplateSpec): unknown {
  return JSON.parse(stableStringify({ spec: { template: { ...template, $patch: "replace" } } }));
}

/** The template that a revision holds. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec | undefined {
  const spec = isObject(data) ? data["spec"] : undefined;
  const template = isObject(spec) ? spec["template"] : undefined;
  if (!isObject(template)) return undefined;
  const { $patch: _, ...rest } = template;
  return rest;
}

function byNumber(a: ControllerRevision, b: ControllerRevision): number {
  if (a.revision !== b.revision) return a.revision - b.revision;
  const left = a.metadata.creationTimestamp ?? "";
  const right = b.metadata.creationTimestamp ?? "";
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
}
