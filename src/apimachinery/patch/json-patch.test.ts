import { describe, expect, it } from "vitest";
import { StatusError } from "../status.ts";
import { hasReference, readSharedJson } from "../testing/reference.ts";
import { applyJsonPatch } from "./json-patch.ts";

interface Case {
  readonly comment?: string;
  readonly doc: unknown;
  readonly patch: unknown;
  readonly expected?: unknown;
  readonly error?: string;
}

const failure = (document: unknown, patch: unknown): StatusError => {
  try {
    applyJsonPatch(document, patch);
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error("the patch applied");
};

/** Where the library of the API server does not do what the suite asks for; the table below says what it does. */
const unlikeKubernetes = [
  '[{"op":"add","path":"/bar/-1","value":"5"}]',
  "missing 'value' parameter to add",
  "missing 'value' parameter to replace",
  "missing 'value' parameter to test",
  "missing from location to copy",
  "test with bad array number that has leading zeros",
  "Toplevel scalar values OK?",
  "replace object document with array document?",
  "replace array document with object document?",
  "replacing the root of the document is possible with add",
];

describe.skipIf(!hasReference)(
  "applyJsonPatch() passes the suite of json-patch-tests (needs ../shared)",
  () => {
    // Two operations with the same member are no case: JSON.parse has dropped one before the patch is seen.
    const cases = hasReference
      ? ["tests.json", "spec_tests.json"]
          .flatMap((file) => readSharedJson(`specs/json-patch/${file}`) as Case[])
          .filter((one) => one.error === undefined || !/two 'op' members/.test(one.error))
      : [];

    const named = cases
      .map((one, index) => [`${index}: ${one.comment ?? JSON.stringify(one.patch)}`, one] as const)
      .filter(([name]) => !unlikeKubernetes.some((exception) => name.endsWith(exception)));

    it.each(named.filter(([, { error }]) => error !== undefined))("refuses %s", (_name, { doc, patch }) => {
      expect([400, 422]).toContain(failure(doc, patch).code);
    });

    it.each(named.filter(([, { error }]) => error === undefined))("applies %s", (_name, one) => {
      const before = structuredClone(one.doc);
      const result = applyJsonPatch(one.doc, one.patch);
      expect(one.doc).toEqual(before);
      // Cases without an expected document only have to apply.
      expect(result).toEqual("expected" in one ? one.expected : result);
    });
  },
);

describe("applyJsonPatch()", () => {
  it.each([
    [[{ op: "test", path: "/a", value: 2 }], "testing value /a failed: test failed"],
    [
      [{ op: "remove", path: "/x/y" }],
      'remove operation does not apply: doc is missing path: "/x/y": missing value',
    ],
    [
      [{ op: "remove", path: "/x" }],
      "error in remove for path: '/x': Unable to remove nonexistent key: x: missing value",
    ],
    [
      [{ op: "add", path: "/x/y", value: 1 }],
      'add operation does not apply: doc is missing path: "/x/y": missing value',
    ],
    [
      [{ op: "add", path: "/l/9", value: 1 }],
      "error in add for path: '/l/9': Unable to access invalid index: 9: invalid index referenced",
    ],
    [[{ op: "spam", path: "/a" }], "Unexpected kind: spam"],
  ])("answers 422 to %j and keeps the reason as cause", (patch, reason) => {
    const error = failure({ a: 1, l: [] }, patch);
    expect(error.code).toBe(422);
    expect(error.reason).toBe("Invalid");
    expect(error.message).toBe("the server rejected our request due to an error in our request");
    expect((error.cause as Error).message).toBe(reason);
  });

  it.each<[unknown, string]>([
    [{}, "json: cannot unmarshal object into Go value of type jsonpatch.Patch"],
    ["x", "json: cannot unmarshal string into Go value of type jsonpatch.Patch"],
    [[1], "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp"],
    [
      [{ op: 5 }],
      "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string",
    ],
  ])("answers 400 to %j, which is no patch", (patch, message) => {
    expect(failure({}, patch)).toMatchObject({ code: 400, message });
  });

  it.each<[string, unknown, unknown, unknown]>([
    ["an operation without a value has null", { a: 1 }, [{ op: "add", path: "/b" }], { a: 1, b: null }],
    ["what is not there is copied as null", {}, [{ op: "copy", from: "/a", path: "/b" }], { b: null }],
    ["indexes count from the end", { l: [1, 2] }, [{ op: "remove", path: "/l/-1" }], { l: [1] }],
    ["and add behind it", { l: [1, 2] }, [{ op: "add", path: "/l/-1", value: 3 }], { l: [1, 2, 3] }],
    ["and in a path", { l: [{}] }, [{ op: "add", path: "/l/-1/a", value: 3 }], { l: [{ a: 3 }] }],
    ["zeros may lead", { l: [1, 2] }, [{ op: "replace", path: "/l/01", value: 3 }], { l: [1, 3] }],
    ["the document can be replaced", {}, [{ op: "replace", path: "", value: [1] }], [1]],
  ])("%s", (_claim, document, patch, expected) => {
    expect(applyJsonPatch(document, patch)).toEqual(expected);
  });

  it.each<[string, unknown]>([
    ["adds no document", [{ op: "add", path: "", value: {} }]],
    ["makes no scalar of the document", [{ op: "replace", path: "", value: 1 }]],
    ["moves nothing that is not there", [{ op: "move", from: "/x", path: "/y" }]],
    ["goes no further back than the start", [{ op: "remove", path: "/l/-2" }]],
  ])("%s", (_claim, patch) => {
    expect(failure({ l: [1] }, patch).code).toBe(422);
  });

  it("answers 413 to too many operations", () => {
    expect(
      failure(
        {},
        Array.from({ length: 10_001 }, () => ({ op: "test", path: "", value: {} })),
      ).code,
    ).toBe(413);
  });

  it("adds a member that is to be replaced and does not exist", () => {
    expect(applyJsonPatch({}, [{ op: "replace", path: "/a", value: 1 }])).toEqual({ a: 1 });
  });

  it("does not touch prototypes", () => {
    const result = applyJsonPatch({}, [{ op: "add", path: "/__proto__", value: { polluted: true } }]);
    expect(Object.keys(result as object)).toEqual(["__proto__"]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(failure({}, [{ op: "add", path: "/constructor/prototype/x", value: 1 }]).code).toBe(422);
  });

  it("does not let copies multiply without end", () => {
    const double = [
      { op: "copy", from: "/a", path: "/b" },
      { op: "move", from: "/b", path: "/a/-" },
    ];
    const patch = Array.from({ length: 40 }, () => double).flat();
    expect(failure({ a: [1, 2, 3] }, patch).code).toBe(422);
  });
});
