import { formatApiVersion, type GroupVersionKind } from "../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { applyDefaults } from "../defaults/index.ts";
import { autoscalerToV1, autoscalerToV2 } from "./autoscaling.ts";
import { eventFromCore, eventToCore } from "./events.ts";
import { fromResourceV1beta1, toResourceV1beta1 } from "./resource.ts";

type Converter = (object: UnstructuredObject) => UnstructuredObject;

/** `kind: from → to`, for versions that differ by more than their name. */
const converters: Readonly<Record<string, Converter>> = {
  "Event: v1 → events.k8s.io/v1": eventFromCore,
  "Event: events.k8s.io/v1 → v1": eventToCore,
  "HorizontalPodAutoscaler: autoscaling/v2 → autoscaling/v1": autoscalerToV1,
  "HorizontalPodAutoscaler: autoscaling/v1 → autoscaling/v2": (object) => {
    const result = autoscalerToV2(object);
    applyDefaults({ group: "autoscaling", version: "v2", kind: "HorizontalPodAutoscaler" }, result);
    return result;
  },
};

const resourceBeta = "resource.k8s.io/v1beta1";

/**
 * The object in another version: the same object if it has that version already, otherwise a new one that may share
 * parts with it. Neither may be changed without a copy.
 */
export function convertObject(object: UnstructuredObject, to: GroupVersionKind): UnstructuredObject {
  const apiVersion = formatApiVersion(to);
  if (object.apiVersion === apiVersion) return object;
  if (object.apiVersion === resourceBeta) return fromResourceV1beta1(object, apiVersion);
  if (apiVersion === resourceBeta) return toResourceV1beta1(object);
  const converter = converters[`${to.kind}: ${object.apiVersion} → ${apiVersion}`];
  return converter === undefined ? { ...object, apiVersion } : converter(object);
}
