import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";
import { dropSpecFields } from "../feature-fields.ts";

/** Of the feature CoordinatedLeaderElection. */
const coordinated = ["strategy", "preferredHolder"];

export const leasesExtension: ResourceExtension = {
  group: "coordination.k8s.io",
  resource: "leases",
  setup: () => ({
    strategy: {
      prepareForCreate: (_context, object) => dropSpecFields(coordinated, object),
      prepareForUpdate: (_context, object, old) => dropSpecFields(coordinated, object, old),
    },
  }),
};
