import { formatGroupResource } from "../../apimachinery/gvk.ts";
import type { WatchCache } from "../cache/watch-cache.ts";
import { Computed, type Metric } from "./registry.ts";

/** What is stored and who watches it, counted when somebody asks. */
export function registerStorageMetrics(cache: WatchCache, register: (metric: Metric) => void): void {
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
  register(
    new Computed(
      "gauge",
      {
        name: "apiserver_watch_cache_resource_version",
        help: "The revision up to which reads can be answered.",
      },
      () => [[[], cache.revision]],
    ),
  );
}
