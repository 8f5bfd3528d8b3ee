import type { APIService, APIServiceCondition } from "../../api/types/apiregistration-v1.ts";
import type { GroupVersion, GroupVersionResource } from "../../apimachinery/gvk.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";

/** The resource in which APIServices are kept. */
export const apiServices: GroupVersionResource = {
  group: "apiregistration.k8s.io",
  version: "v1",
  resource: "apiservices",
};

export const apiServiceName = ({ group, version }: GroupVersion): string => `${version}.${group}`;

export const asApiService = (object: KubernetesObject | undefined): APIService | undefined =>
  object as APIService | undefined;

export function availability({ status }: APIService): APIServiceCondition | undefined {
  return status?.conditions?.find(({ type }) => type === "Available");
}

/** What a check has found. */
export interface Availability {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** Of versions that this server serves itself. */
export const localAvailability: Availability = {
  status: "True",
  reason: "Local",
  message: "Local APIServices are always available",
};

/** The conditions with what was found; the same array when it says so already. */
export function withAvailability(
  conditions: readonly APIServiceCondition[],
  { status, reason, message }: Availability,
  now: string,
): readonly APIServiceCondition[] {
  const old = conditions.find(({ type }) => type === "Available");
  const isSame = old?.status === status && old.reason === reason && old.message === message;
  if (old !== undefined && isSame) return conditions;
  const lastTransitionTime = old?.status === status ? old.lastTransitionTime : now;
  const condition = { type: "Available", status, lastTransitionTime, reason, message };
  if (old === undefined) return [...conditions, condition];
  return conditions.map((each) => (each === old ? condition : each));
}
