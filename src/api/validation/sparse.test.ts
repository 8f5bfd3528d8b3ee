import { describe, expect, test } from "vitest";
import { decodeObject } from "../../apimachinery/decode.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { deepCopy, isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { builtinScheme } from "../builtin-scheme.ts";
import { fixturesOf, hasReference } from "../testing/reference.ts";
import { validateCreate, validateUpdate, warningsFor } from "./index.ts";

const scheme = builtinScheme();

/** Every way to leave out one field, and every way to empty one object or list. */
function* sparser(value: unknown, replace: (part: unknown) => unknown): Generator {
  if (Array.isArray(value)) {
    yield replace([]);
    for (const [index, item] of value.entries()) {
      yield* sparser(item, (part) => replace(value.with(index, part)));
    }
  } else if (isObject(value)) {
    yield replace({});
    for (const key of Object.keys(value)) {
      const { [key]: member, ...rest } = value;
      yield replace(rest);
      // The parts of a pod are left out in the fixture of Pod: in templates they would take long.
      if (key === "template" || key === "jobTemplate" || key === "managedFields") continue;
      yield* sparser(member, (part) => replace({ ...value, [key]: part }));
    }
  }
}

describe.skipIf(!hasReference)("objects with parts left out", () => {
  const fixtures = hasReference ? fixturesOf(scheme) : [];

  test.each(fixtures)("$name does not make validation throw", ({ object, resource }) => {
    const kind = { ...parseApiVersion(object.apiVersion), kind: object.kind };
    const problems = new Set<string>();
    for (const part of sparser(deepCopy(object), (value) => value)) {
      const value = { metadata: {}, ...(part as object), apiVersion: object.apiVersion, kind: object.kind };
      const sparse: UnstructuredObject = decodeObject(scheme.schemas, resource.schemaName, value).object;
      try {
        validateCreate(kind, sparse);
        validateUpdate(kind, sparse, object, "");
        validateUpdate(kind, sparse, object, "status");
        warningsFor(kind, sparse, object);
      } catch (error) {
        problems.add(error instanceof Error ? (error.stack ?? "").split("\n").slice(0, 3).join(" ") : "?");
      }
    }
    expect([...problems]).toEqual([]);
  });
});
