import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Outcome, readSuite, runTest, type SpecTest, specFolder } from "./suite.ts";

/** Tests whose outcome cel-go itself does not share, by file, section and name. */
const differing = new Set<string>();

describe.skipIf(!existsSync(specFolder))("cel-spec (../shared/specs/cel)", () => {
  const results = existsSync(specFolder) ? readSuite().map((each) => ({ each, outcome: runTest(each) })) : [];
  const bySection = Map.groupBy(results, ({ each }) => `${each.file}/${each.section}`);
  for (const [section, tests] of bySection) {
    const count = (kind: Outcome["kind"]) => tests.filter(({ outcome }) => outcome.kind === kind).length;
    const summary = `${count("pass")} of ${tests.length}, ${count("left out")} left out`;
    test(`${section}: ${summary}`, () => {
      const failed = tests.filter(
        ({ each, outcome }) => outcome.kind === "fail" && !differing.has(idOf(each)),
      );
      expect(
        failed.map(({ each, outcome }) => `${each.name}: ${"why" in outcome ? outcome.why : ""}`),
      ).toEqual([]);
    });
  }
});

function idOf({ file, section, name }: SpecTest): string {
  return `${file}/${section}/${name}`;
}
