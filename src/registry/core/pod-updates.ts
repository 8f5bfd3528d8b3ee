import type { Container, Pod, PodCondition, PodSpec, PodStatus } from "../../api/types/core-v1.ts";
import { deepCopy } from "../../apimachinery/json.ts";

/** Puts back what an update of the pod, or of the subresource, may not change (mirrors pkg/registry/core/pod/strategy.go). */
export function restrictPodUpdate(pod: Pod, old: Pod, subresource: string): void {
  switch (subresource) {
    case "status":
      // Older kubelets spoil the owners and drop the class.
      keep(pod.metadata, old.metadata, "ownerReferences");
      pod.status = keptStatus(pod.status ?? {}, old.status ?? {});
      return;
    case "ephemeralcontainers": {
      const { ephemeralContainers } = pod.spec;
      pod.spec = deepCopy(old.spec);
      keep(pod.spec, { ...pod.spec, ephemeralContainers }, "ephemeralContainers");
      keepMetadata(pod, old);
      keepStatus(pod, old);
      return;
    }
    case "resize":
      keepAllButResources(pod, old);
      return;
    case "binding":
      return;
    default:
      keepStatus(pod, old);
  }
}

function keepStatus(pod: Pod, { status }: Pod): void {
  if (status !== undefined) pod.status = status;
}

/** All that describes the object belongs to the object itself; who owns which field is still recorded. */
function keepMetadata({ metadata }: Pod, { metadata: old }: Pod): void {
  for (const field of ["generation", "labels", "annotations", "finalizers", "ownerReferences"] as const)
    keep(metadata, old, field);
}

function keep<T extends object>(now: T, old: T, field: keyof T): void {
  if (old[field] === undefined) delete now[field];
  else now[field] = old[field];
}

/** Clients that do not know of generations take none away. */
function keptStatus(status: PodStatus, old: PodStatus): PodStatus {
  const left = new Map<string, PodCondition[]>();
  for (const condition of old.conditions ?? [])
    left.set(condition.type, [...(left.get(condition.type) ?? []), condition]);
  const conditions = status.conditions?.map((condition) => {
    const [before, ...rest] = left.get(condition.type) ?? [];
    left.set(condition.type, rest);
    return { ...condition, ...generationOf(condition, before) };
  });
  return {
    ...status,
    ...(conditions === undefined ? {} : { conditions }),
    ...generationOf(status, old),
    ...((status.qosClass ?? "") === "" && old.qosClass !== undefined ? { qosClass: old.qosClass } : {}),
  };
}

interface Observed {
  observedGeneration?: number | undefined;
}

function generationOf(now: Observed, before: Observed | undefined): Observed {
  if ((now.observedGeneration ?? 0) !== 0 || before?.observedGeneration === undefined) return {};
  return { observedGeneration: before.observedGeneration };
}

/** Containers that were added, taken away or renamed are left as they are: validation refuses them. */
function keepAllButResources(pod: Pod, old: Pod): void {
  const { spec } = pod;
  const count = (list: readonly Container[] | undefined): number => list?.length ?? 0;
  if (
    count(spec.containers) !== count(old.spec.containers) ||
    count(spec.initContainers) !== count(old.spec.initContainers)
  ) {
    return;
  }
  const { initContainers } = old.spec;
  const kept: PodSpec = {
    ...deepCopy(old.spec),
    containers: withResources(spec.containers, old.spec.containers),
    ...(initContainers === undefined
      ? {}
      : { initContainers: withResources(spec.initContainers ?? [], initContainers) }),
  };
  if (spec.resources === undefined) delete kept.resources;
  else kept.resources = spec.resources;
  pod.spec = kept;
  keepMetadata(pod, old);
  keepStatus(pod, old);
}

function withResources(containers: Container[], old: readonly Container[]): Container[] {
  if (containers.some(({ name }, index) => old[index]?.name !== name)) return containers;
  return containers.map(({ resources, resizePolicy }, index) => {
    const { resources: _1, resizePolicy: _2, ...rest } = deepCopy(old[index] ?? { name: "" });
    return {
      ...rest,
      ...(resources === undefined ? {} : { resources }),
      ...(resizePolicy === undefined ? {} : { resizePolicy }),
    };
  });
}
