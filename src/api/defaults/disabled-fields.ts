import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";

/**
 * Fields of features that are off by default in Kubernetes 1.36: clients may send them, and servers drop them. What
 * validation says of them is never heard.
 */
type Members = Record<string, unknown>;

const workloads = ["DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"];

/** Drops the fields, in place. The object is decoded already and owned by the caller. */
export function dropDisabledFields(kind: string, object: UnstructuredObject): void {
  const spec = membersOf(object["spec"]);
  const status = membersOf(object["status"]);
  if (kind === "Pod") {
    dropOfPod(spec);
    dropOfPodStatus(status);
  } else if (workloads.includes(kind)) dropOfPod(at(spec, "template", "spec"));
  else if (kind === "CronJob") dropOfPod(at(spec, "jobTemplate", "spec", "template", "spec"));
  else if (kind === "PodTemplate") dropOfPod(at(object, "template", "spec"));
  else if (kind === "Lease") drop(spec, "preferredHolder", "strategy");
  else if (kind === "Node") {
    drop(spec, "configSource");
    drop(status, "config");
  }
}

function dropOfPod(spec: Members | undefined): void {
  if (spec === undefined) return;
  drop(spec, "schedulingGroup");
  for (const field of ["containers", "initContainers", "ephemeralContainers"]) {
    for (const container of listOf(spec[field])) {
      const lifecycle = membersOf(container["lifecycle"]);
      if (lifecycle?.["stopSignal"] === undefined) continue;
      drop(lifecycle, "stopSignal");
      if (Object.keys(lifecycle).length === 0) drop(container, "lifecycle");
    }
  }
}

function dropOfPodStatus(status: Members | undefined): void {
  if (status === undefined) return;
  drop(status, "nodeAllocatableResourceClaimStatuses");
  for (const field of ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"]) {
    for (const container of listOf(status[field])) {
      for (const mount of listOf(container["volumeMounts"])) drop(mount, "volumeStatus");
    }
  }
}

function drop(members: Members | undefined, ...names: readonly string[]): void {
  if (members === undefined) return;
  for (const name of names) if (members[name] !== undefined) delete members[name];
}

const membersOf = (value: unknown): Members | undefined => (isObject(value) ? value : undefined);
const listOf = (value: unknown): Members[] => (Array.isArray(value) ? value.filter(isObject) : []);

const at = (members: Members | undefined, ...path: readonly string[]): Members | undefined =>
  path.reduce<Members | undefined>((found, name) => membersOf(found?.[name]), members);
