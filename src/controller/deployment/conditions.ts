import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from "../../api/types/apps-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { findCondition } from "../../apimachinery/conditions.ts";
import { parseTime } from "../../apimachinery/time.ts";
import {
  actualPods,
  availablePods,
  maxUnavailable,
  progressDeadlineMs,
  readyPods,
  replicasOf,
  terminatingPods,
  wantedPods,
} from "./limits.ts";

type Conditions = readonly DeploymentCondition[];

/** What a condition says; its times are set when it is put into a list. */
export interface Finding {
  readonly type: "Available" | "Progressing" | "ReplicaFailure";
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/**
 * The list with the finding set. A condition that has the same status and reason already stays as it is, with its
 * message and times: kubectl and the progress deadline read lastUpdateTime as the time of the last progress.
 */
export function setFinding(
  list: Conditions | undefined,
  finding: Finding,
  nowMs: number,
): DeploymentCondition[] {
  const conditions = list ?? [];
  const present = findCondition(conditions, finding.type);
  if (present?.status === finding.status && present.reason === finding.reason) return [...conditions];
  return replaceFinding(conditions, finding, nowMs);
}

/** As `setFinding`, but the condition's update time moves also when it says the same. */
export function replaceFinding(list: Conditions, finding: Finding, nowMs: number): DeploymentCondition[] {
  const present = findCondition(list, finding.type);
  const now = formatTime(nowMs);
  const lastTransitionTime = present?.status === finding.status ? (present.lastTransitionTime ?? now) : now;
  return [...without(list, finding.type), { ...finding, lastUpdateTime: now, lastTransitionTime }];
}

export const without = (list: Conditions, type: string): DeploymentCondition[] =>
  list.filter((condition) => condition.type !== type);

/** The counts and the Available condition; progress is judged apart. */
export function statusOf(
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus {
  const available = availablePods(replicaSets);
  const enough = available >= replicasOf(deployment) - maxUnavailable(deployment);
  const conditions = setFinding(
    deployment.status?.conditions,
    {
      type: "Available",
      status: enough ? "True" : "False",
      reason: enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
      message: enough
        ? "Deployment has minimum availability."
        : "Deployment does not have minimum availability.",
    },
    nowMs,
  );
  const counts = {
    replicas: actualPods(replicaSets),
    updatedReplicas: newest === undefined ? 0 : actualPods([newest]),
    readyReplicas: readyPods(replicaSets),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, wantedPods(replicaSets) - available),
  };
  const { collisionCount } = deployment.status ?? {};
  return {
    observedGeneration: deployment.metadata.generation,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    terminatingReplicas: terminatingPods(replicaSets),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions,
  };
}

/** All pods are of the newest template and available, and nothing else is left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const replicas = replicasOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** More new pods, fewer old ones, or more that work than the status before. */
function hasProgressed({ status: old = {} }: Deployment, status: DeploymentStatus): boolean {
  const oldPods = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus): number =>
    replicas - updatedReplicas;
  return (
    (status.updatedReplicas ?? 0) > (old.updatedReplicas ?? 0) ||
    oldPods(status) < oldPods(old) ||
    (status.readyReplicas ?? 0) > (old.readyReplicas ?? 0) ||
    (status.availableReplicas ?? 0) > (old.availableReplicas ?? 0)
  );
}

/** No progress for longer than the deadline. A rollout that has succeeded cannot time out afterwards. */
function hasTimedOut(deployment: Deployment, status: DeploymentStatus, nowMs: number): boolean {
  const condition = findCondition(status.conditions, "Progressing");
  const deadlineMs = progressDeadlineMs(deployment);
  if (condition === undefined || deadlineMs === undefined) return false;
  if (condition.reason === "NewReplicaSetAvailable") return false;
  if (condition.reason === "ProgressDeadlineExceeded") return true;
  const sinceMs = parseTime(condition.lastUpdateTime) ?? nowMs;
  return sinceMs + deadlineMs < nowMs;
}

/** The status of a rollout: that of `statusOf` with Progressing and ReplicaFailure. (Mirrors progress.go.) */
export function rolloutStatusOf(
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus {
  const status = statusOf(deployment, replicaSets, newest, nowMs);
  let conditions = status.conditions ?? [];
  if (progressDeadlineMs(deployment) === undefined) conditions = without(conditions, "Progressing");
  else conditions = withProgress(deployment, status, conditions, newest, nowMs);
  const failure = failureOf(replicaSets, newest);
  conditions =
    failure === undefined ? without(conditions, "ReplicaFailure") : setFinding(conditions, failure, nowMs);
  return { ...status, conditions };
}

function withProgress(
  deployment: Deployment,
  status: DeploymentStatus,
  conditions: DeploymentCondition[],
  newest: ReplicaSet | undefined,
  nowMs: number,
): DeploymentCondition[] {
  const before = findCondition(deployment.status?.conditions, "Progressing");
  const settled =
    (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && before?.reason === "NewReplicaSetAvailable";
  if (settled) return conditions;
  const subject =
    newest === undefined
      ? `Deployment "${deployment.metadata.name}"`
      : `ReplicaSet "${newest.metadata.name}"`;
  const finding = (status: "True" | "False", reason: string, what: string): Finding => ({
    type: "Progressing",
    status,
    reason,
    message: `${subject} ${what}`,
  });
  if (isComplete(deployment, status)) {
    const done = finding("True", "NewReplicaSetAvailable", "has successfully progressed.");
    return setFinding(conditions, done, nowMs);
  }
  if (hasProgressed(deployment, status)) {
    return replaceFinding(conditions, finding("True", "ReplicaSetUpdated", "is progressing."), nowMs);
  }
  if (hasTimedOut(deployment, status, nowMs)) {
    const late = finding("False", "ProgressDeadlineExceeded", "has timed out progressing.");
    return setFinding(conditions, late, nowMs);
  }
  return conditions;
}

/** Why a ReplicaSet cannot have its pods; the newest one's reason counts first. */
function failureOf(replicaSets: readonly ReplicaSet[], newest: ReplicaSet | undefined): Finding | undefined {
  for (const replicaSet of newest === undefined ? replicaSets : [newest, ...replicaSets]) {
    const condition = findCondition(replicaSet.status?.conditions, "ReplicaFailure");
    if (condition === undefined) continue;
    const { status, reason = "", message = "" } = condition;
    return { type: "ReplicaFailure", status: status === "True" ? "True" : "False", reason, message };
  }
  return undefined;
}

/** When to look again whether the rollout is stuck; undefined when there is nothing to wait for. */
export function progressCheckMs(
  deployment: Deployment,
  status: DeploymentStatus,
  nowMs: number,
): number | undefined {
  const condition = findCondition(deployment.status?.conditions, "Progressing");
  const deadlineMs = progressDeadlineMs(deployment);
  if (condition === undefined || deadlineMs === undefined) return undefined;
  if (isComplete(deployment, status) || condition.reason === "ProgressDeadlineExceeded") return undefined;
  // What settled once is not judged any more, whatever its pods do.
  if (condition.reason === "NewReplicaSetAvailable") return undefined;
  const leftMs = (parseTime(condition.lastUpdateTime) ?? nowMs) + deadlineMs - nowMs;
  // Times of the API are whole seconds: a second more and the deadline has passed for certain.
  return Math.max(0, leftMs) + 1000;
}
