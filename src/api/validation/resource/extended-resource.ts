import { qualifiedNameErrors } from "../../../apimachinery/names.ts";

/** A resource of a domain that is not Kubernetes' own, and that a quota can count as `requests.…`. */
export function isExtendedResource(name: string): boolean {
  if (!name.includes("/") || name.includes("kubernetes.io/") || name.startsWith("requests.")) return false;
  return qualifiedNameErrors(`requests.${name}`).length === 0;
}
