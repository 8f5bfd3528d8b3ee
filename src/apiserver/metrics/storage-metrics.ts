import { formatGroupResource } from "../../apimachinery/gvk.ts";
import { Computed, type Metric } from "../../apimachinery/metrics.ts";
import type { ResourceCache } from "../cache/resource-cache.ts";
import type { WatchCache } from "../cache/watch-cache.ts";

/**
 * What is stored and who watches it, counted when somebody asks. `sizeBytes` tells what the store takes on its disk; a
 * store that cannot tell is left out.
 */
export function registerStorageMetrics(
  cache: WatchCache,
  sizeBytes: (() => number) | undefined,
  register: (metric: Metric) => void,
): void {
  register(
    new Computed(
      "gauge",
      {
        name: "apiserver_storage_size_bytes",
        help: "What the store takes on its disk.",
        labels: ["storage_cluster_id"],
      },
      () => (sizeBytes === undefined ? [] : [[["sqlite-0"], sizeBytes()]]),
    ),
  );
  register(
    new Computed(
      "gauge",
      {
        name: "apiserver_resource_size_estimate_bytes",
        help: "What the stored objects of a resource take as JSON, about.",
        labels: ["group", "resource"],
      },
      () =>
        cache.all().map((each) => [[each.resource.group, each.resource.resource], each.sizeBytes] as const),
    ),
  );
  register(
    new Computed(
      "gauge",
      {
        name: "apiserver_resource_objects",
        help: "Stored objects by resource.",
        labels: ["group", "resource"],
      },
      () => cache.all().map(({ resource: { group, resource }, size }) => [[group, resource], size] as const),
    ),
  );
  // The older name, which dashboards still ask for: group and resource in one.
  register(
    new Computed(
      "gauge",
      { name: "apiserver_storage_objects", help: "Stored objects by resource.", labels: ["resource"] },
      () => cache.all().map(({ resource, size }) => [[formatGroupResource(resource)], size] as const),
    ),
  );
  register(
    new Computed(
      "gauge",
      {
        name: "apiserver_registered_watchers",
        help: "Open watches by resource, those of this process included.",
        labels: ["group", "resource"],
      },
      () =>
        cache
          .all()
          .filter(({ watchers }) => watchers.size > 0)
          .map(({ resource: { group, resource }, watchers }) => [[group, resource], watchers.size] as const),
    ),
  );
  const ofResources = (
    type: "counter" | "gauge",
    name: string,
    help: string,
    read: (resource: ResourceCache) => number,
  ): void =>
    register(
      new Computed(type, { name, help, labels: ["group", "resource"] }, () =>
        cache.all().map((each) => [[each.resource.group, each.resource.resource], read(each)] as const),
      ),
    );
  ofResources(
    "gauge",
    "apiserver_watch_cache_resource_version",
    "The revision up to which reads can be answered.",
    () => cache.revision,
  );
  ofResources("gauge", "watch_cache_capacity", "Changes that are remembered.", (each) => each.historyLength);
  const eventsOf = (each: ResourceCache): number => each.eventCount;
  ofResources(
    "counter",
    "apiserver_storage_events_received_total",
    "Changes that the store told of.",
    eventsOf,
  );
  ofResources(
    "counter",
    "apiserver_watch_cache_events_received_total",
    "Changes that came to the cache.",
    eventsOf,
  );
  ofResources(
    "counter",
    "apiserver_watch_cache_events_dispatched_total",
    "Changes that were held against the watches.",
    eventsOf,
  );
  ofResources(
    "counter",
    "apiserver_watch_cache_initializations_total",
    "Times that the cache was filled from the store: once for each resource.",
    () => 1,
  );
  registerListMetrics(cache, register);
}

/** Lists that were answered from memory. */
function registerListMetrics(cache: WatchCache, register: (metric: Metric) => void): void {
  const ofLists = (
    name: string,
    help: string,
    read: (lists: ResourceCache["lists"]) => number,
    // There are no indices: all lists go by the key, which has no name.
    indices: readonly string[] = [],
  ): void => {
    const labels = ["group", "resource", ...indices];
    register(
      new Computed("counter", { name, help, labels }, () =>
        cache
          .all()
          .filter(({ lists }) => lists.count > 0)
          .map(
            ({ resource: { group, resource }, lists }) =>
              [[group, resource, ...indices.map(() => "")], read(lists)] as const,
          ),
      ),
    );
  };
  register(
    new Computed(
      "counter",
      {
        name: "apiserver_watch_cache_consistent_read_total",
        help: "Reads of the newest state that the cache answered, when it had caught up with the store.",
        labels: ["group", "resource", "success", "fallback"],
      },
      () =>
        cache
          .all()
          .filter(({ lists }) => lists.consistent > 0)
          .map(
            ({ resource: { group, resource }, lists }) =>
              [[group, resource, "true", "false"], lists.consistent] as const,
          ),
    ),
  );
  ofLists("apiserver_cache_list_total", "Lists that were answered from the cache.", ({ count }) => count, [
    "index",
  ]);
  ofLists(
    "apiserver_cache_list_fetched_objects_total",
    "Objects that were looked at for lists from the cache.",
    ({ fetched }) => fetched,
    ["index"],
  );
  ofLists(
    "apiserver_cache_list_returned_objects_total",
    "Objects in lists from the cache.",
    ({ returned }) => returned,
  );
}
