import type { DaemonSet, Deployment, StatefulSet } from "../api/types/apps-v1.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import { KubectlError } from "./errors.ts";

export interface RolloutStatus {
  /** With its line break. */
  readonly message: string;
  readonly done: boolean;
}

/** How far the rollout is, in kubectl's words. Throws KubectlError when it has failed, and for kinds without rollouts. */
export function rolloutStatus(object: UnstructuredObject, revision = 0): RolloutStatus {
  switch (object.kind) {
    case "Deployment":
      return deploymentStatus(object as unknown as Deployment, revision);
    case "DaemonSet":
      return daemonSetStatus(object as unknown as DaemonSet);
    case "StatefulSet":
      return statefulSetStatus(object as unknown as StatefulSet);
    default:
      throw new KubectlError(`no status viewer has been implemented for ${object.kind}`);
  }
}

const waiting = (text: string): RolloutStatus => ({ message: `${text}\n`, done: false });
const done = (text: string): RolloutStatus => ({ message: `${text}\n`, done: true });

function deploymentStatus({ metadata, spec, status = {} }: Deployment, revision: number): RolloutStatus {
  const name = JSON.stringify(metadata.name);
  if (revision > 0) {
    const current = metadata.annotations?.["deployment.kubernetes.io/revision"];
    if (current !== undefined && Number(current) !== revision) {
      throw new KubectlError(
        `desired revision (${revision}) is different from the running revision (${current})`,
      );
    }
  }
  if ((metadata.generation ?? 0) > (status.observedGeneration ?? 0)) {
    return waiting("Waiting for deployment spec update to be observed...");
  }
  const progressing = status.conditions?.find(({ type }) => type === "Progressing");
  if (progressing?.reason === "ProgressDeadlineExceeded") {
    throw new KubectlError(`deployment ${name} exceeded its progress deadline`);
  }
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  const wanted = spec.replicas ?? 1;
  if (updatedReplicas < wanted) {
    return waiting(
      `Waiting for deployment ${name} rollout to finish: ${updatedReplicas} out of ${wanted} new replicas have been updated...`,
    );
  }
  if (replicas > updatedReplicas) {
    return waiting(
      `Waiting for deployment ${name} rollout to finish: ${replicas - updatedReplicas} old replicas are pending termination...`,
    );
  }
  if (availableReplicas < updatedReplicas) {
    return waiting(
      `Waiting for deployment ${name} rollout to finish: ${availableReplicas} of ${updatedReplicas} updated replicas are available...`,
    );
  }
  return done(`deployment ${name} successfully rolled out`);
}

function daemonSetStatus({ metadata, spec, status }: DaemonSet): RolloutStatus {
  const name = JSON.stringify(metadata.name);
  if (spec?.updateStrategy?.type !== "RollingUpdate") {
    throw new KubectlError("rollout status is only available for RollingUpdate strategy type");
  }
  if ((metadata.generation ?? 0) > (status?.observedGeneration ?? 0)) {
    return waiting("Waiting for daemon set spec update to be observed...");
  }
  const { updatedNumberScheduled = 0, desiredNumberScheduled = 0, numberAvailable = 0 } = status ?? {};
  if (updatedNumberScheduled < desiredNumberScheduled) {
    return waiting(
      `Waiting for daemon set ${name} rollout to finish: ${updatedNumberScheduled} out of ${desiredNumberScheduled} new pods have been updated...`,
    );
  }
  if (numberAvailable < desiredNumberScheduled) {
    return waiting(
      `Waiting for daemon set ${name} rollout to finish: ${numberAvailable} of ${desiredNumberScheduled} updated pods are available...`,
    );
  }
  return done(`daemon set ${name} successfully rolled out`);
}

function statefulSetStatus({ metadata, spec, status }: StatefulSet): RolloutStatus {
  if (spec?.updateStrategy?.type !== "RollingUpdate") {
    throw new KubectlError("rollout status is only available for RollingUpdate strategy type");
  }
  const {
    observedGeneration = 0,
    readyReplicas = 0,
    updatedReplicas = 0,
    currentReplicas = 0,
  } = status ?? {};
  if (observedGeneration === 0 || (metadata.generation ?? 0) > observedGeneration) {
    return waiting("Waiting for statefulset spec update to be observed...");
  }
  const wanted = spec.replicas ?? 1;
  if (readyReplicas < wanted) return waiting(`Waiting for ${wanted - readyReplicas} pods to be ready...`);
  const partition = spec.updateStrategy.rollingUpdate?.partition ?? 0;
  if (partition > 0) {
    if (updatedReplicas < wanted - partition) {
      return waiting(
        `Waiting for partitioned roll out to finish: ${updatedReplicas} out of ${wanted - partition} new pods have been updated...`,
      );
    }
    return done(`partitioned roll out complete: ${updatedReplicas} new pods have been updated...`);
  }
  if (status?.updateRevision !== status?.currentRevision) {
    return waiting(
      `waiting for statefulset rolling update to complete ${updatedReplicas} pods at revision ${status?.updateRevision}...`,
    );
  }
  return done(
    `statefulset rolling update complete ${currentReplicas} pods at revision ${status?.currentRevision}...`,
  );
}
