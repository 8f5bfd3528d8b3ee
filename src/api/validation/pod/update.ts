import { forbidden, invalid, required } from "../../../apimachinery/field-error.ts";
import type {
  Container,
  NodeAffinity,
  NodeSelectorTerm,
  Pod,
  PodSchedulingGate,
  PodSpec,
  Toleration,
} from "../../types/core-v1.ts";
import { type Errors, list, same } from "../basics.ts";
import { describePodChange } from "../describe-change.ts";
import { checkObjectMetaUpdate } from "../object-meta.ts";
import { checkImageSpaces } from "./containers.ts";
import { optionsFor, type PodOptions } from "./options.ts";
import { checkPod } from "./pod.ts";
import { checkTolerations } from "./scheduling.ts";
import { checkPodAnnotations, emptySpec } from "./spec.ts";

/** Changes of pods: of a running pod little may change (mirrors ValidatePodUpdate). */
const updatable = [
  "`spec.containers[*].image`",
  "`spec.initContainers[*].image`",
  "`spec.activeDeadlineSeconds`",
  "`spec.tolerations` (only additions to existing tolerations)",
  "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
];

const int32Max = 2 ** 31 - 1;

export function checkPodUpdate(pod: Pod, old: Pod, errors: Errors): void {
  const options = podOptions(old);
  const spec = pod.spec ?? emptySpec;
  const before = old.spec ?? emptySpec;
  checkObjectMetaUpdate(pod.metadata, old.metadata, true, errors);
  checkPod(pod, options, errors);
  checkPodAnnotationUpdate(pod, old, options, errors);
  for (const field of ["containers", "initContainers"] as const) {
    if (!checkContainerUpdates(spec[field], before[field], `spec.${field}`, errors)) return;
  }
  if (!checkDeadline(spec.activeDeadlineSeconds, before.activeDeadlineSeconds, errors)) return;
  checkAddedTolerations(spec.tolerations, before.tolerations, errors);
  checkDeletedGates(spec.schedulingGates, before.schedulingGates, errors);
  if (same(spec, before)) return;
  const masked = maskUpdatable(spec, before);
  if (list(before.schedulingGates).length > 0) maskGated(masked, before, errors);
  if (same(masked, before)) return;
  const detail = `pod updates may not change fields other than ${updatable.join(",")}\n${describePodChange(before, masked)}`;
  errors.push(forbidden("spec", detail));
}

export const podOptions = (old: Pod): PodOptions => optionsFor(true, old.spec, old.metadata);

const appArmorPrefix = "container.apparmor.security.beta.kubernetes.io/";
const mirrorAnnotation = "kubernetes.io/config.mirror";

export function checkPodAnnotationUpdate(pod: Pod, old: Pod, options: PodOptions, errors: Errors): void {
  const path = "metadata.annotations";
  const annotations = pod.metadata.annotations ?? {};
  const before = old.metadata.annotations ?? {};
  for (const [key, value] of Object.entries(before)) {
    if (annotations[key] === value) continue;
    const what = protectedAnnotation(key);
    if (what === undefined) continue;
    errors.push(forbidden(`${path}[${key}]`, `may not remove or update ${what}`));
  }
  for (const key of Object.keys(annotations)) {
    const what = protectedAnnotation(key);
    if (what !== undefined && !Object.hasOwn(before, key)) {
      errors.push(forbidden(`${path}[${key}]`, `may not add ${what}`));
    }
  }
  checkPodAnnotations(annotations, pod.spec ?? emptySpec, options, path, errors);
}

function protectedAnnotation(key: string): string | undefined {
  if (key.startsWith(appArmorPrefix)) return "AppArmor annotations";
  return key === mirrorAnnotation ? "mirror pod annotation" : undefined;
}

/** False when the lists cannot be compared further. */
function checkContainerUpdates(
  containers: readonly Container[] | undefined,
  old: readonly Container[] | undefined,
  path: string,
  errors: Errors,
): boolean {
  if (list(containers).length !== list(old).length) {
    errors.push(forbidden(path, "pod updates may not add or remove containers"));
    return false;
  }
  list(containers).forEach((container, index) => {
    if ((container.image ?? "") === "") errors.push(required(`${path}[${index}].image`));
    checkImageSpaces(container, `${path}[${index}]`, errors);
  });
  return true;
}

/** A deadline may be set, or come nearer. */
function checkDeadline(deadline: number | undefined, old: number | undefined, errors: Errors): boolean {
  const path = "spec.activeDeadlineSeconds";
  if (deadline === undefined) {
    if (old !== undefined) {
      errors.push(invalid(path, undefined, "must not update from a positive integer to nil value"));
    }
    return true;
  }
  if (deadline < 0 || deadline > int32Max) {
    errors.push(invalid(path, deadline, `must be between 0 and ${int32Max}, inclusive`));
    return false;
  }
  if (old !== undefined && old < deadline) {
    errors.push(invalid(path, deadline, "must be less than or equal to previous value"));
    return false;
  }
  return true;
}

function checkAddedTolerations(
  tolerations: readonly Toleration[] | undefined,
  old: readonly Toleration[] | undefined,
  errors: Errors,
): void {
  for (const before of list(old)) {
    const isKept = list(tolerations).some((toleration) =>
      same({ ...before, tolerationSeconds: toleration.tolerationSeconds }, toleration),
    );
    if (isKept) continue;
    const detail = "existing toleration can not be modified except its tolerationSeconds";
    errors.push(forbidden("spec.tolerations", detail));
    return;
  }
  checkTolerations(tolerations, "spec.tolerations", errors);
}

function checkDeletedGates(
  gates: readonly PodSchedulingGate[] | undefined,
  old: readonly PodSchedulingGate[] | undefined,
  errors: Errors,
): void {
  const known = new Set(list(old).map(({ name }) => name));
  list(gates).forEach(({ name }, index) => {
    if (known.has(name)) return;
    const detail = `only deletion is allowed, but found new scheduling gate '${name}'`;
    errors.push(forbidden(`spec.schedulingGates[${index}].name`, detail));
  });
}

/** The new spec with the old values of all that may change. */
function maskUpdatable(spec: PodSpec, old: PodSpec): PodSpec {
  const withOldImage = (container: Container, index: number, before: readonly Container[]): Container => ({
    ...container,
    image: before[index]?.image,
  });
  const masked: PodSpec = {
    ...spec,
    containers: list(spec.containers).map((one, index) => withOldImage(one, index, list(old.containers))),
    initContainers: spec.initContainers?.map((one, index) =>
      withOldImage(one, index, list(old.initContainers)),
    ),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    schedulingGates: old.schedulingGates,
    tolerations: old.tolerations,
  };
  const grace = old.terminationGracePeriodSeconds;
  if (grace !== undefined && grace < 0 && spec.terminationGracePeriodSeconds === 1) {
    masked.terminationGracePeriodSeconds = grace;
  }
  return masked;
}

/** Until a pod may be scheduled, the choice of nodes may become narrower. */
function maskGated(masked: PodSpec, old: PodSpec, errors: Errors): void {
  if (!same(masked.nodeSelector, old.nodeSelector)) {
    const { nodeSelector } = masked;
    const isKept = Object.entries(old.nodeSelector ?? {}).every(
      ([key, value]) => nodeSelector?.[key] === value,
    );
    if (!isKept) {
      const detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
      errors.push(invalid("spec.nodeSelector", nodeSelector ?? null, detail));
    }
    masked.nodeSelector = old.nodeSelector;
  }
  const before = old.affinity?.nodeAffinity;
  const nodeAffinity = masked.affinity?.nodeAffinity;
  if (same(nodeAffinity, before)) return;
  checkNarrowed(nodeAffinity, before, errors);
  const rest = { ...masked.affinity, nodeAffinity: before };
  masked.affinity = old.affinity === undefined && isEmptyAffinity(rest) ? undefined : rest;
}

const isEmptyAffinity = (affinity: object): boolean =>
  Object.values(affinity).every((member) => member === undefined);

function checkNarrowed(
  affinity: NodeAffinity | undefined,
  old: NodeAffinity | undefined,
  errors: Errors,
): void {
  const before = old?.requiredDuringSchedulingIgnoredDuringExecution;
  if (before === undefined) return;
  const path = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  const oldTerms = list(before.nodeSelectorTerms);
  const required = affinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms = list(required?.nodeSelectorTerms);
  if (oldTerms.length > 0 && oldTerms.length !== terms.length) {
    const detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
    errors.push(invalid(path, required?.nodeSelectorTerms ?? null, detail));
    return;
  }
  oldTerms.forEach((oldTerm, index) => {
    const term = terms[index];
    if (term !== undefined && hasOnlyAdditions(term, oldTerm)) return;
    errors.push(invalid(`${path}[${index}]`, term, "only additions are allowed (no mutations or deletions)"));
  });
}

function hasOnlyAdditions(term: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  const count = ({ matchExpressions, matchFields }: NodeSelectorTerm): number =>
    list(matchExpressions).length + list(matchFields).length;
  // A term without requirements matches nothing: one with some would be wider.
  if (count(old) === 0) return count(term) === 0;
  return (["matchExpressions", "matchFields"] as const).every((field) => {
    const before = list(old[field]);
    return same(list(term[field]).slice(0, before.length), before);
  });
}
