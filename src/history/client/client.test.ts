import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../apimachinery/random.ts";
import { changedFields } from "./fields.ts";
import { unifiedDiff } from "./text-diff.ts";

describe("changedFields()", () => {
  it.each([
    [{ spec: { replicas: 1 } }, { spec: { replicas: 2 } }, [".spec.replicas"]],
    [{ spec: { replicas: 1 } }, { spec: { replicas: 1 } }, []],
    [{}, { spec: { a: 1, b: 2 } }, [".spec"]],
    [
      { list: [{ name: "a", image: "1" }, { name: "b" }] },
      { list: [{ name: "b" }, { name: "a", image: "2" }] },
      [".list[a].image"],
    ],
    [{ list: [{ name: "a" }] }, { list: [{ name: "a" }, { name: "b" }] }, [".list[b]"]],
    [{ list: [1, 2] }, { list: [1, 3] }, [".list[1]"]],
    [{ list: [1, 2] }, { list: [1] }, [".list"]],
    [{ list: [{ name: "a" }, { name: "a" }] }, { list: [{ name: "a" }] }, [".list"]],
    [
      { metadata: { labels: { "example.com/a": "1" } } },
      { metadata: { labels: { "example.com/a": "2" } } },
      ['.metadata.labels["example.com/a"]'],
    ],
    [
      { metadata: { managedFields: [], resourceVersion: "1", generation: 1 } },
      { metadata: { resourceVersion: "2" } },
      [],
    ],
  ])("of %j and %j", (before, after, fields) => {
    expect(changedFields(before, after)).toEqual(fields);
  });
});

describe("unifiedDiff()", () => {
  const names = { before: "a", after: "b" };

  it("is empty for equal texts", () => {
    expect(unifiedDiff("a\n", "a\n", names)).toBe("");
  });

  it("shows three lines around what changed", () => {
    const text = (changed: string): string =>
      `${["1", "2", "3", "4", changed, "6", "7", "8", "9"].join("\n")}\n`;
    expect(unifiedDiff(text("5"), text("five"), names)).toBe(
      "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n",
    );
  });

  it("shows a text that is new, and one that is gone", () => {
    expect(unifiedDiff("", "a\nb\n", names)).toBe("--- a\n+++ b\n@@ -0,0 +1,2 @@\n+a\n+b\n");
    expect(unifiedDiff("a\n", "", names)).toBe("--- a\n+++ b\n@@ -1,1 +0,0 @@\n-a\n");
  });

  const program = "patch";
  const hasPatch = spawnSync(program, ["--version"]).status === 0;
  it.skipIf(!hasPatch)(
    "makes of one text the other when patch applies it, whatever they are (needs patch)",
    () => {
      const folder = mkdtempSync(join(tmpdir(), "sampan-diff-"));
      const random = new SeededRandom(7);
      const lines = (): string[] =>
        Array.from({ length: Math.floor(random.next() * 40) }, () =>
          "abcdef".charAt(Math.floor(random.next() * 6)),
        );
      try {
        for (let round = 0; round < 60; round++) {
          const before = lines();
          const after =
            round % 2 === 0
              ? lines()
              : before
                  .filter(() => random.next() > 0.1)
                  .flatMap((line) => (random.next() < 0.1 ? [line, "new"] : [line]));
          const [old, now] = [before, after].map((each) => each.map((line) => `${line}\n`).join(""));
          const file = join(folder, "text");
          writeFileSync(file, old ?? "");
          const difference = unifiedDiff(old ?? "", now ?? "", names);
          if (difference === "") continue;
          const { status, stdout } = spawnSync(program, ["--batch", "--fuzz=0", "--force", file], {
            input: difference,
            encoding: "utf8",
          });
          expect(status, stdout + difference).toBe(0);
          const result = now === "" ? "" : readFileSync(file, "utf8");
          expect(result).toBe(now);
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
