import type { Event } from "../api/types/core-v1.ts";
import { formatGroupResource } from "../apimachinery/gvk.ts";
import type { OwnerReference } from "../apimachinery/meta-v1.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { StatusError } from "../apimachinery/status.ts";
import { parseTime } from "../apimachinery/time.ts";
import type { Client, ListOptions, ResourceReference } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import type { Reason } from "./reason.ts";

/** Finds resources by what discovery tells of them. The built-in kubectl has one. */
export interface ResourceFinder {
  forKind(apiVersion: string, kind: string): Promise<ServedResource | undefined>;
  forName(name: string): Promise<ServedResource | undefined>;
  all(): Promise<readonly ServedResource[]>;
}

export interface ServedResource extends ResourceReference {
  readonly verbs: readonly string[];
}

/** Answers why an object is as it is. */
export type Question<T extends KubernetesObject = KubernetesObject> = (
  object: T,
  look: Look,
) => Promise<Reason>;

interface Parts {
  readonly client: Client;
  readonly finder: ResourceFinder;
  readonly nowMs: number;
  /** Finds the question for an object. */
  readonly ask: Question;
}

/**
 * What questions see of a cluster: the API and nothing else. Each list is read once. What the user may not read counts
 * as absent, and is remembered in `unseen`, so that the answer can say what it does not know.
 */
export class Look {
  readonly client: Client;
  readonly finder: ResourceFinder;
  readonly nowMs: number;
  readonly #parts: Parts;
  readonly #shared: { readonly read: Map<string, Promise<unknown>>; readonly unseen: Set<string> };
  /** UIDs of what is being explained: a claim waits for its pod, which waits for the claim. */
  readonly #trail: readonly string[];

  constructor(parts: Parts, from?: Look, uid?: string) {
    this.client = parts.client;
    this.finder = parts.finder;
    this.nowMs = parts.nowMs;
    this.#parts = parts;
    this.#shared = from === undefined ? { read: new Map(), unseen: new Set() } : from.#shared;
    this.#trail = from === undefined || uid === undefined ? [] : [...from.#trail, uid];
  }

  /** What could not be read for lack of rights: `secrets in shop`. */
  get unseen(): readonly string[] {
    return [...this.#shared.unseen];
  }

  /** The object, or undefined when there is none. `isUnseen` tells whether it might be there all the same. */
  async get<T extends KubernetesObject>(
    resource: ResourceReference<T>,
    name: string,
    namespace = "",
  ): Promise<T | undefined> {
    const scope = namespace === "" ? {} : { namespace };
    return await this.#read(
      `get ${formatGroupResource(resource)} ${namespace}/${name}`,
      resource,
      namespace,
      () => this.client.resource(resource).get(name, scope),
    );
  }

  /** True when the user may not read this resource, so that nothing can be said of what was not found. */
  isUnseen(resource: ResourceReference, namespace = ""): boolean {
    return this.#shared.unseen.has(whereOf(resource, namespace));
  }

  async list<T extends KubernetesObject>(
    resource: ResourceReference<T>,
    namespace = "",
    options: Pick<ListOptions, "labelSelector" | "metadataOnly"> = {},
  ): Promise<readonly T[]> {
    const scope = namespace === "" ? options : { ...options, namespace };
    const key = `list ${formatGroupResource(resource)} ${namespace} ${JSON.stringify(options)}`;
    const list = await this.#read(key, resource, namespace, () => this.client.resource(resource).list(scope));
    return list?.items ?? [];
  }

  /** Events about the object, newest first; the part of it may be named: `spec.containers{web}`. */
  async events(object: KubernetesObject, fieldPath?: string): Promise<readonly Event[]> {
    const { name, namespace = "default", uid = "" } = object.metadata;
    // Those of objects without a namespace lie in the default one.
    const events = await this.list(resources.events, namespace);
    return (
      events
        .filter(({ involvedObject: about }) => about.kind === object.kind && about.name === name)
        // Events about nodes carry the node's name for a UID.
        .filter(
          ({ involvedObject: about }) => about.uid === uid || about.uid === name || (about.uid ?? "") === "",
        )
        .filter(({ involvedObject: about }) => fieldPath === undefined || about.fieldPath === fieldPath)
        .toSorted((a, b) => eventMs(b) - eventMs(a))
    );
  }

  /** The newest event about the object with one of the reasons. */
  async event(object: KubernetesObject, ...reasons: readonly string[]): Promise<Event | undefined> {
    return (await this.events(object)).find((event) => reasons.includes(event.reason ?? ""));
  }

  /** Why each of the objects is as it is, without those that are fine, and without what is being explained already. */
  async causes(objects: readonly (KubernetesObject | undefined)[]): Promise<Reason[]> {
    return (await this.explain(objects)).filter(({ state }) => state !== "fine");
  }

  /** Why each of the objects is as it is. */
  async explain(objects: readonly (KubernetesObject | undefined)[]): Promise<Reason[]> {
    const asked = objects.flatMap((object) => {
      const uid = object?.metadata.uid ?? "";
      if (object === undefined || this.#trail.includes(uid)) return [];
      return [this.#parts.ask(object, new Look(this.#parts, this, uid))];
    });
    return await Promise.all(asked);
  }

  /** The object that an owner reference names. */
  async owner(reference: OwnerReference, namespace: string): Promise<KubernetesObject | undefined> {
    const resource = await this.finder.forKind(reference.apiVersion, reference.kind);
    if (resource === undefined) return undefined;
    return await this.get(resource, reference.name, resource.namespaced ? namespace : "");
  }

  /** How long ago the time was; 0 when there is none. */
  ageMs(time: string | undefined): number {
    const ms = parseTime(time);
    return ms === undefined ? 0 : Math.max(0, this.nowMs - ms);
  }

  async #read<R>(
    key: string,
    resource: ResourceReference,
    namespace: string,
    read: () => Promise<R>,
  ): Promise<R | undefined> {
    const known = this.#shared.read.get(key);
    if (known !== undefined) return (await known) as R | undefined;
    const reading = read().catch((error: unknown) => {
      if (!(error instanceof StatusError)) throw error;
      if (error.reason === "Forbidden") this.#shared.unseen.add(whereOf(resource, namespace));
      // What is not served, or by a server that is down, cannot be looked at either.
      else if (error.code < 404) throw error;
      return undefined;
    });
    this.#shared.read.set(key, reading);
    return await reading;
  }
}

const whereOf = (resource: ResourceReference, namespace: string): string =>
  `${formatGroupResource(resource)}${namespace === "" ? "" : ` in ${namespace}`}`;

const eventMs = (event: Event): number =>
  parseTime(event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime) ??
  parseTime(event.metadata.creationTimestamp) ??
  0;
