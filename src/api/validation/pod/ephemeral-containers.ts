import { forbidden } from "../../../apimachinery/field-error.ts";
import type { Pod } from "../../types/core-v1.ts";
import { type Errors, list, same } from "../basics.ts";
import { describeChange } from "../describe-change.ts";
import { checkObjectMetaUpdate } from "../object-meta.ts";
import { checkPod } from "./pod.ts";
import { isMirrorPod } from "./spec.ts";
import { checkPodAnnotationUpdate, podOptions } from "./update.ts";

/** Containers that users add to a running pod to look at it. */
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
      const change = describeChange("EphemeralContainer", before, container);
      errors.push(forbidden(path, `existing ephemeral containers ${name} may not be changed\n${change}`));
    }
  }
}
