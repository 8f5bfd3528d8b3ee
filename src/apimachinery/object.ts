import type { ListMeta, ObjectMeta, OwnerReference } from "./meta-v1.ts";

/** What every stored object has. `metadata.name`, `uid`, … are set once it has left the API server. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** A list as the API server returns it. Items carry their apiVersion and kind. */
export interface KubernetesList<T extends KubernetesObject = KubernetesObject> {
  apiVersion: string;
  kind: string;
  metadata: ListMeta;
  items: T[];
}

/** An object whose kind is not known at compile time. */
export interface UnstructuredObject extends KubernetesObject {
  [field: string]: unknown;
}

/** "namespace/name", or "name" for cluster-scoped objects: the key of workqueues and indexers. */
export function keyOf(object: { metadata: ObjectMeta }): string {
  return joinKey(object.metadata.namespace, object.metadata.name ?? "");
}

export function joinKey(namespace: string | undefined, name: string): string {
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf("/");
  return slash < 0
    ? { namespace: "", name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The owner reference marked as controller, if any. */
export function controllerOf(object: { metadata: ObjectMeta }): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** A controller owner reference to the given object. */
export function newControllerRef(owner: KubernetesObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name ?? "",
    uid: owner.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** True once deletion has been asked for. */
export function isBeingDeleted(object: { metadata: ObjectMeta }): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}
