import { type ControllerRegistration, enqueueOwner, enqueueSelf, resources, watch } from "sampan/operator";
import type { Dns } from "./dns.ts";
import { SiteReconciler } from "./reconciler.ts";
import { sites } from "./site.ts";

/** What wakes the reconciler: a Site, and whatever belongs to one. */
export const siteController = (dns: Dns): ControllerRegistration => ({
  name: "site-controller",
  setup(context) {
    const reconciler = new SiteReconciler(context, dns);
    const { informers } = context;
    return {
      workers: 4,
      reconcile: (key) => reconciler.reconcile(key),
      watches: [
        watch(informers.informer(sites), enqueueSelf),
        watch(informers.informer(resources.deployments), enqueueOwner("Site")),
        watch(informers.informer(resources.jobs), enqueueOwner("Site")),
      ],
    };
  },
});
