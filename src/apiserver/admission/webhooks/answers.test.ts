import { afterEach, describe, expect, test } from "vitest";
import {
  type Answer,
  Chain,
  cleanUp,
  configuration,
  hook,
  patched,
  podWithFinalizer,
  serve,
} from "./testing/chain.ts";

afterEach(cleanUp);

// What webhooks answer, and what kube-apiserver 1.36.1 makes of it: `X` is the webhook's name in quotes.
const called = "500 Internal error occurred: failed calling webhook X: ";
const base64 = (text: string): string => Buffer.from(text).toString("base64");

async function verdictOf(kind: "Mutating" | "Validating", answer: Answer) {
  const server = await serve(() => answer);
  const chain = new Chain();
  const configured = configuration(kind, "c", hook("a", server));
  if (kind === "Mutating") chain.mutating(configured);
  else chain.validating(configured);
  const result = await chain.verdict({ object: podWithFinalizer() });
  const verdict = result.verdict.replace('"a.example.com"', "X").replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "UID");
  return { ...result, verdict, failures: chain.failures };
}

describe("a webhook that refuses", () => {
  const denied = "admission webhook X denied the request";
  test.each<[string, object | undefined, string]>([
    ["with a message", { message: "no" }, `400 ${denied}: no`],
    ["with a code", { code: 403, message: "no" }, `403 ${denied}: no`],
    ["with a reason alone", { reason: "Gone" }, `400 ${denied}: Gone`],
    ["with nothing", undefined, `400 ${denied} without explanation`],
    ["with a code of success", { code: 200, message: "no" }, `400 ${denied}: no`],
    ["with a code below all", { code: -3, message: "no" }, `400 ${denied}: no`],
    // Kubernetes ends the connection without an answer.
    ["with a code that HTTP cannot carry", { code: 1000, message: "no" }, `500 ${denied}: no`],
    ["in the name of success", { status: "Success", message: "no" }, `400 ${denied}: no`],
  ])("%s is quoted", async (_, status, verdict) => {
    const answer = { allowed: false, ...(status === undefined ? {} : { status }) };
    expect((await verdictOf("Validating", answer)).verdict).toBe(verdict);
    expect((await verdictOf("Mutating", answer)).verdict).toBe(verdict);
  });

  test("has its whole status passed on", async () => {
    const status = {
      metadata: { resourceVersion: "5", continue: "x" },
      message: "no",
      reason: "Teapot",
      details: { name: "n", causes: [{ reason: "r", message: "m", field: "f" }], retryAfterSeconds: 3 },
      code: 418,
    };
    const { refusal } = await verdictOf("Validating", { allowed: false, status });
    expect(refusal).toMatchObject({ ...status, message: expect.stringContaining(": no"), status: "Failure" });
  });

  test.each([[{}], [{ allowed: null }], [{ Allowed: true }]])(
    "without a word that is yes, in %j",
    async (answer) => {
      expect((await verdictOf("Validating", answer)).verdict).toBe(`400 ${denied} without explanation`);
    },
  );
});

describe("a webhook whose answer cannot be used", () => {
  const invalid = `${called}received invalid webhook response: `;
  const review = (fields: object): Answer => ({
    instead: JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", ...fields }),
  });
  test.each<["Mutating" | "Validating", Answer, string]>([
    ["Validating", { instead: "{}" }, `${invalid}webhook response was absent`],
    ["Validating", review({}), `${invalid}webhook response was absent`],
    ["Validating", review({ response: null }), `${invalid}webhook response was absent`],
    ["Validating", { uid: "other", allowed: true }, `${invalid}expected response.uid="UID", got "other"`],
    ["Validating", review({ response: { allowed: true } }), `${invalid}expected response.uid="UID", got ""`],
    [
      "Validating",
      { kind: "", allowed: true },
      `${invalid}expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v1, Kind=`,
    ],
    [
      "Validating",
      { apiVersion: "", allowed: true },
      `${invalid}expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind=AdmissionReview`,
    ],
    [
      "Validating",
      { apiVersion: "admission.k8s.io/v1", kind: "Pod", allowed: true },
      `${called}failed to call webhook: no kind "Pod" is registered for version "admission.k8s.io/v1" in scheme "pkg/runtime/scheme.go:111"`,
    ],
    ["Validating", patched({}), `${invalid}validating webhook may not return response.patch`],
    [
      "Validating",
      { allowed: true, patchType: "JSONPatch" },
      `${invalid}validating webhook may not return response.patchType`,
    ],
    [
      "Validating",
      { allowed: "yes" },
      `${called}failed to call webhook: json: cannot unmarshal string into Go struct field AdmissionResponse.response.allowed of type bool`,
    ],
    [
      "Mutating",
      { allowed: true, patch: base64("[]") },
      `${invalid}webhook returned response.patch but not response.patchType`,
    ],
    [
      "Mutating",
      { allowed: true, patchType: "JSONPatch" },
      `${invalid}webhook returned response.patchType but not response.patch`,
    ],
    [
      "Mutating",
      { allowed: true, patchType: "", patch: base64("[]") },
      `${invalid}webhook returned invalid response.patchType of ""`,
    ],
    [
      "Mutating",
      { ...patched({ op: "add", path: "/data", value: {} }), patchType: "Merge" },
      `${called}unsupported patch type "Merge"`,
    ],
    [
      "Mutating",
      { allowed: true, patchType: "JSONPatch", patch: "!!!" },
      `${called}failed to call webhook: illegal base64 data at input byte 0`,
    ],
  ])("%s: %j fails the request", async (kind, answer, verdict) => {
    const { verdict: found, failures } = await verdictOf(kind, answer);
    expect(found).toBe(verdict);
    expect(failures).toMatchObject([{ type: kind.toLowerCase(), configuration: "c", isIgnored: false }]);
  });
});

describe("a patch", () => {
  const undecodable = `${called}received undecodable patch in webhook response: `;
  const text = (patch: string): Answer => ({ allowed: true, patchType: "JSONPatch", patch: base64(patch) });
  test.each<[string, string]>([
    ["<html>", "invalid character '<' looking for beginning of value"],
    ["[{", "unexpected end of JSON input"],
    ["{}", "json: cannot unmarshal object into Go value of type jsonpatch.Patch"],
    ["5", "json: cannot unmarshal number into Go value of type jsonpatch.Patch"],
    ["[5]", "json: cannot unmarshal number into Go value of type jsonpatch.Operation"],
    ["[[]]", "json: cannot unmarshal array into Go value of type jsonpatch.Operation"],
  ])("of %s is none", async (patch, why) => {
    expect((await verdictOf("Mutating", text(patch))).verdict).toBe(undecodable + why);
  });

  test.each(["[]", "null"])("of %s changes nothing", async (patch) => {
    expect((await verdictOf("Mutating", text(patch))).verdict).toBe("admitted");
  });

  const internal = "500 Internal error occurred: ";
  const pods = (verdict: string): string => internal + verdict;
  test.each<[object, string]>([
    [{}, "Unexpected kind: unknown"],
    [{ op: "frob", path: "/metadata/labels/a" }, "Unexpected kind: frob"],
    [{ op: 5, path: "/metadata/labels/a" }, "Unexpected kind: unknown"],
    [{ op: "add", value: "x" }, "add operation failed to decode path: missing value"],
    [{ op: "add", path: 5, value: "x" }, "add operation failed to decode path: missing value"],
    [
      { op: "add", path: "spec", value: "x" },
      'add operation does not apply: doc is missing path: "spec": missing value',
    ],
    [
      { op: "add", path: "/no/a", value: "x" },
      'add operation does not apply: doc is missing path: "/no/a": missing value',
    ],
    [
      { op: "remove", path: "/no/a" },
      'remove operation does not apply: doc is missing path: "/no/a": missing value',
    ],
    [
      { op: "replace", path: "/no/a", value: 1 },
      "replace operation does not apply: doc is missing path: /no/a: missing value",
    ],
    [
      { op: "remove", path: "/metadata/labels/no" },
      "error in remove for path: '/metadata/labels/no': Unable to remove nonexistent key: no: missing value",
    ],
    [
      { op: "move", from: "/metadata/labels/no", path: "/metadata/labels/a" },
      "error in move for path: 'no': Unable to remove nonexistent key: no: missing value",
    ],
    [
      { op: "move", path: "/a" },
      "move operation failed to decode from: operation, missing from field: missing value",
    ],
    [
      { op: "copy", path: "/a" },
      "copy operation failed to decode from: operation, missing from field: missing value",
    ],
    [{ op: "test", path: "/kind", value: "No" }, "testing value /kind failed: test failed"],
    [
      { op: "add", path: "/metadata/finalizers/x", value: "a/b" },
      "error in add for path: '/metadata/finalizers/x': value was not a proper array index: 'x': strconv.Atoi: parsing \"x\": invalid syntax",
    ],
    [
      { op: "add", path: "/metadata/finalizers/7", value: "a/b" },
      "error in add for path: '/metadata/finalizers/7': Unable to access invalid index: 7: invalid index referenced",
    ],
    [
      { op: "replace", path: "/metadata/labels", value: "x" },
      "json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string",
    ],
    [
      { op: "replace", path: "/kind", value: "Zork" },
      'no kind "Zork" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"',
    ],
    [
      { op: "replace", path: "/apiVersion", value: "v9" },
      'no kind "Pod" is registered for version "v9" in scheme "pkg/runtime/scheme.go:111"',
    ],
  ])("%j fails the request, whatever the failurePolicy", async (operation, why) => {
    expect((await verdictOf("Mutating", patched(operation))).verdict).toBe(pods(why));
  });

  test("cannot make another kind of the object", async () => {
    const { verdict, refusal } = await verdictOf(
      "Mutating",
      patched({ op: "replace", path: "/kind", value: "ConfigMap" }),
    );
    expect(verdict).toBe("500 converting (v1.ConfigMap) to (core.Pod): unknown conversion");
    expect(refusal?.reason).toBeUndefined();
  });

  test("cannot move the object to another namespace", async () => {
    const move = patched({ op: "replace", path: "/metadata/namespace", value: "kube-system" });
    expect((await verdictOf("Mutating", move)).verdict).toBe(
      "400 the namespace of the provided object does not match the namespace sent on the request",
    );
  });

  test.each<[object, string]>([
    [
      { op: "replace", path: "/metadata/name", value: "other" },
      '422 Pod "other" is invalid: metadata.name: Invalid value: "other": field is immutable',
    ],
    [
      { op: "remove", path: "/metadata" },
      '422 Pod "" is invalid: [metadata.name: Required value: name or generateName is required, metadata.name: Invalid value: "": field is immutable]',
    ],
  ])("%j cannot give an object that is there another name", async (operation, verdict) => {
    const server = await serve(() => patched(operation));
    const chain = new Chain().mutating(configuration("Mutating", "c", hook("a", server)));
    const request = { operation: "UPDATE", object: podWithFinalizer(), old: podWithFinalizer() } as const;
    expect((await chain.verdict(request)).verdict).toBe(verdict);
  });

  test("that takes the namespace away leaves the object where it is", async () => {
    const { verdict, object } = await verdictOf(
      "Mutating",
      patched({ op: "remove", path: "/metadata/namespace" }),
    );
    expect([verdict, object?.metadata.namespace]).toEqual(["admitted", "default"]);
  });

  test.each<[string, object[], string]>([
    [
      "an operation that is none",
      [{ manager: "x", operation: "Zork", apiVersion: "v1", fieldsType: "FieldsV1", fieldsV1: {} }],
      "operation must be `Apply` or `Update`",
    ],
    [
      "fields of another type",
      [{ manager: "x", operation: "Update", apiVersion: "v1", fieldsType: "FieldsV9", fieldsV1: {} }],
      'invalid fieldsType "FieldsV9" in managed fields entry 0',
    ],
    [
      "fields that cannot be read",
      [
        {
          manager: "x",
          operation: "Update",
          apiVersion: "v1",
          fieldsType: "FieldsV1",
          fieldsV1: { "f:a": { zz: {} } },
        },
      ],
      'error decoding versioned set from {x Update v1 <nil> FieldsV1 {"f:a":{"zz":{}}} }: error decoding set: parsing key as path element: missing colon: zz',
    ],
  ])("that says of who set the fields %s is told so, and what was there stays", async (_, value, why) => {
    const change = patched({ op: "add", path: "/metadata/managedFields", value });
    const { verdict, object, warnings } = await verdictOf("Mutating", change);
    expect([verdict, object?.metadata.managedFields]).toEqual(["admitted", undefined]);
    expect(warnings).toEqual([
      `.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: ${why}`,
    ]);
  });
});
