import type { Container, Pod, ResourceFieldSelector } from "../../api/types/core-v1.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { findContainer } from "../pods/pod-spec.ts";

/** What fields of a pod are read from besides the object: things that are known only once it runs. */
export interface FieldSources {
  readonly nodeName: string;
  readonly hostIps: readonly string[];
  readonly podIps: readonly string[];
  /** The node's allocatable resources: the default of limits. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** The text of `metadata.name`, `status.podIP`, `metadata.labels['app']`, …; undefined when there is no such field. */
export function fieldText(pod: Pod, path: string, sources: FieldSources): string | undefined {
  const { metadata, spec } = pod;
  const [, map, key = ""] = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path) ?? [];
  if (map === "labels") return metadata.labels?.[key] ?? "";
  if (map === "annotations") return metadata.annotations?.[key] ?? "";
  switch (path) {
    case "metadata.name":
      return metadata.name ?? "";
    case "metadata.namespace":
      return metadata.namespace ?? "";
    case "metadata.uid":
      return metadata.uid ?? "";
    case "metadata.labels":
      return formatMap(metadata.labels);
    case "metadata.annotations":
      return formatMap(metadata.annotations);
    case "spec.nodeName":
      return spec?.nodeName ?? sources.nodeName;
    case "spec.serviceAccountName":
      return spec?.serviceAccountName ?? "";
    case "status.hostIP":
      return sources.hostIps[0] ?? "";
    case "status.hostIPs":
      return sources.hostIps.join(",");
    case "status.podIP":
      return sources.podIps[0] ?? "";
    case "status.podIPs":
      return sources.podIps.join(",");
    default:
      return undefined;
  }
}

/** One `key="value"` a line, sorted, quoted as Go does it. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join("\n");
}

/** A container's limit or request, divided and rounded up. Throws when the container or resource is not known. */
export function resourceText(
  pod: Pod,
  container: Container | undefined,
  selector: ResourceFieldSelector,
  allocatable: Readonly<Record<string, string>>,
): string {
  const { containerName = "", resource } = selector;
  const named = containerName === "" ? container : findContainer(pod, containerName)?.container;
  if (named === undefined) throw new Error(`container ${containerName} not found`);
  const [, list, name = ""] = /^(limits|requests)\.(.+)$/.exec(resource) ?? [];
  const { limits = {}, requests = {} } = named.resources ?? {};
  if (list === undefined) throw new Error(`unsupported container resource : ${resource}`);
  const limit = limits[name] ?? (list === "limits" ? allocatable[name] : undefined);
  const text = list === "limits" ? limit : (requests[name] ?? limits[name]);
  return divide(Quantity.parse(text ?? "0"), Quantity.parse(selector.divisor ?? "1"));
}

function divide(quantity: Quantity, divisor: Quantity): string {
  const by = divisor.isZero() ? 1000n : divisor.milliValue();
  const value = quantity.milliValue();
  return String((value + by - 1n) / by);
}
