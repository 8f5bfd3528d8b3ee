import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { NamespaceReconciler } from "./reconciler.ts";

/** Empties and removes namespaces that are being deleted. */
export const namespaceController: ControllerRegistration = {
  name: "namespace-controller",
  setup(context) {
    const reconciler = new NamespaceReconciler(context);
    return {
      workers: 10,
      reconcile: (name) => reconciler.reconcile(name),
      watches: [watch(context.informers.informer(resources.namespaces), enqueueSelf)],
    };
  },
};
