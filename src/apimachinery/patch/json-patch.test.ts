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

describe.skipIf(!hasReference)(
  "applyJsonPatch() passes the suite of json-patch-tests (needs ../shared)",
  () => {
    // Two operations with the same member are no case: JSON.parse has dropped one before the patch is seen.
    const cases = hasReference
      ? ["tests.json", "spec_tests.json"]
          .flatMap((file) => readSharedJson(`specs/json-patch/${file}`) as Case[])
          .filter((one) => one.error === undefined || !/two 'op' members/.test(one.error))
      : [];

    const named = cases.map(
      (one, index) => [`${index}: ${one.comment ?? JSON.stringify(one.patch)}`, one] as const,
    );

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

  it.each([[{}], ["x"], [[1]]])("answers 400 to %j, which is no patch", (patch) => {
    expect(failure({}, patch).code).toBe(400);
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
