import type { Namespace } from "../../api/types/core-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { NamespaceReconciler } from "./reconciler.ts";

const isNews = (old: Namespace, namespace: Namespace): boolean =>
  old.metadata.deletionTimestamp !== namespace.metadata.deletionTimestamp ||
  !deepEqual(old.spec, namespace.spec);

/** Empties and removes namespaces that are being deleted. */
export const namespaceController: ControllerRegistration = {
  name: "namespace-controller",
  setup(context) {
    const reconciler = new NamespaceReconciler(context);
    return {
      workers: 10,
      reconcile: (name) => reconciler.reconcile(name),
      // Not its own reports: with a message that is another each time, one would lead to the next.
      watches: [watch(context.informers.informer(resources.namespaces), enqueueSelf, { when: isNews })],
    };
  },
};
