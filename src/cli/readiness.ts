import type { DaemonSet, Deployment, StatefulSet } from "../api/types/apps-v1.ts";
import type { Job } from "../api/types/batch-v1.ts";
import type { PersistentVolumeClaim, Pod, Service } from "../api/types/core-v1.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";

/** Whether an object is all that it is meant to be, and if not, what is missing. */
export interface Readiness {
  readonly ready: boolean;
  /** It will not become ready by waiting. */
  readonly failed: boolean;
  readonly waitingFor: string;
}

const ready: Readiness = { ready: true, failed: false, waitingFor: "" };
const waiting = (waitingFor: string): Readiness => ({ ready: false, failed: false, waitingFor });
const failed = (waitingFor: string): Readiness => ({ ready: false, failed: true, waitingFor });

/** The questions that `kubectl rollout status` asks, for each kind that runs something. Other kinds are ready at once. */
export function readinessOf(object: UnstructuredObject): Readiness {
  switch (`${object.apiVersion} ${object.kind}`) {
    case "apps/v1 Deployment":
      return deployment(object as unknown as Deployment);
    case "apps/v1 StatefulSet":
      return statefulSet(object as unknown as StatefulSet);
    case "apps/v1 DaemonSet":
      return daemonSet(object as unknown as DaemonSet);
    case "batch/v1 Job":
      return job(object as unknown as Job);
    case "v1 Pod":
      return pod(object as unknown as Pod);
    case "v1 Service":
      return service(object as unknown as Service);
    case "v1 PersistentVolumeClaim":
      return claim(object as unknown as PersistentVolumeClaim);
    default:
      return ready;
  }
}

function deployment({ metadata, spec, status }: Deployment): Readiness {
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0))
    return waiting("the controller to see it");
  const stuck = status?.conditions?.find(
    ({ type, reason }) => type === "Progressing" && reason === "ProgressDeadlineExceeded",
  );
  if (stuck !== undefined) return failed("it exceeded its progress deadline");
  const wanted = spec.replicas ?? 1;
  const { updatedReplicas = 0, replicas = 0, availableReplicas = 0 } = status ?? {};
  if (updatedReplicas < wanted) return waiting(`${updatedReplicas} of ${wanted} new pods made`);
  if (replicas > updatedReplicas) return waiting(`${replicas - updatedReplicas} old pods to end`);
  if (availableReplicas < updatedReplicas)
    return waiting(`${availableReplicas} of ${updatedReplicas} pods available`);
  return ready;
}

function statefulSet({ metadata, spec, status }: StatefulSet): Readiness {
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0))
    return waiting("the controller to see it");
  const wanted = spec.replicas ?? 1;
  const { readyReplicas = 0, updatedReplicas = 0 } = status ?? {};
  if (readyReplicas < wanted) return waiting(`${readyReplicas} of ${wanted} pods ready`);
  if (spec.updateStrategy?.type === "OnDelete") return ready;
  const partition = spec.updateStrategy?.rollingUpdate?.partition ?? 0;
  if (updatedReplicas < wanted - partition)
    return waiting(`${updatedReplicas} of ${wanted - partition} pods updated`);
  return ready;
}

function daemonSet({ metadata, status }: DaemonSet): Readiness {
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0))
    return waiting("the controller to see it");
  const wanted = status?.desiredNumberScheduled ?? 0;
  const available = status?.numberAvailable ?? 0;
  return available < wanted ? waiting(`${available} of ${wanted} pods available`) : ready;
}

function job({ status }: Job): Readiness {
  const end = status?.conditions?.find(
    (condition) => condition.status === "True" && ["Complete", "Failed"].includes(condition.type),
  );
  if (end?.type === "Complete") return ready;
  if (end?.type === "Failed") return failed(end.message ?? "it failed");
  return waiting("it to complete");
}

function pod({ status }: Pod): Readiness {
  if (status?.phase === "Succeeded") return ready;
  if (status?.phase === "Failed") return failed(status.message ?? "it failed");
  if (
    status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ===
    true
  )
    return ready;
  const reasons = (status?.containerStatuses ?? []).flatMap(({ state }) => state?.waiting?.reason ?? []);
  return waiting(reasons.length > 0 ? reasons.join(", ") : "it to become ready");
}

function service({ spec, status }: Service): Readiness {
  if (spec.type !== "LoadBalancer") return ready;
  return (status?.loadBalancer?.ingress ?? []).length > 0 ? ready : waiting("an address");
}

/** A claim of a class that waits for its first consumer is as ready as it can be. */
function claim({ status }: PersistentVolumeClaim): Readiness {
  return status?.phase === "Lost" ? failed("it has lost its volume") : ready;
}
