import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { servicesOfPod } from "../service-endpoints.ts";
import { managedByLabel } from "../slice-plan.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { EndpointSliceReconciler, managedBy, serviceKeyOf } from "./reconciler.ts";

/** Makes EndpointSlices for Services with a selector. */
export const endpointSliceController: ControllerRegistration = {
  name: "endpointslice-controller",
  setup(context) {
    const reconciler = new EndpointSliceReconciler(context);
    const services = context.informers.informer(resources.services);
    return {
      workers: 5,
      reconcile: (key) => reconciler.reconcile(key),
      watches: [
        watch(services, enqueueSelf),
        watch(context.informers.informer(resources.pods), (pod) => servicesOfPod(services, pod)),
        watch(context.informers.informer(resources.endpointslices), (slice) =>
          slice.metadata.labels?.[managedByLabel] === managedBy ? [serviceKeyOf(slice) ?? ""] : [],
        ),
        ...reconciler.watches(),
      ],
    };
  },
};
