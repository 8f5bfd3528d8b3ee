import type { Container, PodSpec } from "../../api/types/core-v1.ts";
import { Quantity } from "../../apimachinery/quantity.ts";

const counted = ["cpu", "memory"] as const;

/**
 * The quality-of-service class (pkg/apis/core/v1/helper/qos): BestEffort without any request or limit of CPU and memory,
 * Guaranteed when every container limits both and requests as much, else Burstable.
 */
export function qosClassOf(spec: PodSpec): "Guaranteed" | "Burstable" | "BestEffort" {
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const lists = containers.flatMap(({ resources }) => [resources?.requests, resources?.limits]);
  lists.push(spec.resources?.requests, spec.resources?.limits);
  if (!lists.some((list) => counted.some((resource) => isPositive(list?.[resource])))) return "BestEffort";
  return containers.every(isGuaranteed) ? "Guaranteed" : "Burstable";
}

function isGuaranteed({ resources }: Container): boolean {
  return counted.every((resource) => {
    const limit = resources?.limits?.[resource];
    if (limit === undefined || !isPositive(limit)) return false;
    const request = resources?.requests?.[resource];
    return request === undefined || Quantity.parse(request).compare(Quantity.parse(limit)) === 0;
  });
}

const isPositive = (text: string | undefined): boolean =>
  text !== undefined && !Quantity.parse(text).isZero();
