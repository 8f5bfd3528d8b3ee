import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";

/** New volumes and claims are Pending, whatever their creator says of their status. */
export const persistentVolumesExtension: ResourceExtension = {
  group: "",
  resource: "persistentvolumes",
  setup: () => ({
    strategy: {
      prepareForCreate(_context, object) {
        object["status"] = { phase: "Pending" };
      },
    },
  }),
};

export const persistentVolumeClaimsExtension: ResourceExtension = {
  group: "",
  resource: "persistentvolumeclaims",
  setup: () => ({
    strategy: {
      prepareForCreate(_context, object) {
        object["status"] = { phase: "Pending" };
      },
    },
  }),
};
