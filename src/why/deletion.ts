import { humanDuration } from "../api/columns/duration.ts";
import type { Pod } from "../api/types/core-v1.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import { isObject } from "../apimachinery/json.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { parseTime } from "../apimachinery/time.ts";
import { resources } from "../client/resources.ts";
import type { Look } from "./look.ts";
import { byCauses, count, kubectl, type Reason, reason, some, stuck, subjectOf, waiting } from "./reason.ts";

/** Long enough for whoever takes a finalizer away to have done so. */
const patienceMs = 10_000;

/** Why something that was deleted is still there: a grace period, or finalizers, each with whoever is to take it away. */
export async function whyDeleting(object: KubernetesObject, look: Look): Promise<Reason> {
  const since = look.ageMs(object.metadata.deletionTimestamp);
  const finalizers = object.metadata.finalizers ?? [];
  if (finalizers.length === 0) return await ending(object, look);
  const reasons = await Promise.all(finalizers.map((finalizer) => held(object, finalizer, look)));
  const says = `is being deleted for ${humanDuration(since)}, held by ${finalizers.length === 1 ? "the finalizer" : "the finalizers"} ${some(finalizers)}`;
  return since < patienceMs && reasons.every(({ state }) => state === "waiting")
    ? waiting(object, says, { because: reasons })
    : byCauses(object, says, reasons);
}

/** Without finalizers only pods take their time. */
async function ending(object: KubernetesObject, look: Look): Promise<Reason> {
  const { namespace = "", name = "", deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata;
  const dueMs = parseTime(deletionTimestamp) ?? 0;
  if (dueMs + patienceMs >= look.nowMs) {
    return waiting(
      object,
      `is being deleted: its containers have ${deletionGracePeriodSeconds} s to end by themselves`,
    );
  }
  const node =
    object.kind === "Pod" ? await look.get(resources.nodes, (object as Pod).spec?.nodeName ?? "") : undefined;
  const isAway = node !== undefined && findCondition(node.status?.conditions, "Ready")?.status !== "True";
  return stuck(
    object,
    `was to be gone ${humanDuration(look.nowMs - dueMs)} ago${isAway ? ": its node cannot tell whether it has ended" : ""}`,
    {
      because: isAway ? await look.causes([node]) : [],
      next: {
        says: "when you are sure that it does not run any more, forget it",
        command: kubectl(
          { namespace },
          `delete ${object.kind.toLowerCase()} ${name} --force --grace-period=0`,
        ),
      },
    },
  );
}

type Holder = (object: KubernetesObject, look: Look) => Promise<Reason>;

/** Finalizers of Kubernetes itself: what each waits for. */
const known: Readonly<Record<string, Holder>> = {
  "kubernetes.io/pvc-protection": async (claim, look) => {
    const { name = "", namespace = "" } = claim.metadata;
    const users = (await look.list(resources.pods, namespace)).filter(({ spec }) =>
      spec?.volumes?.some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === name),
    );
    const names = users.map(({ metadata }) => metadata.name ?? "");
    if (names.length === 0) return here(claim, "waiting", "is no longer used: it goes in a moment");
    return here(
      claim,
      "stuck",
      `is still used by ${names.length === 1 ? "the pod" : "the pods"} ${some(names)}`,
      {
        says: "delete what uses it (the workload, if the pod belongs to one)",
        command: kubectl({ namespace }, `delete pod ${names[0] ?? ""}`),
      },
    );
  },
  "kubernetes.io/pv-protection": async (volume) => {
    const { claimRef } =
      (volume as { spec?: { claimRef?: { namespace?: string; name?: string } } }).spec ?? {};
    return here(
      volume,
      "stuck",
      `is bound to the claim ${claimRef?.namespace ?? ""}/${claimRef?.name ?? ""}`,
      {
        says: "delete the claim",
        command: kubectl(
          { namespace: claimRef?.namespace ?? "" },
          `delete persistentvolumeclaim ${claimRef?.name ?? ""}`,
        ),
      },
    );
  },
  foregroundDeletion: async (object, look) => {
    const children = await dependents(object, look);
    const causes = await look.causes(children);
    if (children.length === 0)
      return here(object, "waiting", "goes as soon as the garbage collector sees that nothing of it is left");
    const text = `waits for what it owns: ${some(children.map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name ?? ""}`))}`;
    return reason(
      subjectOf(object),
      causes.some(({ state }) => state === "stuck") ? "stuck" : "waiting",
      text,
      { because: causes },
    );
  },
  orphan: async (object) =>
    here(object, "waiting", "waits for the garbage collector to set free what it owns"),
  "batch.kubernetes.io/job-tracking": async (pod) => here(pod, "waiting", "waits to be counted by its Job"),
  "customresourcecleanup.apiextensions.k8s.io": async (definition, look) => {
    const instances = await instancesOf(definition, look);
    const causes = await look.causes(instances.slice(0, 20));
    const text =
      instances.length === 0
        ? "goes in a moment"
        : `waits until ${count(instances.length, "object")} of its kind ${instances.length === 1 ? "is" : "are"} gone`;
    return reason(subjectOf(definition), causes.length > 0 ? "stuck" : "waiting", text, { because: causes });
  },
};

const here = (
  object: KubernetesObject,
  state: Reason["state"],
  says: string,
  next?: Reason["next"],
): Reason => reason(subjectOf(object), state, says, { next });

/** A finalizer is taken away by whoever set it: an operator that has gone leaves it for ever. */
async function held(object: KubernetesObject, finalizer: string, look: Look): Promise<Reason> {
  const holder = known[finalizer];
  if (holder !== undefined) return await holder(object, look);
  const { name = "", namespace = "", finalizers = [] } = object.metadata;
  const setter = setterOf(object, finalizer);
  const resource = await look.finder.forKind(object.apiVersion, object.kind);
  const kind =
    resource === undefined
      ? object.kind.toLowerCase()
      : `${resource.resource}${resource.group === "" ? "" : `.${resource.group}`}`;
  const isNew = look.ageMs(object.metadata.deletionTimestamp) < patienceMs;
  return here(
    object,
    isNew ? "waiting" : "stuck",
    `waits for ${setter === undefined ? `whoever works with "${finalizer}"` : `"${setter}", which set "${finalizer}",`} to clean up and take it away`,
    {
      says: `see whether ${setter === undefined ? "that controller" : `"${setter}"`} runs and what it logs; if it is gone for good, take the finalizer away yourself (nothing is cleaned up then)`,
      command: kubectl(
        { namespace },
        `patch ${kind} ${name} --type json -p '[{"op":"remove","path":"/metadata/finalizers/${finalizers.indexOf(finalizer)}"}]'`,
      ),
    },
  );
}

/** The field manager that the finalizer belongs to. */
function setterOf({ metadata }: KubernetesObject, finalizer: string): string | undefined {
  return metadata.managedFields?.find(({ fieldsV1 }) => {
    const fields =
      isObject(fieldsV1) && isObject(fieldsV1["f:metadata"])
        ? fieldsV1["f:metadata"]["f:finalizers"]
        : undefined;
    return isObject(fields) && `v:${JSON.stringify(finalizer)}` in fields;
  })?.manager;
}

/** Objects that hold up a deletion in the foreground. */
async function dependents(owner: KubernetesObject, look: Look): Promise<KubernetesObject[]> {
  const served = (await look.finder.all()).filter(
    ({ verbs, namespaced }) =>
      verbs.includes("list") && (namespaced || (owner.metadata.namespace ?? "") === ""),
  );
  const lists = await Promise.all(
    served.map(
      async (resource) =>
        await look.list(resource, resource.namespaced ? (owner.metadata.namespace ?? "") : ""),
    ),
  );
  return lists
    .flat()
    .filter(({ metadata }) =>
      metadata.ownerReferences?.some(
        ({ uid, blockOwnerDeletion }) => uid === owner.metadata.uid && blockOwnerDeletion === true,
      ),
    );
}

async function instancesOf(definition: KubernetesObject, look: Look): Promise<readonly KubernetesObject[]> {
  const { spec } = definition as { spec?: { group?: string; names?: { plural?: string } } };
  const resource = await look.finder.forName(`${spec?.names?.plural ?? ""}.${spec?.group ?? ""}`);
  return resource === undefined ? [] : await look.list(resource);
}
