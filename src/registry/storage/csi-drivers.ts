import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";
import { dropSpecFields } from "../feature-fields.ts";

/** Of the feature VolumeLimitScaling. */
const scaling = ["preventPodSchedulingIfMissing"];

/** Drivers start to count their generations with the first change. */
export const csiDriversExtension: ResourceExtension = {
  group: "storage.k8s.io",
  resource: "csidrivers",
  setup: () => ({
    strategy: {
      prepareForCreate(_context, object) {
        delete object.metadata.generation;
        dropSpecFields(scaling, object);
      },
      prepareForUpdate: (_context, object, old) => dropSpecFields(scaling, object, old),
    },
  }),
};
