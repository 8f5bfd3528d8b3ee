import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from "../types/apps-v1.ts";
import type { HorizontalPodAutoscaler as HorizontalPodAutoscalerV1 } from "../types/autoscaling-v1.ts";
import type { HorizontalPodAutoscaler, HPAScalingRules } from "../types/autoscaling-v2.ts";
import type { CronJob, Job, JobSpec } from "../types/batch-v1.ts";
import { defaultPersistentVolumeClaim } from "./core.ts";
import { defaultPodTemplate } from "./pod-spec.ts";

/** Mirrors the defaults.go of pkg/apis/apps/v1, batch/v1, autoscaling/v1 and autoscaling/v2. */
export function defaultDeployment({ spec }: Deployment): void {
  defaultPodTemplate(spec.template);
  spec.replicas ??= 1;
  spec.strategy ??= {};
  spec.strategy.type ||= "RollingUpdate";
  if (spec.strategy.type === "RollingUpdate") {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= "25%";
    spec.strategy.rollingUpdate.maxSurge ??= "25%";
  }
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
}

export function defaultReplicaSet({ spec }: ReplicaSet): void {
  defaultPodTemplate(spec.template);
  spec.replicas ??= 1;
}

export function defaultDaemonSet({ spec }: DaemonSet): void {
  defaultPodTemplate(spec.template);
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ||= "RollingUpdate";
  if (spec.updateStrategy.type === "RollingUpdate") {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= 10;
}

export function defaultStatefulSet({ spec }: StatefulSet): void {
  defaultPodTemplate(spec.template);
  spec.podManagementPolicy ||= "OrderedReady";
  spec.updateStrategy ??= {};
  if (!spec.updateStrategy.type) {
    spec.updateStrategy.type = "RollingUpdate";
    spec.updateStrategy.rollingUpdate ??= {};
  }
  if (spec.updateStrategy.type === "RollingUpdate" && spec.updateStrategy.rollingUpdate !== undefined) {
    spec.updateStrategy.rollingUpdate.partition ??= 0;
  }
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= "Retain";
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= "Retain";
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion = "v1";
    claim.kind = "PersistentVolumeClaim";
    defaultPersistentVolumeClaim(claim);
  }
}

const maxInt32 = 2_147_483_647;

export function defaultJob(job: Job): void {
  const { spec } = job;
  defaultJobSpecParts(spec);
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : maxInt32;
  const labels = spec.template?.metadata?.labels;
  if (labels !== undefined && Object.keys(job.metadata.labels ?? {}).length === 0) {
    // Those of a new job are one with its template's: what the registry adds to them it adds to both.
    job.metadata.labels = job.metadata.uid === undefined ? labels : { ...labels };
  }
  spec.completionMode ??= "NonIndexed";
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? "TerminatingOrFailed" : "Failed";
  spec.manualSelector ??= false;
}

/** What also holds for the job inside a CronJob. */
function defaultJobSpecParts(spec: JobSpec): void {
  defaultPodTemplate(spec.template);
  for (const rule of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= "True";
  }
}

export function defaultCronJob({ spec }: CronJob): void {
  if (spec.jobTemplate?.spec !== undefined) defaultJobSpecParts(spec.jobTemplate.spec);
  spec.concurrencyPolicy ||= "Allow";
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= 3;
  spec.failedJobsHistoryLimit ??= 1;
}

export function defaultHorizontalPodAutoscalerV1({ spec }: HorizontalPodAutoscalerV1): void {
  spec.minReplicas ??= 1;
}

const scaleUp: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ],
};
const scaleDown: HPAScalingRules = {
  selectPolicy: "Max",
  policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
};

export function defaultHorizontalPodAutoscaler({ spec }: HorizontalPodAutoscaler): void {
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0) {
    spec.metrics = [
      {
        type: "Resource",
        resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } },
      },
    ];
  }
  if (spec.behavior !== undefined) {
    spec.behavior.scaleUp = { ...structuredClone(scaleUp), ...spec.behavior.scaleUp };
    spec.behavior.scaleDown = { ...structuredClone(scaleDown), ...spec.behavior.scaleDown };
  }
}
