import type { MediaTypes } from "./operations.ts";

const objectTypes = [
  "application/json",
  "application/yaml",
  "application/vnd.kubernetes.protobuf",
  "application/cbor",
];

/** What Kubernetes names for each sort of content, in its order. */
export const mediaTypes: Readonly<Record<MediaTypes, readonly string[]>> = {
  object: objectTypes,
  watchable: [
    ...objectTypes,
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
    "application/cbor-seq",
  ],
  log: ["text/plain", ...objectTypes],
  any: ["*/*"],
  discovery: ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"],
  patch: [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
    "application/apply-patch+cbor",
  ],
  json: ["application/json"],
  jwks: ["application/jwk-set+json"],
  // Custom resources have no binary form, and no Go types that would tell how to merge.
  custom: ["application/json", "application/yaml"],
  customPatch: [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
  ],
};
