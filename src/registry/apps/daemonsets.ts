import type { DaemonSet } from "../../api/types/apps-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";

const templateGeneration = "deprecated.daemonset.template.generation";

const asDaemonSet = (object: UnstructuredObject): DaemonSet => object as unknown as DaemonSet;

/** A DaemonSet counts the generations of its template in an annotation, for readers older than its revisions. */
export const daemonSetsExtension: ResourceExtension = {
  group: "apps",
  resource: "daemonsets",
  setup: () => ({
    strategy: {
      prepareForCreate(_context, object) {
        setCount(object, Math.max(1, countOf(object) ?? 1));
      },
      prepareForUpdate(_context, object, old, subresource) {
        const before = countOf(old) ?? 1;
        // The count belongs to what is wanted, so a status does not change it.
        if (subresource === "status") {
          setCount(object, before);
          return;
        }
        const changed = !deepEqual(asDaemonSet(object).spec.template, asDaemonSet(old).spec.template);
        setCount(object, changed ? before + 1 : before);
      },
    },
  }),
};

function countOf({ metadata }: UnstructuredObject): number | undefined {
  const text = metadata.annotations?.[templateGeneration] ?? "";
  return /^\d{1,18}$/.test(text) ? Number(text) : undefined;
}

function setCount({ metadata }: UnstructuredObject, count: number): void {
  metadata.annotations = { ...metadata.annotations, [templateGeneration]: String(count) };
}
