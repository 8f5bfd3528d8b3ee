import type { Pod, Service } from "../../api/types/core-v1.ts";
import type { Endpoint } from "../../api/types/discovery-v1.ts";
import type { AddressType } from "../slice-plan.ts";

/** The families that the Service's endpoints are of. */
export function addressTypesOf({ spec }: Service): AddressType[] {
  const families = (spec.ipFamilies ?? []).filter((family) => family === "IPv4" || family === "IPv6");
  if (families.length > 0) return families;
  if ((spec.clusterIP ?? "") === "" || spec.clusterIP === "None") return ["IPv4", "IPv6"];
  return [spec.clusterIP?.includes(":") === true ? "IPv6" : "IPv4"];
}

/** Where the Service prefers traffic to stay: in the endpoint's zone, or on its node. Only who serves can be preferred. */
export function hintsFor(
  { spec }: Service,
  pod: Pod,
  zone: string | undefined,
  ready: boolean,
): Pick<Endpoint, "hints"> {
  if (!ready) return {};
  const forZones = zone === undefined ? {} : { forZones: [{ name: zone }] };
  switch (spec.trafficDistribution) {
    case "PreferClose":
    case "PreferSameZone":
      return zone === undefined ? {} : { hints: forZones };
    case "PreferSameNode":
      return pod.spec.nodeName === undefined
        ? {}
        : { hints: { ...forZones, forNodes: [{ name: pod.spec.nodeName }] } };
    default:
      return {};
  }
}
