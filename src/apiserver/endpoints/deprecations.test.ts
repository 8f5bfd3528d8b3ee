import { expect, test } from "vitest";
import { builtinScheme } from "../../api/builtin-scheme.ts";
import { deprecationOf } from "./deprecations.ts";

const scheme = builtinScheme({ betas: true });

test.each([
  ["", "v1", "endpoints", "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice", ""],
  ["", "v1", "componentstatuses", "v1 ComponentStatus is deprecated in v1.19+", ""],
  [
    "resource.k8s.io",
    "v1beta1",
    "resourceclaims",
    "resource.k8s.io/v1beta1 ResourceClaim is deprecated in v1.35+, unavailable in v1.38+",
    "1.38",
  ],
  [
    "storage.k8s.io",
    "v1beta1",
    "volumeattributesclasses",
    "storage.k8s.io/v1beta1 VolumeAttributesClass is deprecated in v1.34+, unavailable in v1.37+; use storage.k8s.io/v1 VolumeAttributesClass",
    "1.37",
  ],
])("%s/%s %s is deprecated", (group, version, resource, warning, removedRelease) => {
  const info = scheme.resource({ group, version, resource });
  expect(info && deprecationOf(info)).toEqual({ warning, removedRelease });
});

test("what is to be deprecated in a later release is not yet", () => {
  const info = scheme.resource({
    group: "admissionregistration.k8s.io",
    version: "v1beta1",
    resource: "mutatingadmissionpolicies",
  });
  expect(info).toBeDefined();
  expect(info && deprecationOf(info)).toBeUndefined();
});
