import { forbidden, invalid } from "../../../apimachinery/field-error.ts";
import { qosClassOf } from "../../pod-qos.ts";
import type { Container, Pod, PodSpec, ResourceRequirements } from "../../types/core-v1.ts";
import { type Errors, list, same, size } from "../basics.ts";
import { checkObjectMetaUpdate } from "../object-meta.ts";
import { checkPod } from "./pod.ts";
import { emptySpec, isMirrorPod } from "./spec.ts";
import { podOptions } from "./update.ts";

/**
 * Resources of a running pod and of its containers (mirrors ValidatePodResize). The registry has taken everything else
 * from the old pod, unless the containers are not the same.
 */
export function checkResize(pod: Pod, old: Pod, errors: Errors): void {
  const refusal = resizeRefusal(old);
  if (refusal !== undefined) {
    errors.push(forbidden("<nil>", refusal));
    return;
  }
  checkObjectMetaUpdate(pod.metadata, old.metadata, true, errors);
  checkPod(pod, podOptions(old), errors);
  const spec = pod.spec ?? emptySpec;
  const before = old.spec ?? emptySpec;
  if ((old.status?.qosClass ?? qosClassOf(before)) !== qosClassOf(spec)) {
    const detail = "Pod QOS Class may not change as a result of resizing";
    errors.push(invalid("spec", pod.status?.qosClass ?? "", detail));
  }
  if (!supportsResize(old)) {
    errors.push(forbidden("spec", "Pod running on node without support for resize"));
  }
  const resources = checkPodLevel(spec.resources, before.resources, errors);
  if (list(old.status?.nodeAllocatableResourceClaimStatuses).length > 0) {
    errors.push(forbidden("spec", "pods with node allocatable resource claims cannot be resized"));
  }
  if (!checkOrder(spec, before, errors)) return;
  checkContainersKeep(spec, before, errors);
  const unchanged = { ...withoutCompute(spec, before, errors), resources };
  if (errors.length === 0 && !same(unchanged, before)) {
    errors.push(forbidden("spec", "only cpu and memory resources are mutable"));
  }
}

function resizeRefusal(old: Pod): string | undefined {
  if (isMirrorPod(old.metadata)) return "static pods cannot be resized";
  return old.spec?.os?.name === "windows" ? "windows pods cannot be resized" : undefined;
}

/** The first container that runs tells whether its node reports resources. */
function supportsResize({ status }: Pod): boolean {
  const running = list(status?.containerStatuses).find(({ state }) => state?.running !== undefined);
  return running === undefined || running.resources !== undefined;
}

/** The resources of the pod as a whole, with CPU and memory as they were. */
function checkPodLevel(
  now: ResourceRequirements | undefined,
  old: ResourceRequirements | undefined,
  errors: Errors,
): ResourceRequirements | undefined {
  const path = "spec.resources";
  const isSet = (one: ResourceRequirements | undefined): boolean =>
    size(one?.requests) + size(one?.limits) > 0;
  if (!isSet(now) && !isSet(old)) return now;
  if (old !== undefined && now === undefined) {
    errors.push(forbidden(path, "pod-level resources cannot be removed"));
    return now;
  }
  for (const field of ["requests", "limits"] as const) {
    if (!isRemoved(now?.[field], old?.[field])) continue;
    errors.push(forbidden(`${path}.${field}`, `pod-level resource ${field} cannot be removed`));
  }
  const masked = withOldCompute(now ?? {}, old);
  const isBare =
    old === undefined && size(masked.requests) + size(masked.limits) + list(masked.claims).length === 0;
  const kept = isBare ? undefined : masked;
  if (!same(kept, old)) {
    errors.push(forbidden("spec", "only cpu and memory resources are mutable at pod-level"));
  }
  return kept;
}

const containerLists = ["containers", "initContainers"] as const;

/** False when the containers are not the same, in the same order. */
function checkOrder(spec: PodSpec, old: PodSpec, errors: Errors): boolean {
  const count = errors.length;
  for (const field of containerLists) {
    const [now, before] = [list(spec[field]), list(old[field])];
    if (now.length !== before.length) {
      errors.push(forbidden(`spec.${field}`, `${field} may not be added or removed on resize`));
      continue;
    }
    before.forEach(({ name }, index) => {
      if (now[index]?.name === name) return;
      errors.push(
        forbidden(`spec.${field}[${index}].name`, `${field} may not be renamed or reordered on resize`),
      );
    });
  }
  return errors.length === count;
}

function checkContainersKeep(spec: PodSpec, old: PodSpec, errors: Errors): void {
  for (const field of ["initContainers", "containers"] as const) {
    list(old[field]).forEach((before, index) => {
      const now = list(spec[field])[index];
      for (const amounts of ["requests", "limits"] as const) {
        if (!isRemoved(now?.resources?.[amounts], before.resources?.[amounts])) continue;
        const path = `spec.${field}[${index}].resources.${amounts}`;
        errors.push(forbidden(path, `resource ${amounts} cannot be removed`));
      }
    });
  }
}

type Amounts = Readonly<Record<string, string>> | undefined;

const isRemoved = (now: Amounts, old: Amounts): boolean =>
  Object.keys(old ?? {}).some((name) => now?.[name] === undefined);

/** The new spec with the CPU and memory of the old containers: nothing else of them may change. */
function withoutCompute(spec: PodSpec, old: PodSpec, errors: Errors): PodSpec {
  const containers = list(spec.containers).map((container, index) => {
    const before = list(old.containers)[index];
    const masked = withOldComputeOf(container, before);
    if (!same(masked, before)) {
      errors.push(forbidden("spec", "only cpu and memory resources are mutable"));
    }
    return masked;
  });
  const initContainers = list(spec.initContainers).map((container, index) => {
    const before = list(old.initContainers)[index];
    const path = `spec.initContainers[${index}]`;
    const masked = withOldComputeOf(container, before);
    if (!same(masked, before)) {
      const detail = "only cpu and memory resources for init or sidecar containers are mutable";
      errors.push(forbidden(path, detail));
    }
    if (container.restartPolicy !== "Always" && !same(container, before))
      checkNoRestart(masked, path, errors);
    return masked;
  });
  return { ...spec, containers, initContainers };
}

/** Containers that have ended are not restarted for the sake of their resources. */
function checkNoRestart({ resizePolicy }: Container, path: string, errors: Errors): void {
  for (const { restartPolicy } of list(resizePolicy)) {
    if (restartPolicy !== "RestartContainer") continue;
    const detail = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized";
    errors.push(forbidden(path, detail));
  }
}

/** Claims fall away here, so that a container with claims is never the same. */
function withOldComputeOf(container: Container, before: Container | undefined): Container {
  const { limits, requests } = withOldCompute(container.resources ?? {}, before?.resources);
  return { ...container, resources: { limits, requests } };
}

function withOldCompute(
  resources: ResourceRequirements,
  old: ResourceRequirements | undefined,
): ResourceRequirements {
  const mask = (field: "limits" | "requests"): Record<string, string> => {
    const { cpu: _cpu, memory: _memory, ...rest } = resources[field] ?? {};
    const before = old?.[field] ?? {};
    const kept: Record<string, string> = rest;
    for (const name of ["cpu", "memory"]) {
      const value = before[name];
      if (value !== undefined) kept[name] = value;
    }
    return kept;
  };
  return { ...resources, limits: mask("limits"), requests: mask("requests") };
}
