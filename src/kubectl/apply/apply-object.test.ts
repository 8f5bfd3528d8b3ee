import { describe, expect, it } from "vitest";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { lastApplied, threeWayMergePatch, threeWayPatch, withLastApplied } from "./apply-object.ts";

const deployment = (spec: Record<string, unknown>): UnstructuredObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec,
});

describe("withLastApplied()", () => {
  it("notes the configuration down, sorted, without the note itself", () => {
    const noted = withLastApplied(withLastApplied(deployment({ replicas: 1 })));
    expect(noted.metadata.annotations?.[lastApplied]).toBe(
      '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"annotations":{},"name":"web"},"spec":{"replicas":1}}\n',
    );
  });
});

describe("threeWayPatch()", () => {
  it("leaves what others set, changes what changed, removes what was dropped", () => {
    const before = withLastApplied(deployment({ replicas: 1, paused: true }));
    const live = { ...before, spec: { replicas: 5, paused: true, minReadySeconds: 3 } };
    const { patch, type } = threeWayPatch(live, withLastApplied(deployment({ replicas: 2 })));
    expect(type).toBe("strategic");
    expect(patch).toMatchObject({ spec: { paused: null, replicas: 2 } });
    expect(JSON.stringify(patch)).not.toContain("minReadySeconds");
  });

  it("is empty when nothing is to be done", () => {
    const applied = withLastApplied(deployment({ replicas: 1 }));
    expect(threeWayPatch({ ...applied, status: { replicas: 1 } }, applied).patch).toEqual({});
  });

  it("falls back to a merge patch for kinds it does not know", () => {
    const thing = { ...deployment({ size: 1 }), apiVersion: "example.com/v1", kind: "Thing" };
    expect(threeWayPatch(thing, { ...thing, spec: { size: 2 } })).toEqual({
      patch: { spec: { size: 2 } },
      type: "merge",
    });
  });
});

it.each([
  [{ a: 1, b: { c: 1 } }, { b: {} }, { a: 1, b: { c: 1, d: 2 } }, { a: null, b: { c: null } }],
  [{}, { a: [1] }, { a: [1, 2] }, { a: [1] }],
  [{ a: 1 }, { a: 1 }, { a: 1, z: 1 }, {}],
])("threeWayMergePatch(%j, %j, %j)", (original, modified, current, patch) => {
  expect(threeWayMergePatch(original, modified, current)).toEqual(patch);
});
