import { invalid, required } from "../../../apimachinery/field-error.ts";
import { nothing } from "../../../apimachinery/labels.ts";
import type { ObjectMeta } from "../../../apimachinery/meta-v1.ts";
import { dns1123LabelErrors } from "../../../apimachinery/names.ts";
import type { Job, JobSpec } from "../../types/batch-v1.ts";
import type { Affinity, Container, PodSpec } from "../../types/core-v1.ts";
import { type Errors, immutable, immutableMessage, list, text } from "../basics.ts";
import { checkLabelSelector, selectorOf } from "../label-selector.ts";
import type { PodOptions } from "../pod/options.ts";
import { emptySpec } from "../pod/spec.ts";
import { templateOptions } from "../workloads.ts";
import { checkJobSpec } from "./job-spec.ts";

/** Jobs (mirrors pkg/apis/batch/validation and the options of pkg/registry/batch/job). */
export function checkJob(job: Job, errors: Errors, old?: Job): void {
  const { metadata, spec } = job;
  checkGeneratedSelector(job, errors, old);
  checkSelectingSpec(spec, templateOptions(old?.spec.template), errors);
  if (spec.completionMode !== "Indexed" || (spec.completions ?? 0) <= 0) return;
  const hostname = `${text(metadata.name)}-${(spec.completions ?? 1) - 1}`;
  if (dns1123LabelErrors(hostname).length > 0) {
    const detail = `will not able to create pod with invalid DNS label: ${hostname}`;
    errors.push(invalid("metadata.name", text(metadata.name), detail));
  }
}

/** The rules of a spec that stands for itself: its selector finds the pods that it makes. */
function checkSelectingSpec(spec: JobSpec, options: PodOptions, errors: Errors): void {
  checkJobSpec(spec, options, "spec", errors);
  if (spec.selector === undefined) errors.push(required("spec.selector"));
  else checkLabelSelector(spec.selector, "spec.selector", errors);
  const labels = spec.template.metadata?.labels;
  const selector = spec.selector === undefined ? nothing : selectorOf(spec.selector);
  if (selector?.matches(labels) === false) {
    const detail = "`selector` does not match template `labels`";
    errors.push(invalid("spec.template.metadata.labels", labels ?? null, detail));
  }
}

/** Jobs that are older than the labels with a domain go without them. */
function checkGeneratedSelector({ metadata, spec }: Job, errors: Errors, old: Job | undefined): void {
  if (spec.manualSelector === true || spec.selector === undefined) return;
  const uid = text(metadata.uid);
  const name = text(metadata.name);
  if (uid === "") errors.push(required("metadata.uid"));
  const expected: Record<string, string> = { "controller-uid": uid, "job-name": name };
  const before = old?.spec.template.metadata?.labels ?? {};
  const domain = "batch.kubernetes.io/";
  const isOlder =
    old !== undefined && !(`${domain}controller-uid` in before && `${domain}job-name` in before);
  if (!isOlder) Object.assign(expected, { [`${domain}controller-uid`]: uid, [`${domain}job-name`]: name });
  for (const [key, value] of Object.entries(expected)) {
    checkHasLabel(spec.template.metadata, key, value, errors);
  }
  if (selectorOf(spec.selector)?.matches(expected) === false) {
    errors.push(invalid("spec.selector", spec.selector, "`selector` not auto-generated"));
  }
}

function checkHasLabel(meta: ObjectMeta | undefined, key: string, expected: string, errors: Errors): void {
  const path = `spec.template.metadata.labels[${key}]`;
  const value = meta?.labels?.[key];
  if (value === undefined) errors.push(required(path, `must be '${expected}'`));
  else if (value !== expected) errors.push(invalid(path, meta?.labels, `must be '${expected}'`));
}

export function checkJobUpdate(job: Job, old: Job, errors: Errors): void {
  const { spec } = job;
  const before = old.spec;
  checkJob(job, errors, old);
  // Kubernetes asks twice: as of a job that is whole, and as of a change.
  checkSelectingSpec(spec, templateOptions(before.template), errors);
  checkCompletions(spec, before, errors);
  immutable(spec.selector, before.selector, "spec.selector", errors);
  checkTemplateUpdate(spec, old, errors);
  immutable(spec.completionMode, before.completionMode, "spec.completionMode", errors);
  immutable(spec.podFailurePolicy, before.podFailurePolicy, "spec.podFailurePolicy", errors);
  immutable(spec.backoffLimitPerIndex, before.backoffLimitPerIndex, "spec.backoffLimitPerIndex", errors);
  if (spec.managedBy !== before.managedBy) {
    errors.push(invalid("spec.managedBy", spec.managedBy ?? null, immutableMessage));
  }
  immutable(spec.successPolicy, before.successPolicy, "spec.successPolicy", errors);
}

/** An indexed job changes its completions together with its parallelism. */
function checkCompletions(spec: JobSpec, old: JobSpec, errors: Errors): void {
  const path = "spec.completions";
  if (spec.completionMode !== "Indexed") immutable(spec.completions, old.completions, path, errors);
  else if (spec.completions !== undefined && spec.completions !== old.completions) {
    if (spec.completions === spec.parallelism) return;
    errors.push(invalid(path, spec.completions, "can only be modified in tandem with spec.parallelism"));
  }
}

/** While a job is suspended and has no pods, where they will run and what they will get may change. */
function checkTemplateUpdate({ template }: JobSpec, old: Job, errors: Errors): void {
  const before = old.spec.template;
  if (!mayReschedule(old)) immutable(template, before, "spec.template", errors);
  else {
    const [now, then] = [template.spec ?? emptySpec, before.spec ?? emptySpec];
    immutable(now, withWhatMayChange(then, now), "spec.template.spec", errors);
  }
}

function withWhatMayChange(old: PodSpec, now: PodSpec): PodSpec {
  return {
    ...old,
    containers: withResources(list(old.containers), list(now.containers)),
    initContainers: withResources(list(old.initContainers), list(now.initContainers)),
    affinity: withNodeAffinity(old.affinity, now.affinity),
    nodeSelector: now.nodeSelector,
    tolerations: now.tolerations,
    schedulingGates: now.schedulingGates,
  };
}

function withResources(old: readonly Container[], now: readonly Container[]): Container[] {
  if (old.length !== now.length) return [...old];
  return old.map((container, index) => {
    const other = now[index];
    return other?.name === container.name ? { ...container, resources: other.resources } : container;
  });
}

function withNodeAffinity(old: Affinity | undefined, now: Affinity | undefined): Affinity | undefined {
  if (old === undefined && now === undefined) return undefined;
  const { nodeAffinity: _, ...others } = old ?? {};
  if (now !== undefined) return { ...others, nodeAffinity: now.nodeAffinity };
  return Object.values(others).every((member) => member === undefined) ? undefined : others;
}

function mayReschedule({ spec, status }: Job): boolean {
  const isSuspended = list(status?.conditions).some(
    ({ type, status: value }) => type === "Suspended" && value === "True",
  );
  return spec.suspend === true && isSuspended && (status?.active ?? 0) === 0;
}
