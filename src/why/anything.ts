import type { CustomResourceDefinition } from "../api/types/apiextensions-v1.ts";
import { isObject } from "../apimachinery/json.ts";
import type { Condition } from "../apimachinery/meta-v1.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { resources } from "../client/resources.ts";
import type { Look } from "./look.ts";
import { byCauses, fine, kubectl, type Reason, stuck, waiting } from "./reason.ts";

const patienceMs = 30_000;

/** Conditions that say by being true that all is well, in the order of what they are worth. */
const good = [
  "Ready",
  "Available",
  "Healthy",
  "Succeeded",
  "Complete",
  "Synced",
  "Reconciled",
  "Accepted",
  "Programmed",
  "Established",
];
/** Conditions that say by being true that something is wrong. */
const bad = ["Failed", "Degraded", "Stalled", "Error"];

/**
 * Whatever there is no question of its own for, custom resources above all: its conditions, as most controllers write
 * them; else what it owns and what warnings there are.
 */
export async function whyAnything(object: KubernetesObject, look: Look): Promise<Reason> {
  const status = statusOf(object);
  const conditions = conditionsOf(status);
  const seen = typeof status?.["observedGeneration"] === "number" ? status["observedGeneration"] : undefined;
  const isBehind = seen !== undefined && seen < (object.metadata.generation ?? 0);
  const failing =
    conditions.find(({ type, status: value }) => bad.includes(type) && value === "True") ??
    good
      .map((type) => conditions.find((condition) => condition.type === type))
      .find((condition) => condition !== undefined && condition.status !== "True");
  const children = await look.causes(await owned(object, look));
  if (failing !== undefined) {
    const { type, status: value, reason, message } = failing;
    const says = `is not ready: ${message === "" ? reason : message} (${type}: ${value}${reason === "" ? "" : `, ${reason}`})`;
    return byCauses(object, says, children, children.length > 0 ? undefined : logsStep(object));
  }
  const silent = await isUntouched(object, status, look);
  if (silent || isBehind) {
    const what = isBehind
      ? "its controller has not looked at the latest change"
      : "nobody has written its status";
    const isNew = look.ageMs(changedAt(object)) < patienceMs;
    if (isNew) return waiting(object, `is new: ${what} yet`);
    return stuck(object, `is not worked on: ${what}. Does its operator run?`, { next: logsStep(object) });
  }
  if (children.length > 0) return byCauses(object, "is not ready: something that it made is not", children);
  const [warning] = (await look.events(object)).filter(({ type }) => type === "Warning");
  if (warning !== undefined && look.ageMs(warning.lastTimestamp ?? warning.eventTime) < 10 * 60_000)
    return stuck(object, `is in trouble: ${warning.message ?? ""} (${warning.reason ?? ""})`, {
      next: logsStep(object),
    });
  const ready = good
    .map((type) => conditions.find((condition) => condition.type === type))
    .find((condition) => condition !== undefined);
  if (ready !== undefined)
    return fine(
      object,
      `is ready (${ready.type}: True${ready.message === undefined || ready.message === "" ? "" : `, ${ready.message}`})`,
    );
  return fine(object, "is there, and nothing is known to be wrong with it");
}

const logsStep = ({ kind, metadata }: KubernetesObject) => ({
  says: "see the events, and the log of the controller that looks after it",
  command: kubectl(
    { namespace: metadata.namespace ?? "" },
    `describe ${kind.toLowerCase()} ${metadata.name ?? ""}`,
  ),
});

function statusOf(object: KubernetesObject): Readonly<Record<string, unknown>> | undefined {
  const { status } = object as { status?: unknown };
  return isObject(status) ? status : undefined;
}

/** Their authors leave out what they like. */
function conditionsOf(status: Readonly<Record<string, unknown>> | undefined): Condition[] {
  const conditions = status?.["conditions"];
  if (!Array.isArray(conditions)) return [];
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  return conditions.filter(isObject).map((each) => ({
    type: text(each["type"]),
    status: text(each["status"]),
    reason: text(each["reason"]),
    message: text(each["message"]),
    lastTransitionTime: text(each["lastTransitionTime"]),
  }));
}

const changedAt = ({ metadata }: KubernetesObject): string | undefined =>
  (metadata.managedFields ?? [])
    .map(({ time }) => time ?? "")
    .toSorted()
    .at(-1) ?? metadata.creationTimestamp;

/** True for a custom resource whose definition has a status that nobody has written. */
async function isUntouched(object: KubernetesObject, status: unknown, look: Look): Promise<boolean> {
  if (status !== undefined) return false;
  const resource = await look.finder.forKind(object.apiVersion, object.kind);
  if (resource === undefined) return false;
  const definition: CustomResourceDefinition | undefined = await look.get(
    resources.customresourcedefinitions,
    `${resource.resource}.${resource.group}`,
  );
  return (
    definition?.spec?.versions.some(
      ({ name, subresources }) => name === resource.version && subresources?.status !== undefined,
    ) === true
  );
}

/** What operators make: where the trouble of a custom resource usually lies. */
const usuallyMade = [
  resources.deployments,
  resources.statefulsets,
  resources.daemonsets,
  resources.jobs,
  resources.services,
  resources.persistentvolumeclaims,
  resources.pods,
] as const;

async function owned(object: KubernetesObject, look: Look): Promise<KubernetesObject[]> {
  const { namespace, uid } = object.metadata;
  // Built-in kinds without a question of their own own nothing.
  if (!object.apiVersion.includes(".") || object.apiVersion.includes(".k8s.io/")) return [];
  const lists = await Promise.all(
    usuallyMade.map((resource) => look.list<KubernetesObject>(resource, namespace)),
  );
  return lists.flat().filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid));
}
