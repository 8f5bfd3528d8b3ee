import { keyOf } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { managedByLabel, serviceNameLabel } from "../slice-plan.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { EndpointSliceMirroring, managedBy } from "./reconciler.ts";

/** Makes EndpointSlices of the Endpoints that people write for Services without a selector. */
export const endpointSliceMirroringController: ControllerRegistration = {
  name: "endpointslice-mirroring-controller",
  setup(context) {
    const reconciler = new EndpointSliceMirroring(context);
    return {
      workers: 2,
      reconcile: (key) => reconciler.reconcile(key),
      watches: [
        watch(context.informers.informer(resources.endpoints), enqueueSelf),
        watch(context.informers.informer(resources.services), (service) => [keyOf(service)]),
        watch(context.informers.informer(resources.endpointslices), ({ metadata }) =>
          metadata.labels?.[managedByLabel] === managedBy
            ? [`${metadata.namespace}/${metadata.labels[serviceNameLabel] ?? ""}`]
            : [],
        ),
        ...reconciler.watches(),
      ],
    };
  },
};
