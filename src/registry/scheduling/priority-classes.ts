import { systemPriorityClasses } from "../../apiserver/admission/priority.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";

const systemClasses = new Set(systemPriorityClasses.map(({ metadata }) => metadata?.name));

/** What the cluster's own pods count on stays (mirrors pkg/registry/scheduling/priorityclass/storage). */
export const priorityClassesExtension: ResourceExtension = {
  group: "scheduling.k8s.io",
  resource: "priorityclasses",
  setup: () => ({
    strategy: {
      refuseDelete: (name) =>
        systemClasses.has(name) ? "this is a system priority class and cannot be deleted" : undefined,
    },
  }),
};
