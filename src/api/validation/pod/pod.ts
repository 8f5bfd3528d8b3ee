import { forbidden } from "../../../apimachinery/field-error.ts";
import type { Pod } from "../../types/core-v1.ts";
import { type Errors, isEmpty, list, nameIsDnsSubdomain } from "../basics.ts";
import { checkObjectMeta, type MetadataRules } from "../object-meta.ts";
import { checkImageSpaces } from "./containers.ts";
import { newPodOptions, type PodOptions } from "./options.ts";
import { checkAnnotationsMatchFields } from "./security-context.ts";
import { checkPodAnnotations, checkPodSpec, emptySpec } from "./spec.ts";

/** Pods, when they are made. */
export const podMetadata: MetadataRules = {
  namespaced: true,
  name: nameIsDnsSubdomain,
  standardFinalizers: true,
};

export function checkPodCreate(pod: Pod, errors: Errors): void {
  checkPod(pod, newPodOptions, errors);
  const spec = pod.spec ?? emptySpec;
  if (list(spec.ephemeralContainers).length > 0) {
    errors.push(forbidden("spec.ephemeralContainers", "cannot be set on create"));
  }
  if (!isEmpty(spec.nodeName) && list(spec.schedulingGates).length > 0) {
    const detail = "cannot be set until all schedulingGates have been cleared";
    errors.push(forbidden("spec.nodeName", detail));
  }
  checkAnnotationsMatchFields(pod.metadata, spec, "spec", errors);
}

/** What holds for a pod at any time. */
export function checkPod(pod: Pod, options: PodOptions, errors: Errors): void {
  const spec = pod.spec ?? emptySpec;
  checkObjectMeta(pod.metadata, podMetadata, errors);
  checkPodAnnotations(pod.metadata.annotations, spec, options, "metadata.annotations", errors);
  checkPodSpec(spec, pod.metadata, options, "spec", errors);
  if (isEmpty(spec.serviceAccountName)) checkNoTokens(pod, errors);
  for (const field of ["containers", "initContainers"] as const) {
    list(spec[field]).forEach((container, index) => {
      checkImageSpaces(container, `spec.${field}[${index}]`, errors);
    });
  }
}

function checkNoTokens({ spec }: Pod, errors: Errors): void {
  list(spec?.volumes).forEach(({ projected }, index) => {
    list(projected?.sources).forEach(({ serviceAccountToken }, at) => {
      if (serviceAccountToken === undefined) return;
      const path = `spec.volumes[${index}].projected.sources[${at}].serviceAccountToken`;
      errors.push(forbidden(path, "must not be specified when serviceAccountName is not set"));
    });
  });
}
