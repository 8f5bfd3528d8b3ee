import { expect, test } from "vitest";
import { listForms, negotiate } from "./negotiate.ts";

const of = (accept: string | undefined): string => {
  const { mediaType, as, version } = negotiate(accept, { forms: listForms });
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
