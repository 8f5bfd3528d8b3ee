import { controllerOf, type KubernetesObject } from "../apimachinery/object.ts";
import type { Client, ResourceReference } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import { Look, type ResourceFinder } from "./look.ts";
import { ask } from "./questions.ts";
import { count, kubectl, type Reason, reason, some, subject } from "./reason.ts";

/** Where answers come from: the API of whatever Kubernetes, and nothing else. */
export interface Sources {
  readonly client: Client;
  readonly finder: ResourceFinder;
  /** The cluster's time, in milliseconds since the epoch. */
  readonly nowMs: number;
}

/** What is known of why a thing is as it is. */
export interface Answer {
  readonly reason: Reason;
  /** What the user may not read, so that the answer may be incomplete: `secrets in shop`. */
  readonly unseen: readonly string[];
}

/**
 * Why one object is not ready: from it, by what it needs and what it made, to the reason. A thing that is not there is
 * an answer too. Undefined when the cluster serves no such resource.
 */
export async function explain(
  sources: Sources,
  {
    resource: name,
    name: objectName,
    namespace,
  }: { readonly resource: string; readonly name: string; readonly namespace: string },
): Promise<Answer | undefined> {
  const resource = await sources.finder.forName(name);
  if (resource === undefined) return undefined;
  const look = new Look({ ...sources, ask });
  // Asked for by hand it may be refused, and then that is the answer.
  const object = await look.get(resource, objectName, resource.namespaced ? namespace : "");
  if (object !== undefined) {
    const [found] = await look.explain([object]);
    if (found !== undefined) return { reason: found, unseen: look.unseen };
  }
  return { reason: await whyMissing(resource, objectName, namespace, look), unseen: look.unseen };
}

/** What in a namespace (or in all) is not as it should be: of each trouble the thing that somebody wrote. */
export async function explainAll(sources: Sources, namespace: string): Promise<readonly Answer[]> {
  const look = new Look({ ...sources, ask });
  const lists = await Promise.all([
    ...inNamespaces.map((resource) => look.list<KubernetesObject>(resource, namespace)),
    ...(namespace === "" ? ofCluster : [resources.nodes]).map((resource) =>
      look.list<KubernetesObject>(resource),
    ),
  ]);
  const roots = lists.flat().filter((object) => controllerOf(object) === undefined);
  const troubles = await look.causes(roots);
  return troubles.map((trouble) => ({ reason: trouble, unseen: look.unseen }));
}

const inNamespaces: readonly ResourceReference[] = [
  resources.deployments,
  resources.statefulsets,
  resources.daemonsets,
  resources.replicasets,
  resources.cronjobs,
  resources.jobs,
  resources.pods,
  resources.services,
  resources.ingresses,
  resources.persistentvolumeclaims,
  resources.horizontalpodautoscalers,
];

const ofCluster: readonly ResourceReference[] = [
  resources.nodes,
  resources.namespaces,
  resources.apiservices,
  resources.customresourcedefinitions,
  resources.validatingwebhookconfigurations,
  resources.mutatingwebhookconfigurations,
];

async function whyMissing(
  { group, version, resource, kind, namespaced }: ResourceReference,
  name: string,
  namespace: string,
  look: Look,
): Promise<Reason> {
  const reference = { group, version, resource, kind, namespaced };
  const scope = namespaced ? namespace : "";
  const about = subject(group === "" ? version : `${group}/${version}`, kind, name, scope);
  if (look.isUnseen(reference, scope)) {
    return reason(about, "stuck", "may not be looked at by you", {
      next: {
        says: "ask for the right to read it",
        command: kubectl({ namespace: scope }, `auth can-i get ${resource}`),
      },
    });
  }
  if (
    namespaced &&
    (await look.get(resources.namespaces, namespace)) === undefined &&
    !look.isUnseen(resources.namespaces)
  ) {
    return reason(about, "stuck", `does not exist: there is no namespace "${namespace}"`, {
      next: { says: "name a namespace that exists", command: "kubectl get namespaces" },
    });
  }
  const all = await look.list(reference);
  const elsewhere = all
    .filter(({ metadata }) => metadata.name === name)
    .map(({ metadata }) => metadata.namespace ?? "");
  if (elsewhere.length > 0) {
    return reason(about, "stuck", `does not exist in namespace "${namespace}", but in ${some(elsewhere)}`, {
      next: {
        says: "look there",
        command: `sampan why ${kind.toLowerCase()}/${name} -n ${elsewhere[0] ?? ""}`,
      },
    });
  }
  const near = all
    .filter(({ metadata }) => (metadata.namespace ?? "") === scope && isNear(metadata.name ?? "", name))
    .map((object) => object.metadata.name ?? "");
  const [event] = await look.events({
    apiVersion: about.apiVersion,
    kind,
    metadata: { name, ...(scope === "" ? {} : { namespace: scope }) },
  });
  const last =
    event === undefined ? "" : `; the last that was heard of it: ${event.message ?? event.reason ?? ""}`;
  if (near.length > 0) {
    return reason(about, "stuck", `does not exist${last}`, {
      next: {
        says: `there is ${some(near)}`,
        command: `sampan why ${kind.toLowerCase()}/${near[0] ?? ""}${scope === "" ? "" : ` -n ${scope}`}`,
      },
    });
  }
  return reason(
    about,
    "stuck",
    `does not exist${last === "" ? ` (there ${all.length === 0 ? "are none" : `is ${count(all.length, "other")}`})` : last}`,
    {
      next: {
        says: "make it, or see what there is",
        command: kubectl({ namespace: scope }, `get ${resource}`),
      },
    },
  );
}

/** One name begins with the other, or two letters differ. */
function isNear(a: string, b: string): boolean {
  const isLong = Math.max(a.length, b.length) >= 3;
  return a.startsWith(b) || b.startsWith(a) || (isLong && distance(a, b) <= 2);
}

/** How many letters must be added, dropped or changed. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of a.split("").entries()) {
    const next = [i + 1];
    for (const [j, other] of b.split("").entries())
      next.push(
        Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)),
      );
    row = next;
  }
  return row.at(-1) ?? 0;
}
