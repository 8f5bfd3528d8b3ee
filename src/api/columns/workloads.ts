import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import type { LabelSelector } from "../../apimachinery/meta-v1.ts";
import { controllerOf, type KubernetesObject, type UnstructuredObject } from "../../apimachinery/object.ts";
import { convertObject } from "../conversion/index.ts";
import type { ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet } from "../types/apps-v1.ts";
import type { Scale } from "../types/autoscaling-v1.ts";
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from "../types/autoscaling-v2.ts";
import type { CronJob, Job } from "../types/batch-v1.ts";
import type { ReplicationController } from "../types/core-v1.ts";
import type { PodDisruptionBudget } from "../types/policy-v1.ts";
import {
  age,
  ageColumn,
  boolean,
  containerCells,
  containerColumns,
  formatLabels,
  formatSelector,
  integer,
  nameColumn,
  printer,
  selectorColumn,
  text,
} from "./column.ts";
import { humanDuration, timeSince } from "./duration.ts";

/** Mirrors pkg/printers/internalversion/printers.go for what runs pods. */
const replicaColumns = [
  nameColumn,
  integer("Desired", "How many pods are wanted."),
  integer("Current", "How many pods there are."),
  integer("Ready", "How many pods are ready."),
  ageColumn,
  ...containerColumns,
  selectorColumn,
];

export const replicaSetPrinter = printer<ReplicaSet>(replicaColumns, (set, nowMs) => [
  set.metadata.name,
  set.spec.replicas ?? 1,
  set.status?.replicas ?? 0,
  set.status?.readyReplicas ?? 0,
  age(set, nowMs),
  ...containerCells(set.spec.template?.spec?.containers),
  formatSelector(set.spec.selector),
]);

export const replicationControllerPrinter = printer<ReplicationController>(
  replicaColumns,
  (controller, nowMs) => [
    controller.metadata.name,
    controller.spec.replicas ?? 1,
    controller.status?.replicas ?? 0,
    controller.status?.readyReplicas ?? 0,
    age(controller, nowMs),
    ...containerCells(controller.spec.template?.spec?.containers),
    formatLabels(controller.spec.selector),
  ],
);

const readyColumn = text("Ready", "How many pods are ready, of how many wanted.");

function deploymentSelector(selector: LabelSelector | undefined): string {
  try {
    return selectorFromLabelSelector(selector).toString();
  } catch {
    return "<invalid>";
  }
}

export const deploymentPrinter = printer<Deployment>(
  [
    nameColumn,
    readyColumn,
    text("Up-to-date", "How many pods have the newest template."),
    text("Available", "How many pods have been ready for long enough."),
    ageColumn,
    ...containerColumns,
    selectorColumn,
  ],
  (deployment, nowMs) => [
    deployment.metadata.name,
    `${deployment.status?.readyReplicas ?? 0}/${deployment.spec.replicas ?? 1}`,
    deployment.status?.updatedReplicas ?? 0,
    deployment.status?.availableReplicas ?? 0,
    age(deployment, nowMs),
    ...containerCells(deployment.spec.template?.spec?.containers),
    deploymentSelector(deployment.spec.selector),
  ],
);

export const statefulSetPrinter = printer<StatefulSet>(
  [nameColumn, readyColumn, ageColumn, ...containerColumns],
  (set, nowMs) => [
    set.metadata.name,
    `${set.status?.readyReplicas ?? 0}/${set.spec.replicas ?? 1}`,
    age(set, nowMs),
    ...containerCells(set.spec.template?.spec?.containers),
  ],
);

export const daemonSetPrinter = printer<DaemonSet>(
  [
    nameColumn,
    integer("Desired", "How many nodes should run the pod."),
    integer("Current", "How many of these nodes run the pod."),
    integer("Ready", "How many of these nodes have a ready pod."),
    integer("Up-to-date", "How many of these nodes run the newest template."),
    integer("Available", "How many of these nodes have a pod that has been ready for long enough."),
    text("Node Selector", "The labels that nodes must have."),
    ageColumn,
    ...containerColumns,
    selectorColumn,
  ],
  (set, nowMs) => [
    set.metadata.name,
    set.status?.desiredNumberScheduled ?? 0,
    set.status?.currentNumberScheduled ?? 0,
    set.status?.numberReady ?? 0,
    set.status?.updatedNumberScheduled ?? 0,
    set.status?.numberAvailable ?? 0,
    formatLabels(set.spec.template?.spec?.nodeSelector),
    age(set, nowMs),
    ...containerCells(set.spec.template?.spec?.containers),
    formatSelector(set.spec.selector),
  ],
);

function jobStatus(job: Job): string {
  const has = (wanted: string): boolean =>
    job.status?.conditions?.find(({ type }) => type === wanted)?.status === "True";
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (job.metadata.deletionTimestamp !== undefined) return "Terminating";
  if (has("Suspended")) return "Suspended";
  if (has("FailureTarget")) return "FailureTarget";
  return has("SuccessCriteriaMet") ? "SuccessCriteriaMet" : "Running";
}

function jobCompletions({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function jobDuration({ status }: Job, nowMs: number): string {
  if (status?.startTime === undefined) return "";
  const endMs = status.completionTime === undefined ? nowMs : Date.parse(status.completionTime);
  return humanDuration(endMs - Date.parse(status.startTime));
}

export const jobPrinter = printer<Job>(
  [
    nameColumn,
    text("Status", "How the job is doing."),
    text("Completions", "How many pods have succeeded, of how many wanted."),
    text("Duration", "How long the job has taken."),
    ageColumn,
    ...containerColumns,
    selectorColumn,
  ],
  (job, nowMs) => [
    job.metadata.name,
    jobStatus(job),
    jobCompletions(job),
    jobDuration(job, nowMs),
    age(job, nowMs),
    ...containerCells(job.spec.template?.spec?.containers),
    formatSelector(job.spec.selector),
  ],
);

const titleCase = (value: boolean): string => (value ? "True" : "False");

export const cronJobPrinter = printer<CronJob>(
  [
    nameColumn,
    text("Schedule", "When jobs are started, in the notation of cron."),
    text("Timezone", "The time zone of the schedule."),
    boolean("Suspend", "Whether no further jobs are started."),
    integer("Active", "How many jobs are running."),
    text("Last Schedule", "How long ago a job was last started."),
    ageColumn,
    ...containerColumns,
    selectorColumn,
  ],
  (job, nowMs) => [
    job.metadata.name,
    job.spec.schedule,
    job.spec.timeZone ?? "<none>",
    job.spec.suspend === undefined ? "<unset>" : titleCase(job.spec.suspend),
    job.status?.active?.length ?? 0,
    job.status?.lastScheduleTime === undefined ? "<none>" : timeSince(job.status.lastScheduleTime, nowMs),
    age(job, nowMs),
    ...containerCells(job.spec.jobTemplate?.spec?.template?.spec?.containers),
    formatSelector(job.spec.jobTemplate?.spec?.selector),
  ],
);

export const podDisruptionBudgetPrinter = printer<PodDisruptionBudget>(
  [
    nameColumn,
    text("Min Available", "How many pods must stay available."),
    text("Max Unavailable", "How many pods may be unavailable."),
    integer("Allowed Disruptions", "How many pods may be evicted now."),
    ageColumn,
  ],
  (budget, nowMs) => [
    budget.metadata.name,
    String(budget.spec.minAvailable ?? "N/A"),
    String(budget.spec.maxUnavailable ?? "N/A"),
    budget.status?.disruptionsAllowed ?? 0,
    age(budget, nowMs),
  ],
);

export const controllerRevisionPrinter = printer<ControllerRevision>(
  [
    nameColumn,
    text("Controller", "The object that the revision belongs to."),
    text("Revision", "The number of the revision."),
    ageColumn,
  ],
  (revision, nowMs) => [
    revision.metadata.name,
    controllerName(revision),
    revision.revision,
    age(revision, nowMs),
  ],
);

function controllerName(object: KubernetesObject): string {
  const owner = controllerOf(object);
  if (owner === undefined) return "<none>";
  const slash = owner.apiVersion.indexOf("/");
  const group = slash < 0 ? "" : `.${owner.apiVersion.slice(0, slash)}`;
  return `${owner.kind}${group}`.toLowerCase().concat("/", owner.name);
}

export const scalePrinter = printer<Scale>(
  [
    text("Name", "The name of the object."),
    integer("Desired", "How many pods are wanted."),
    integer("Available", "How many pods there are."),
    ageColumn,
  ],
  (scale, nowMs) => [
    scale.metadata.name,
    scale.spec.replicas ?? 0,
    scale.status?.replicas ?? 0,
    age(scale, nowMs),
  ],
);

interface Amount {
  averageUtilization?: number | undefined;
  averageValue?: string | undefined;
  value?: string | undefined;
}

function resourceMetric(name: string, target: Amount, current: Amount | undefined): string {
  if (target.averageValue !== undefined) {
    const now = current === undefined ? "<unknown>" : (current.averageValue ?? "0");
    return `${name}: ${now}/${target.averageValue}`;
  }
  const percent = (value: number | undefined, none: string): string =>
    value === undefined ? none : `${value}%`;
  const now = percent(current?.averageUtilization, "<unknown>");
  return `${name}: ${now}/${percent(target.averageUtilization, "<auto>")}`;
}

function valueMetric(target: Amount, current: Amount | undefined): string {
  if (target.averageValue !== undefined) {
    return `${current?.averageValue ?? "<unknown>"}/${target.averageValue} (avg)`;
  }
  return `${current === undefined ? "<unknown>" : (current.value ?? "0")}/${target.value ?? "0"}`;
}

function formatMetric(spec: MetricSpec, status: MetricStatus | undefined): string {
  if (spec.type === "External" && spec.external !== undefined) {
    return valueMetric(spec.external.target, status?.external?.current);
  }
  if (spec.type === "Object" && spec.object !== undefined) {
    return valueMetric(spec.object.target, status?.object?.current);
  }
  if (spec.type === "Pods" && spec.pods !== undefined) {
    const now = status?.pods === undefined ? "<unknown>" : (status.pods.current.averageValue ?? "0");
    return `${now}/${spec.pods.target.averageValue ?? "0"}`;
  }
  if (spec.type === "Resource" && spec.resource !== undefined) {
    return resourceMetric(spec.resource.name, spec.resource.target, status?.resource?.current);
  }
  if (spec.type === "ContainerResource" && spec.containerResource !== undefined) {
    const { name, target } = spec.containerResource;
    return resourceMetric(name, target, status?.containerResource?.current);
  }
  return "<unknown type>";
}

function formatMetrics({ spec, status }: HorizontalPodAutoscaler): string {
  const metrics = spec.metrics ?? [];
  if (metrics.length === 0) return "<none>";
  const shown = metrics
    .slice(0, 2)
    .map((metric, index) => formatMetric(metric, status?.currentMetrics?.[index]));
  return shown.join(", ") + (metrics.length > 2 ? ` + ${metrics.length - 2} more...` : "");
}

const v2 = { group: "autoscaling", version: "v2", kind: "HorizontalPodAutoscaler" };

export const horizontalPodAutoscalerPrinter = printer<UnstructuredObject>(
  [
    nameColumn,
    text("Reference", "The object that is scaled."),
    text("Targets", "What is measured: the value now, and the value aimed at."),
    text("MinPods", "The least number of pods."),
    text("MaxPods", "The greatest number of pods."),
    text("Replicas", "How many pods there are."),
    ageColumn,
  ],
  (object, nowMs) => {
    const autoscaler = convertObject(object, v2) as unknown as HorizontalPodAutoscaler;
    const { spec, status } = autoscaler;
    return [
      autoscaler.metadata.name,
      `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
      formatMetrics(autoscaler),
      spec.minReplicas === undefined ? "<unset>" : String(spec.minReplicas),
      spec.maxReplicas,
      status?.currentReplicas ?? 0,
      age(autoscaler, nowMs),
    ];
  },
);
