import type { Pod } from "../../api/types/core-v1.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import { keyOf } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { DisruptionReconciler, disruptionTargetSince } from "./reconciler.ts";

/** Keeps the numbers of PodDisruptionBudgets. Keys are budgets, and `pod NAMESPACE/NAME` for pods marked to be disrupted. */
export const disruptionController: ControllerRegistration = {
  name: "disruption-controller",
  setup(context) {
    const reconciler = new DisruptionReconciler(context);
    const budgets = context.informers.informer(resources.poddisruptionbudgets);
    const budgetsOf = (pod: Pod): string[] =>
      budgets
        .list(pod.metadata.namespace)
        .filter((budget) => selectorFromLabelSelector(budget.spec.selector).matches(pod.metadata.labels))
        .map(keyOf);
    const marked = (pod: Pod): string[] =>
      disruptionTargetSince(pod) === undefined ? [] : [`pod ${keyOf(pod)}`];
    return {
      reconcile: (key) => reconciler.reconcile(key),
      watches: [
        watch(budgets, enqueueSelf),
        watch(context.informers.informer(resources.pods), (pod) => [...budgetsOf(pod), ...marked(pod)]),
      ],
    };
  },
};
