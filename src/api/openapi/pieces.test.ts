import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { deflatedPiece, JoinedDocument, storedPiece } from "./pieces.ts";
import { batches, Slices } from "./slices.ts";

const long = "the same again, and again. ".repeat(9_000);

describe("pieces", () => {
  test.each<[string, readonly string[]]>([
    ["none", []],
    ["an empty one", [""]],
    ["short ones", ["a", "", "b", "c"]],
    ["one longer than a block", [long]],
    ["many", ["{", long, ",", long.toUpperCase(), "}"]],
  ])("joined are one gzip stream of their texts: %s", async (_name, texts) => {
    const stored = texts.map(storedPiece);
    const deflated = await Promise.all(texts.map(deflatedPiece));
    const mixed = texts.map(
      (_text, index) => (index % 2 === 0 ? stored : deflated)[index] ?? storedPiece(""),
    );
    for (const pieces of [stored, deflated, mixed]) {
      const document = new JoinedDocument(pieces);
      expect(gunzipSync(document.gzip()).toString()).toBe(texts.join(""));
      expect((await document.plain()).toString()).toBe(texts.join(""));
    }
  });

  test("take less room than their text", async () => {
    const { deflated, sizeBytes } = await deflatedPiece(long);
    expect(sizeBytes).toBe(long.length);
    expect(deflated.length).toBeLessThan(long.length / 50);
  });

  test("of other texts have another hash", async () => {
    const hashOf = async (...texts: string[]): Promise<string> =>
      new JoinedDocument(await Promise.all(texts.map(deflatedPiece))).hash;
    expect(await hashOf("a", "b")).toBe(await hashOf("a", "b"));
    expect(await hashOf("a", "b")).not.toBe(await hashOf("a", "c"));
    expect(await hashOf("a")).toMatch(/^[0-9A-F]{128}$/);
  });
});

test("others have their turn between two slices", async () => {
  const turns: string[] = [];
  setImmediate(() => turns.push("other"));
  const slices = new Slices();
  for (const part of ["a", "b"]) {
    await slices.add(part);
    turns.push(part);
  }
  expect(turns).toEqual(["other", "a", "b"]);
  expect(slices.joined(", ").toString()).toBe("a, b");
});

test("batches hold everything, in order", () => {
  expect([...batches([1, 2, 3, 4, 5], 2)]).toEqual([[1, 2], [3, 4], [5]]);
  expect([...batches([], 2)]).toEqual([]);
});
