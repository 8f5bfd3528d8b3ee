import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { servicesOfPod } from "../service-endpoints.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { EndpointsReconciler, managedByLabel } from "./reconciler.ts";

/** Makes Endpoints for Services with a selector. */
export const endpointsController: ControllerRegistration = {
  name: "endpoints-controller",
  setup(context) {
    const reconciler = new EndpointsReconciler(context);
    const services = context.informers.informer(resources.services);
    return {
      workers: 5,
      reconcile: (key) => reconciler.reconcile(key),
      watches: [
        watch(services, enqueueSelf),
        watch(context.informers.informer(resources.pods), (pod) => servicesOfPod(services, pod)),
        // Endpoints that people write are theirs.
        watch(context.informers.informer(resources.endpoints), (endpoints) =>
          endpoints.metadata.labels?.[managedByLabel] === undefined ? [] : enqueueSelf(endpoints),
        ),
      ],
    };
  },
};
