import { controllerOf, type KubernetesObject } from "../apimachinery/object.ts";
import type { Look } from "./look.ts";

/** The object that somebody wrote and that this one was made from: of a pod its Deployment, by way of the ReplicaSet. */
export async function workloadOf(object: KubernetesObject, look: Look): Promise<KubernetesObject> {
  const reference = controllerOf(object);
  if (reference === undefined) return object;
  const owner = await look.owner(reference, object.metadata.namespace ?? "");
  return owner === undefined ? object : await workloadOf(owner, look);
}

/** `deployment/web`: how kubectl takes it. */
export const argument = ({ kind, metadata }: Pick<KubernetesObject, "kind" | "metadata">): string =>
  `${kind.toLowerCase()}/${metadata.name ?? ""}`;
