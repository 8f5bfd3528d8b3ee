import { forbidden, invalid } from "../../../apimachinery/field-error.ts";
import { qosClassOf } from "../../pod-qos.ts";
import type { Container, Pod, PodSpec, ResourceRequirements } from "../../types/core-v1.ts";
import { type Errors, list, same } from "../basics.ts";
import { describeChange } from "../describe-change.ts";
import { checkObjectMetaUpdate } from "../object-meta.ts";
import { checkPod } from "./pod.ts";
import { emptySpec, isMirrorPod } from "./spec.ts";
import { checkPodAnnotationUpdate, podOptions } from "./update.ts";

/** The subresources through which users change a running pod: ephemeral containers and resources. */
export function checkEphemeralContainersUpdate(pod: Pod, old: Pod, errors: Errors): void {
  if (isMirrorPod(old.metadata)) {
    errors.push(forbidden("[]", "static pods do not support ephemeral containers"));
    return;
  }
  const options = podOptions(old);
  checkObjectMetaUpdate(pod.metadata, old.metadata, true, errors);
  checkPod(pod, options, errors);
  checkPodAnnotationUpdate(pod, old, options, errors);
  const path = "spec.ephemeralContainers";
  const now = new Map(list(pod.spec?.ephemeralContainers).map((one) => [one.name, one]));
  for (const before of list(old.spec?.ephemeralContainers)) {
    const container = now.get(before.name);
    const name = JSON.stringify(before.name);
    if (container === undefined) {
      errors.push(forbidden(path, `existing ephemeral containers ${name} may not be removed\n`));
    } else if (!same(container, before)) {
      const change = describeChange(before, container);
      errors.push(forbidden(path, `existing ephemeral containers ${name} may not be changed\n${change}`));
    }
  }
}

/** Resources of containers that run. The registry has taken everything else from the old pod. */
export function checkResize(pod: Pod, old: Pod, errors: Errors): void {
  const refusal = resizeRefusal(old);
  if (refusal !== undefined) {
    errors.push(forbidden("[]", refusal));
    return;
  }
  checkObjectMetaUpdate(pod.metadata, old.metadata, true, errors);
  checkPod(pod, podOptions(old), errors);
  const spec = pod.spec ?? emptySpec;
  const before = old.spec ?? emptySpec;
  if (qosClassOf(before) !== qosClassOf(spec)) {
    const detail = "Pod QOS Class may not change as a result of resizing";
    errors.push(invalid("spec", pod.status?.qosClass ?? "", detail));
  }
  if (!supportsResize(old)) {
    errors.push(forbidden("spec", "Pod running on node without support for resize"));
  }
  checkContainerResizes(spec, before, errors);
  const unchanged = checkOnlyResources(spec, before, errors);
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

function checkContainerResizes(spec: PodSpec, old: PodSpec, errors: Errors): void {
  list(old.initContainers).forEach((before, index) => {
    const now = list(spec.initContainers)[index];
    if (before.restartPolicy !== "Always" || now === undefined) return;
    checkResourcesKept(now, before, `spec.initContainers[${index}].resources`, errors);
  });
  list(old.containers).forEach((before, index) => {
    const now = list(spec.containers)[index];
    if (now !== undefined) checkResourcesKept(now, before, `spec.containers[${index}].resources`, errors);
  });
}

function checkResourcesKept(now: Container, before: Container, path: string, errors: Errors): void {
  for (const field of ["requests", "limits"] as const) {
    const old = before.resources?.[field] ?? {};
    const current = now.resources?.[field] ?? {};
    if (Object.keys(old).some((name) => current[name] === undefined)) {
      errors.push(forbidden(`${path}.${field}`, `resource ${field} cannot be removed`));
    }
  }
}

/** The new spec with the old CPU and memory: what differs besides may not change. */
function checkOnlyResources(spec: PodSpec, old: PodSpec, errors: Errors): PodSpec {
  const containers = list(spec.containers).map((container, index) => {
    const before = list(old.containers)[index];
    const masked = withComputeOf(container, before);
    if (!same(masked, before)) {
      errors.push(forbidden("spec", "only cpu and memory resources are mutable"));
    }
    return masked;
  });
  const initContainers = list(spec.initContainers).map((container, index) => {
    const before = list(old.initContainers)[index];
    const isSidecar = container.restartPolicy === "Always";
    const masked = isSidecar ? withComputeOf(container, before) : container;
    if (!same(masked, before)) {
      const detail = isSidecar
        ? "only cpu and memory resources for sidecar containers are mutable"
        : "resources for non-sidecar init containers are immutable";
      errors.push(forbidden("spec", detail));
    }
    return masked;
  });
  const resources = spec.resources === undefined ? undefined : withCompute(spec.resources, old.resources);
  return { ...spec, containers, initContainers, resources };
}

function withComputeOf(container: Container, before: Container | undefined): Container {
  return {
    ...container,
    resizePolicy: before?.resizePolicy,
    resources: withCompute(container.resources ?? {}, before?.resources),
  };
}

function withCompute(
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
