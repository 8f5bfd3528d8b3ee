import { expect, test } from "vitest";
import { anyForms, negotiate, negotiateList, negotiateObject } from "./negotiate.ts";

const of = (accept: string | undefined): string => {
  const { mediaType, as, version } = negotiate(accept, { forms: anyForms });
  return as === undefined ? mediaType : `${mediaType} ${as}/${version}`;
};

test.each([
  [undefined, "application/json"],
  ["", "application/json"],
  ["*/*", "application/json"],
  ["application/*", "application/json"],
  ["application/yaml", "application/yaml"],
  ["application/vnd.kubernetes.protobuf,application/json", "application/vnd.kubernetes.protobuf"],
  ["text/html, application/json;q=0.9", "application/json"],
  ["application/json;q=0.5, application/yaml", "application/yaml"],
  ["*/*, application/yaml", "application/yaml"],
  ["application/*, application/yaml, */*", "application/yaml"],
  ["*", "application/json"],
  ["application/yaml;q=0.1, application/*;q=0.2", "application/json"],
  [
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
    "application/json Table/v1",
  ],
  ["application/json;as=Nothing;v=v1;g=meta.k8s.io,application/json", "application/json"],
  ["application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json", "application/json"],
  [
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
    "application/json PartialObjectMetadataList/v1",
  ],
])("Accept: %s is answered with %s", (accept, expected) => {
  expect(of(accept)).toBe(expected);
});

test.each(["application/yaml", "application/yaml, application/json", "text/html"])(
  "a watch is not served for %s",
  (accept) => {
    expect(() => negotiate(accept, { forms: [], isWatch: true })).toThrow(
      "only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch",
    );
  },
);

test.each(["application/x-yaml", "text/yaml"])("%s is no type of ours", (accept) => {
  expect(() => negotiate(accept, { forms: [] })).toThrow("only the following media types are accepted");
});

test("what cannot be served is 406 with the types that can", () => {
  expect(() => negotiate("text/html", { forms: [] })).toThrow(
    "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf",
  );
});

test.each([
  ["", "*core.PodList", "Pod"],
  ["apps", "*apps.DeploymentList", "Deployment"],
  ["rbac.authorization.k8s.io", "*rbac.RoleList", "Role"],
  ["events.k8s.io", "*core.EventList", "Event"],
])("the metadata of one object is not to be had of a list in group %j", (group, type, kind) => {
  const accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
  expect(() => negotiateList(accept, { group, listKind: `${kind}List` })).toThrow(
    `you requested PartialObjectMetadata, but the requested object is a list (${type})`,
  );
  expect(negotiateObject(accept, { group, kind }).as).toBe("PartialObjectMetadata");
});

test("the metadata of a list is not to be had of an object", () => {
  const accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
  expect(() => negotiateObject(accept, { group: "", kind: "Pod" })).toThrow(
    "you requested PartialObjectMetadataList, but the requested object is not a list (*core.Pod)",
  );
  expect(negotiateList(accept, { group: "", listKind: "PodList" }).as).toBe("PartialObjectMetadataList");
});

test.each([
  ["application/vnd.kubernetes.protobuf,application/json", "application/json"],
  ["application/json", "application/json"],
])("custom resources have no binary form: %s is answered with %s", (accept, mediaType) => {
  const served = { group: "example.com", kind: "Thing", listKind: "ThingList", custom: {} };
  expect(negotiateObject(accept, served).mediaType).toBe(mediaType);
  expect(negotiateList(accept, served).mediaType).toBe(mediaType);
});

test("the metadata of custom resources has a binary form, they themselves have none", () => {
  const served = { group: "example.com", kind: "Thing", custom: {} };
  const accept = "application/vnd.kubernetes.protobuf";
  const metadata = negotiateObject(`${accept};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`, served);
  expect(metadata.mediaType).toBe(accept);
  expect(() => negotiateObject(accept, served)).toThrow(
    "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf",
  );
});

test.each(["application/json;stream=nope", "application/json;as=Nope;v=v1;g=meta.k8s.io"])(
  "a watch is not served as %s, whatever the types",
  (accept) => {
    expect(() => negotiate(accept, { forms: [], isWatch: true })).toThrow(
      "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf",
    );
  },
);
