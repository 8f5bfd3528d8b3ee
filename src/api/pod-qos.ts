import { type Quantity, tryParseQuantity } from "../apimachinery/quantity.ts";
import type { PodSpec } from "./types/core-v1.ts";

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

const computed = ["cpu", "memory"] as const;

/**
 * The pod's quality of service, by CPU and memory (mirrors pkg/apis/core/v1/helper/qos): BestEffort without any request or
 * limit, Guaranteed when every container limits both and requests as much, else Burstable. Resources of the pod as a
 * whole take the place of its containers'.
 */
export function qosClassOf(spec: PodSpec): QosClass {
  const podLevel = spec.resources;
  const list =
    podLevel === undefined
      ? [...(spec.initContainers ?? []), ...(spec.containers ?? [])].map(({ resources }) => resources)
      : [podLevel];
  let any = false;
  let guaranteed = true;
  for (const resources of list) {
    for (const name of computed) {
      const request = setAmount(resources?.requests, name);
      const limit = setAmount(resources?.limits, name);
      if (request !== undefined || limit !== undefined) any = true;
      if (limit === undefined || (request !== undefined && request.compare(limit) !== 0)) guaranteed = false;
    }
  }
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

/** A resource that is set and more than zero; what cannot be read counts as not set, validation will say so. */
export function setAmount(list: Record<string, string> | undefined, name: string): Quantity | undefined {
  const text = list?.[name];
  const quantity = text === undefined ? undefined : tryParseQuantity(text);
  return quantity === undefined || quantity.nanos <= 0n ? undefined : quantity;
}
