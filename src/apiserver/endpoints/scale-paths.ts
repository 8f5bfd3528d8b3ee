import type { ScalePaths } from "../../api/scheme.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newInternalError } from "../../apimachinery/status.ts";
import { numberAt, stepsOf, textAt, valueAt } from "../extensions/validate-scale.ts";

/** What built-in workloads have. */
const builtin: Pick<ScalePaths, "specReplicasPath"> = { specReplicasPath: ".spec.replicas" };

/** Sets the replicas that are wanted, in place. What the object shares with others is copied on the way. */
export function setReplicas(object: UnstructuredObject, replicas: number, paths?: ScalePaths): void {
  const steps = stepsOf((paths ?? builtin).specReplicasPath);
  const last = steps.pop() ?? "";
  let place: Record<string, unknown> = object;
  for (const step of steps) {
    const below: unknown = place[step];
    const copy: Record<string, unknown> = isObject(below) ? { ...below } : {};
    place[step] = copy;
    place = copy;
  }
  place[last] = replicas;
}

/** The replicas that are wanted; undefined when the object does not say. */
export const replicasAt = (object: UnstructuredObject, { specReplicasPath }: ScalePaths): unknown =>
  valueAt(object, specReplicasPath);

/** The Scale of a custom resource, whose parts lie where its definition says. */
export function scaleAt(object: UnstructuredObject, paths: ScalePaths): UnstructuredObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const { specReplicasPath, statusReplicasPath, labelSelectorPath = "" } = paths;
  try {
    const wanted = numberAt(object, specReplicasPath);
    const replicas = numberAt(object, statusReplicasPath);
    const selector = labelSelectorPath === "" ? "" : textAt(object, labelSelectorPath);
    return {
      kind: "Scale",
      apiVersion: "autoscaling/v1",
      metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
      spec: wanted === 0 ? {} : { replicas: wanted },
      status: selector === "" ? { replicas } : { replicas, selector },
    };
  } catch (error) {
    throw newInternalError(error);
  }
}
