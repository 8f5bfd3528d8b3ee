import type { Client, ResourceReference } from "../../src/client/client.ts";
import { resources } from "../../src/client/resources.ts";
import type { Dice } from "./dice.ts";
import { type History, prefixOf } from "./history.ts";
import { things } from "./objects.ts";

const top: readonly ResourceReference[] = [
  resources.deployments,
  resources.statefulsets,
  resources.daemonsets,
  resources.jobs,
  resources.cronjobs,
  resources.services,
  resources.configmaps,
  resources.poddisruptionbudgets,
  resources.resourcequotas,
  things,
];

/** What goes with its owner, or is deleted after it where it was let go. */
const below: readonly ResourceReference[] = [
  resources.replicasets,
  resources.pods,
  resources.persistentvolumeclaims,
  resources.controllerrevisions,
];

/** Namespaces with all that is in them, the definition with what it defines, and each object of `default`. */
export async function deleteAll(client: Client, history: History, dice: Dice): Promise<void> {
  const ignore = (): undefined => undefined;
  for (const name of ["team-a", "team-b"])
    await client.resource(resources.namespaces).delete(name).catch(ignore);
  for (const reference of [...top, ...below]) {
    const propagationPolicy = dice.pick(["Foreground", "Background"] as const);
    for (const { metadata } of history.objects(reference)) {
      const { name = "", namespace = "" } = metadata;
      if (namespace !== "default" || isOwn(name)) continue;
      await client.resource(reference).delete(name, { namespace, propagationPolicy }).catch(ignore);
    }
  }
  for (const { metadata } of history.objects(resources.customresourcedefinitions)) {
    await client
      .resource(resources.customresourcedefinitions)
      .delete(metadata.name ?? "")
      .catch(ignore);
  }
}

/** What is there and should not be, when everything was deleted. */
export function* leftOvers(history: History): Generator<string> {
  const prefixes = [
    ...top,
    ...below,
    resources.endpoints,
    resources.endpointslices,
    resources.persistentvolumes,
  ].map(prefixOf);
  for (const [key, { metadata }] of history.all()) {
    const { name = "", namespace = "" } = metadata;
    if (namespace.startsWith("kube-") || isOwn(name)) continue;
    if (prefixes.some((prefix) => key.startsWith(prefix)))
      yield `left over: ${key} with the owners ${JSON.stringify(metadata.ownerReferences ?? [])}`;
  }
}

/** Of every cluster. */
const isOwn = (name: string): boolean =>
  name === "kubernetes" || name === "kube-root-ca.crt" || name === "default";
