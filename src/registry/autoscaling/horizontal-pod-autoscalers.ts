import type { Scheme } from "../../api/scheme.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";

const older = { group: "autoscaling", version: "v1", kind: "HorizontalPodAutoscaler" };
const newer = { ...older, version: "v2" };

/**
 * The older version carries in annotations what it has no fields for, parts of the status among them. So a write of it
 * goes by way of the newer version, where it is plain what belongs to the spec and what to the status.
 */
export const horizontalPodAutoscalersExtension: ResourceExtension = {
  group: "autoscaling",
  resource: "horizontalpodautoscalers",
  setup: ({ scheme }) => ({
    strategy: {
      prepareForCreate(_context, object) {
        if (isOlder(object)) replace(scheme, object, { status: undefined });
      },
      prepareForUpdate(_context, object, old, subresource) {
        if (!isOlder(object)) return;
        const part = subresource === "status" ? "spec" : "status";
        replace(scheme, object, { [part]: scheme.convert(old, newer)[part] });
      },
    },
  }),
};

const isOlder = ({ apiVersion }: UnstructuredObject): boolean => apiVersion === "autoscaling/v1";

/** Says the same anew, with one part as it is given in the newer version. */
function replace(scheme: Scheme, object: UnstructuredObject, kept: Record<string, unknown>): void {
  const whole = { ...scheme.convert(object, newer), ...kept };
  Object.assign(object, scheme.convert(whole, older));
}
