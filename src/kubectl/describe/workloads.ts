import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from "../../api/types/apps-v1.ts";
import type { HorizontalPodAutoscaler } from "../../api/types/autoscaling-v2.ts";
import type { CronJob, Job } from "../../api/types/batch-v1.ts";
import type { PersistentVolumeClaim, ReplicationController } from "../../api/types/core-v1.ts";
import type { PodDisruptionBudget } from "../../api/types/policy-v1.ts";
import { selectorFromLabelSelector, selectorFromMap } from "../../apimachinery/labels.ts";
import type { LabelSelector } from "../../apimachinery/meta-v1.ts";
import { resources } from "../../client/resources.ts";
import { humanDuration } from "../printers/age.ts";
import { formatLabels } from "../printers/table.ts";
import { newAndOldReplicaSets } from "../replica-sets.ts";
import { controlledBy, type Describer, describeEvents } from "./context.ts";
import { type Description, goList, rfc1123, trueFalseUnset } from "./description.ts";
import { describePodTemplate } from "./pods.ts";
import { formatLabelSelector } from "./selectors.ts";

const selectorText = (selector: LabelSelector | undefined): string =>
  selectorFromLabelSelector(selector).toString();

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string | undefined;
}

function describeConditions(d: Description, conditions: readonly Condition[] | undefined): void {
  if (conditions === undefined || conditions.length === 0) return;
  d.line(0, "Conditions:").row(1, "Type", "Status", "Reason").row(1, "----", "------", "------");
  for (const { type, status, reason } of conditions) d.row(1, `${type} `, status, reason);
}

export const describeDeployment: Describer = async (d, object, context) => {
  const deployment = object as unknown as Deployment;
  const { metadata, spec, status } = deployment;
  const events = await context.eventsAbout(deployment);
  const sets = await context
    .list(resources.replicasets, metadata.namespace, { labelSelector: selectorText(spec.selector) })
    .catch(() => []);
  const { newest, old } = newAndOldReplicaSets(deployment, sets);
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.field("CreationTimestamp", rfc1123(metadata.creationTimestamp));
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  d.field("Selector", selectorText(spec.selector));
  const { updatedReplicas = 0, replicas = 0, availableReplicas = 0, unavailableReplicas = 0 } = status ?? {};
  d.field(
    "Replicas",
    `${spec.replicas ?? 1} desired | ${updatedReplicas} updated | ${replicas} total | ${availableReplicas} available | ${unavailableReplicas} unavailable`,
  );
  d.field("StrategyType", spec.strategy?.type).field("MinReadySeconds", spec.minReadySeconds ?? 0);
  const rolling = spec.strategy?.rollingUpdate;
  if (rolling !== undefined) {
    d.field(
      "RollingUpdateStrategy",
      `${rolling.maxUnavailable} max unavailable, ${rolling.maxSurge} max surge`,
    );
  }
  describePodTemplate(d, spec.template);
  describeConditions(d, status?.conditions);
  if (old.length > 0 || newest !== undefined) {
    d.field("OldReplicaSets", describeSets(old)).field(
      "NewReplicaSet",
      describeSets(newest === undefined ? [] : [newest]),
    );
  }
  describeEvents(d, events);
};

function describeSets(sets: readonly ReplicaSet[]): string {
  if (sets.length === 0) return "<none>";
  return sets
    .map(
      ({ metadata, spec, status }) =>
        `${metadata.name} (${status?.replicas ?? 0}/${spec?.replicas ?? 1} replicas created)`,
    )
    .join(", ");
}

export const describeReplicaSet: Describer = async (d, object, context) => {
  const set = object as unknown as ReplicaSet;
  const { metadata, spec, status } = set;
  const events = await context.eventsAbout(set);
  const pods = await context
    .podStatuses(set, selectorText(spec?.selector))
    .catch((error: unknown) => `error in fetching pods: ${String(error)}`);
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.field("Selector", formatLabelSelector(spec?.selector));
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  if (controlledBy(set) !== "") d.field("Controlled By", controlledBy(set));
  d.field("Replicas", `${status?.replicas ?? 0} current / ${spec?.replicas ?? 1} desired`);
  d.field("Pods Status", pods);
  describePodTemplate(d, spec?.template);
  describeConditions(d, status?.conditions);
  describeEvents(d, events);
};

export const describeReplicationController: Describer = async (d, object, context) => {
  const controller = object as unknown as ReplicationController;
  const { metadata, spec, status } = controller;
  const events = await context.eventsAbout(controller);
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.field("Selector", formatLabels(spec?.selector));
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  d.field("Replicas", `${status?.replicas ?? 0} current / ${spec?.replicas ?? 1} desired`);
  d.field("Pods Status", await context.podStatuses(controller, selectorFromMap(spec?.selector).toString()));
  describePodTemplate(d, spec?.template);
  describeConditions(d, status?.conditions);
  describeEvents(d, events);
};

export const describeStatefulSet: Describer = async (d, object, context) => {
  const set = object as unknown as StatefulSet;
  const { metadata, spec, status } = set;
  const events = await context.eventsAbout(set);
  const selector = selectorText(spec?.selector);
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.field("CreationTimestamp", rfc1123(metadata.creationTimestamp)).field("Selector", selector);
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  d.field("Replicas", `${spec?.replicas ?? 1} desired | ${status?.replicas ?? 0} total`);
  d.field("Update Strategy", spec?.updateStrategy?.type);
  const rolling = spec?.updateStrategy?.rollingUpdate;
  if (rolling?.partition !== undefined) {
    d.field("Partition", rolling.partition, 1);
    if (rolling.maxUnavailable !== undefined) d.field("MaxUnavailable", rolling.maxUnavailable, 1);
  }
  d.field("Pods Status", await context.podStatuses(set, selector));
  describePodTemplate(d, spec?.template);
  describeClaimTemplates(d, spec?.volumeClaimTemplates ?? []);
  describeEvents(d, events);
};

function describeClaimTemplates(d: Description, templates: readonly PersistentVolumeClaim[]): void {
  if (templates.length === 0) {
    d.line(0, "Volume Claims:\t<none>");
    return;
  }
  d.line(0, "Volume Claims:");
  for (const { metadata, spec } of templates) {
    d.field("Name", metadata.name, 1);
    d.field(
      "StorageClass",
      metadata.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec?.storageClassName,
      1,
    );
    d.labels("  Labels", metadata.labels).labels("  Annotations", metadata.annotations);
    d.field("Capacity", spec?.resources?.requests?.["storage"] ?? "<default>", 1);
    d.field("Access Modes", goList(spec?.accessModes), 1);
  }
}

export const describeDaemonSet: Describer = async (d, object, context) => {
  const set = object as unknown as DaemonSet;
  const { metadata, spec, status } = set;
  const events = await context.eventsAbout(set);
  const selector = selectorText(spec?.selector);
  d.field("Name", metadata.name).field("Namespace", metadata.namespace).field("Selector", selector);
  d.field("Node-Selector", formatLabels(spec?.template.spec?.nodeSelector));
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  d.line(0, `Desired Number of Nodes Scheduled: ${status?.desiredNumberScheduled ?? 0}`);
  d.line(0, `Current Number of Nodes Scheduled: ${status?.currentNumberScheduled ?? 0}`);
  d.line(0, `Number of Nodes Scheduled with Up-to-date Pods: ${status?.updatedNumberScheduled ?? 0}`);
  d.line(0, `Number of Nodes Scheduled with Available Pods: ${status?.numberAvailable ?? 0}`);
  d.line(0, `Number of Nodes Misscheduled: ${status?.numberMisscheduled ?? 0}`);
  d.field("Pods Status", await context.podStatuses(set, selector));
  describePodTemplate(d, spec?.template);
  describeEvents(d, events);
};

export const describeJob: Describer = async (d, object, context) => {
  const job = object as unknown as Job;
  const { metadata, spec, status } = job;
  const events = await context.eventsAbout(job);
  d.field("Name", metadata.name)
    .field("Namespace", metadata.namespace)
    .field("Selector", selectorText(spec?.selector));
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  if (controlledBy(job) !== "") d.field("Controlled By", controlledBy(job));
  if (spec?.parallelism !== undefined) d.field("Parallelism", spec.parallelism);
  d.field("Completions", spec?.completions ?? "<unset>");
  if (spec?.completionMode !== undefined) d.field("Completion Mode", spec.completionMode);
  if (spec?.suspend !== undefined) d.field("Suspend", spec.suspend);
  if (spec?.backoffLimit !== undefined) d.field("Backoff Limit", spec.backoffLimit);
  if (spec?.ttlSecondsAfterFinished !== undefined)
    d.field("TTL Seconds After Finished", spec.ttlSecondsAfterFinished);
  const { startTime, completionTime, active = 0, succeeded = 0, failed = 0, ready } = status ?? {};
  if (startTime !== undefined) d.field("Start Time", rfc1123(startTime));
  if (completionTime !== undefined) d.field("Completed At", rfc1123(completionTime));
  if (startTime !== undefined && completionTime !== undefined) {
    d.field("Duration", humanDuration(Date.parse(completionTime) - Date.parse(startTime)));
  }
  if (spec?.activeDeadlineSeconds !== undefined)
    d.field("Active Deadline Seconds", `${spec.activeDeadlineSeconds}s`);
  const readyText = ready === undefined ? "" : ` (${ready} Ready)`;
  d.field("Pods Statuses", `${active} Active${readyText} / ${succeeded} Succeeded / ${failed} Failed`);
  if (spec?.completionMode === "Indexed")
    d.field("Completed Indexes", capIndexes(status?.completedIndexes ?? ""));
  describePodTemplate(d, spec?.template);
  describeEvents(d, events);
};

/** A long list of indexes is cut at the first comma after fifty characters. */
function capIndexes(indexes: string): string {
  if (indexes === "") return "<none>";
  const comma = indexes.indexOf(",", 50);
  return comma < 0 ? indexes : `${indexes.slice(0, comma + 1)}...`;
}

export const describeCronJob: Describer = async (d, object, context) => {
  const job = object as unknown as CronJob;
  const { metadata, spec, status } = job;
  const events = await context.eventsAbout(job);
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  d.field("Schedule", spec?.schedule).field("Concurrency Policy", spec?.concurrencyPolicy);
  d.field("Suspend", trueFalseUnset(spec?.suspend));
  d.field("Successful Job History Limit", spec?.successfulJobsHistoryLimit ?? "<unset>");
  d.field("Failed Job History Limit", spec?.failedJobsHistoryLimit ?? "<unset>");
  const deadline = spec?.startingDeadlineSeconds;
  d.field("Starting Deadline Seconds", deadline === undefined ? "<unset>" : `${deadline}s`);
  const template = spec?.jobTemplate.spec;
  d.field("Selector", template?.selector === undefined ? "<unset>" : selectorText(template.selector));
  d.field("Parallelism", template?.parallelism ?? "<unset>").field(
    "Completions",
    template?.completions ?? "<unset>",
  );
  if (template?.activeDeadlineSeconds !== undefined)
    d.field("Active Deadline Seconds", `${template.activeDeadlineSeconds}s`);
  describePodTemplate(d, template?.template);
  const last = status?.lastScheduleTime;
  d.field("Last Schedule Time", last === undefined ? "<unset>" : rfc1123(last));
  const active = (status?.active ?? []).map(({ name }) => name);
  d.field("Active Jobs", active.length === 0 ? "<none>" : active.join(", "));
  describeEvents(d, events);
};

export const describePodDisruptionBudget: Describer = async (d, object, context) => {
  const budget = object as unknown as PodDisruptionBudget;
  const { metadata, spec, status } = budget;
  const events = await context.eventsAbout(budget);
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  if (spec?.minAvailable !== undefined) d.field("Min available", spec.minAvailable);
  else if (spec?.maxUnavailable !== undefined) d.field("Max unavailable", spec.maxUnavailable);
  d.field("Selector", spec?.selector === undefined ? "<unset>" : formatLabelSelector(spec.selector));
  d.line(0, "Status:").field("Allowed disruptions", status?.disruptionsAllowed ?? 0, 2);
  d.field("Current", status?.currentHealthy ?? 0, 2).field("Desired", status?.desiredHealthy ?? 0, 2);
  d.field("Total", status?.expectedPods ?? 0, 2);
  describeEvents(d, events);
};

export const describeHorizontalPodAutoscaler: Describer = async (d, object, context) => {
  const autoscaler = object as unknown as HorizontalPodAutoscaler;
  const { metadata, spec, status } = autoscaler;
  const events = await context.eventsAbout(autoscaler);
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  d.field("CreationTimestamp", rfc1123(metadata.creationTimestamp));
  d.field("Reference", `${spec?.scaleTargetRef.kind}/${spec?.scaleTargetRef.name}`);
  d.field("Metrics", "( current / target )");
  for (const [index, metric] of (spec?.metrics ?? []).entries())
    describeMetric(d, metric, status?.currentMetrics?.[index]);
  d.field("Min replicas", spec?.minReplicas ?? "<unset>").field("Max replicas", spec?.maxReplicas);
  if (spec?.behavior !== undefined) {
    d.line(0, "Behavior:");
    describeScaling(d, "Scale Up", spec.behavior.scaleUp);
    describeScaling(d, "Scale Down", spec.behavior.scaleDown);
  }
  d.field(
    `${spec?.scaleTargetRef.kind} pods`,
    `${status?.currentReplicas ?? 0} current / ${status?.desiredReplicas ?? 0} desired`,
  );
  const conditions = status?.conditions ?? [];
  if (conditions.length > 0) {
    d.line(0, "Conditions:")
      .row(1, "Type", "Status", "Reason", "Message")
      .row(1, "----", "------", "------", "-------");
    for (const { type, status: holds, reason, message } of conditions) d.row(1, type, holds, reason, message);
  }
  describeEvents(d, events);
};

type Metric = NonNullable<NonNullable<HorizontalPodAutoscaler["spec"]>["metrics"]>[number];
type CurrentMetric = NonNullable<NonNullable<HorizontalPodAutoscaler["status"]>["currentMetrics"]>[number];

function describeMetric(d: Description, metric: Metric, current: CurrentMetric | undefined): void {
  const unknown = "<unknown>";
  if (metric.type === "Resource" || metric.type === "ContainerResource") {
    const wanted = metric.resource ?? metric.containerResource;
    const found = current?.resource ?? current?.containerResource;
    const where =
      metric.containerResource === undefined ? "" : ` of container "${metric.containerResource.container}"`;
    const title = `resource ${wanted?.name}${where} on pods`;
    if (wanted?.target.averageValue !== undefined) {
      d.line(1, `${title}:\t${found?.current.averageValue ?? unknown} / ${wanted.target.averageValue}`);
      return;
    }
    const now =
      found?.current.averageUtilization === undefined
        ? unknown
        : `${found.current.averageUtilization}% (${found.current.averageValue ?? 0})`;
    const target = wanted?.target.averageUtilization;
    d.line(
      1,
      `${title}  (as a percentage of request):\t${now} / ${target === undefined ? "<auto>" : `${target}%`}`,
    );
  } else if (metric.pods !== undefined) {
    d.line(
      1,
      `"${metric.pods.metric.name}" on pods:\t${current?.pods?.current.averageValue ?? unknown} / ${metric.pods.target.averageValue}`,
    );
  } else if (metric.object !== undefined) {
    const { metric: named, describedObject, target } = metric.object;
    const isAverage = target.type === "AverageValue";
    const found = current?.object?.current;
    const now = (isAverage ? found?.averageValue : found?.value) ?? unknown;
    d.line(
      1,
      `"${named.name}" on ${describedObject.kind}/${describedObject.name} (target${isAverage ? " average" : ""} value):\t${now} / ${isAverage ? target.averageValue : target.value}`,
    );
  } else if (metric.external !== undefined) {
    const { target } = metric.external;
    const isAverage = target.averageValue !== undefined;
    const found = current?.external?.current;
    const now = (isAverage ? found?.averageValue : found?.value) ?? unknown;
    d.line(
      1,
      `"${metric.external.metric.name}" (target${isAverage ? " average" : ""} value):\t${now} / ${target.averageValue ?? target.value}`,
    );
  } else d.line(1, `<unknown metric type "${metric.type}">`);
}

type ScalingRules = NonNullable<
  NonNullable<NonNullable<HorizontalPodAutoscaler["spec"]>["behavior"]>["scaleUp"]
>;

function describeScaling(d: Description, direction: string, rules: ScalingRules | undefined): void {
  if (rules === undefined) return;
  d.line(1, `${direction}:`);
  if (rules.stabilizationWindowSeconds !== undefined) {
    d.line(2, `Stabilization Window: ${rules.stabilizationWindowSeconds} seconds`);
  }
  if ((rules.policies ?? []).length === 0) return;
  d.line(2, `Select Policy: ${rules.selectPolicy ?? "Max"}`).line(2, "Policies:");
  for (const { type, value, periodSeconds } of rules.policies ?? []) {
    d.line(3, `- Type: ${type}\tValue: ${value}\tPeriod: ${periodSeconds} seconds`);
  }
}
