import type { PlaceVolume } from "./volume.ts";

/** The files of an image. The runtime brings them into containers: here is nothing to set up. */
export const imageVolume: PlaceVolume = {
  plugin: "kubernetes.io~image",
  setUp: ({ directory }) => Promise.resolve({ hostPath: directory, readOnly: true }),
};
