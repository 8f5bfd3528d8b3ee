import { formatTime } from "../../apimachinery/clock.ts";
import type { ResourceExtension, Strategy } from "../registry/strategy.ts";
import { apiServices, asApiService, localAvailability, withAvailability } from "./api-service.ts";

/** How APIServices are kept (mirrors k8s.io/kube-aggregator/pkg/registry/apiservice). */
export const apiServiceExtension: ResourceExtension = {
  group: apiServices.group,
  resource: apiServices.resource,
  setup: ({ nowMs }) => ({ strategy: strategy(nowMs) }),
};

const strategy = (nowMs: () => number): Strategy => ({
  // What this server serves itself is there from the beginning; all else has to be looked at first.
  prepareForCreate(_context, object) {
    const isLocal = asApiService(object)?.spec?.service === undefined;
    object["status"] = isLocal
      ? { conditions: withAvailability([], localAvailability, formatTime(nowMs())) }
      : {};
  },
  // Who reports on a server says nothing of how its APIService is found and kept.
  prepareForUpdate(_context, object, old, subresource) {
    if (subresource !== "status") return;
    const { labels, annotations, finalizers, ownerReferences } = old.metadata;
    Object.assign(object.metadata, { labels, annotations, finalizers, ownerReferences });
  },
});
