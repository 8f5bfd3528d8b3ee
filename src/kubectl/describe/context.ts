import type { Event as CoreEvent, Pod } from "../../api/types/core-v1.ts";
import { controllerOf, type KubernetesObject, type UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceReference } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";
import type { Api } from "../api.ts";
import type { Description } from "./description.ts";

/** What a describer may look up besides the object. */
export class DescribeContext {
  readonly api: Api;
  readonly #showEvents: boolean;

  constructor(api: Api, showEvents: boolean) {
    this.api = api;
    this.#showEvents = showEvents;
  }

  async list<T extends KubernetesObject>(
    resource: ResourceReference<T>,
    namespace: string | undefined,
    query: Record<string, string | undefined> = {},
  ): Promise<T[]> {
    const list = await this.api.list({ resource, namespace }, { query });
    return list["items"] as T[];
  }

  async get<T extends KubernetesObject>(
    resource: ResourceReference<T>,
    namespace: string | undefined,
    name: string,
  ): Promise<T> {
    return (await this.api.get({ resource, namespace, name })) as unknown as T;
  }

  /** The events about an object; undefined when they are not asked for. Not being allowed to see them shows none. */
  async eventsAbout(
    object: KubernetesObject,
    { kind = object.kind, uid = object.metadata.uid ?? "" } = {},
  ): Promise<CoreEvent[] | undefined> {
    if (!this.#showEvents) return undefined;
    const { name = "", namespace = "" } = object.metadata;
    const terms = [
      `involvedObject.name=${name}`,
      `involvedObject.namespace=${namespace}`,
      ...(kind === "" ? [] : [`involvedObject.kind=${kind}`]),
      ...(uid === "" ? [] : [`involvedObject.uid=${uid}`]),
    ];
    try {
      return await this.list(resources.events, namespace, { fieldSelector: terms.join(",") });
    } catch {
      return [];
    }
  }

  /** How many of the pods of a controller are in each phase, in words. */
  async podStatuses(owner: KubernetesObject, labelSelector: string): Promise<string> {
    const pods = await this.list(resources.pods, owner.metadata.namespace, { labelSelector });
    const own = pods.filter((pod) => controllerOf(pod)?.uid === owner.metadata.uid);
    const count = (phase: string): number => own.filter((pod: Pod) => pod.status?.phase === phase).length;
    return `${count("Running")} Running / ${count("Pending")} Waiting / ${count("Succeeded")} Succeeded / ${count("Failed")} Failed`;
  }
}

/** Writes what there is to say about one object. */
export type Describer = (
  description: Description,
  object: UnstructuredObject,
  context: DescribeContext,
) => Promise<void> | void;

/** The last part of most descriptions. */
export function describeEvents(description: Description, events: readonly CoreEvent[] | undefined): void {
  if (events === undefined) return;
  if (events.length === 0) {
    description.line(0, "Events:\t<none>");
    return;
  }
  description.break();
  description.line(0, "Events:").row(1, "Type", "Reason", "Age", "From", "Message");
  description.row(1, "----", "------", "----", "----", "-------");
  for (const event of events.toSorted(
    (a, b) => Date.parse(a.lastTimestamp ?? "") - Date.parse(b.lastTimestamp ?? "") || 0,
  )) {
    const { type, reason, source, reportingComponent } = event;
    const message = (event.message ?? "").trim();
    const from = (source?.component ?? "") === "" ? reportingComponent : source?.component;
    description.row(1, type, reason, interval(description, event), from, message);
  }
}

function interval(
  description: Description,
  { eventTime, firstTimestamp, lastTimestamp, series, count }: CoreEvent,
): string {
  const first = description.since(eventTime ?? firstTimestamp);
  if (series !== undefined && series !== null) {
    return `${description.since(series.lastObservedTime)} (x${series.count} over ${first})`;
  }
  return (count ?? 0) > 1 ? `${description.since(lastTimestamp)} (x${count} over ${first})` : first;
}

/** `ReplicaSet/web-1`, or nothing. */
export function controlledBy(object: KubernetesObject): string {
  const owner = controllerOf(object);
  return owner === undefined ? "" : `${owner.kind}/${owner.name}`;
}
