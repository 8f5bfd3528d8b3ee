import type { Namespace, Service } from "../api/types/core-v1.ts";
import type { EndpointSlice } from "../api/types/discovery-v1.ts";
import { keyOf } from "../apimachinery/object.ts";
import type { Informer } from "../client/informer.ts";
import { type ClusterView, sliceServiceKey } from "./records.ts";

/** A ClusterView over shared informers: every look-up is by index. */
export function informerView(
  services: Informer<Service>,
  endpointSlices: Informer<EndpointSlice>,
  namespaces: Informer<Namespace>,
): ClusterView {
  services.addIndex("clusterIp", (service) => service.spec.clusterIPs ?? []);
  endpointSlices.addIndex("service", (slice) => [sliceServiceKey(slice)]);
  endpointSlices.addIndex("ip", (slice) => (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses));
  return {
    service: (namespace, name) => services.get(name, namespace),
    endpointSlices: (key) => endpointSlices.byIndex("service", key),
    hasNamespace: (name) => namespaces.get(name) !== undefined,
    serviceByClusterIp: (ip) => services.byIndex("clusterIp", ip)[0],
    endpointsByIp: (ip) =>
      endpointSlices.byIndex("ip", ip).flatMap((slice) => {
        const serviceKey = sliceServiceKey(slice);
        const service = services.getByKey(serviceKey);
        if (service === undefined || keyOf(service) !== serviceKey) return [];
        return (slice.endpoints ?? [])
          .filter((endpoint) => endpoint.addresses.includes(ip))
          .map((endpoint) => ({ serviceKey, endpoint, headless: service.spec.clusterIP === "None" }));
      }),
  };
}
