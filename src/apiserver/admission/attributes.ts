import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newForbidden, type StatusError } from "../../apimachinery/status.ts";
import type { AdmissionAttributes } from "./admission.ts";

/** True when the request is about this resource, and about its main resource unless a subresource is named. */
export function concerns(
  attributes: AdmissionAttributes,
  group: string,
  resource: string,
  subresource = "",
): boolean {
  return (
    attributes.resource.group === group &&
    attributes.resource.resource === resource &&
    attributes.subresource === subresource
  );
}

/** The object as the type that its resource says it is; only for resources that `handles` has checked. */
export function objectOf<T>(attributes: AdmissionAttributes): T | undefined {
  return attributes.object as T | undefined;
}

export function oldObjectOf<T>(attributes: AdmissionAttributes): T | undefined {
  return attributes.oldObject as T | undefined;
}

/** 403 of an admission plugin. Objects without a name yet are named by the prefix they asked for, as Kubernetes does. */
export function refuse(attributes: AdmissionAttributes, why: string): StatusError {
  return newForbidden(attributes.resource, nameOf(attributes), why);
}

function nameOf({ name, object }: AdmissionAttributes): string {
  if (name !== "") return name;
  const metadata = (object as Partial<UnstructuredObject> | undefined)?.metadata;
  return nonEmpty(metadata?.name) ?? nonEmpty(metadata?.generateName) ?? "Unknown";
}

const nonEmpty = (text: string | undefined): string | undefined => (text === "" ? undefined : text);

/** Several refusals in one: `[a, b]`, a single one without brackets. */
export function aggregate(reasons: readonly string[]): string {
  return reasons.length === 1 ? (reasons[0] ?? "") : `[${reasons.join(", ")}]`;
}
