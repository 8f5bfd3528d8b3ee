import { expect, test } from "vitest";
import { KeptByText } from "./kept-by-text.ts";

const newKept = (): KeptByText<number> => new KeptByText({ entriesMax: 3, lengthMax: 100 });
const heldBy = (kept: KeptByText<number>, texts: readonly string[]): string[] =>
  texts.filter((text) => kept.get(text) !== undefined);

test("what was kept is found again, the newer value of a text in place of the older", () => {
  const kept = newKept();
  kept.set("a", 1);
  kept.set("a", 2);
  expect(kept.get("a")).toBe(2);
  expect(kept.size).toBe(1);
});

test("beyond the number of entries the oldest goes", () => {
  const kept = newKept();
  const texts = ["a", "b", "c", "d"];
  for (const [index, text] of texts.entries()) kept.set(text, index);
  expect(heldBy(kept, texts)).toEqual(["b", "c", "d"]);
});

test("beyond the length of all texts the oldest go, as many as it takes", () => {
  const kept = new KeptByText<number>({ entriesMax: 1_000, lengthMax: 100 });
  const texts = Array.from({ length: 30 }, (_, index) => String.fromCharCode(65 + index).repeat(10));
  for (const text of texts) kept.set(text, 1);
  expect(heldBy(kept, texts)).toEqual(texts.slice(-10));
});

test("a text that is too long is not kept, and costs nobody its place", () => {
  const kept = newKept();
  kept.set("a", 1);
  kept.set("x".repeat(11), 2);
  expect(heldBy(kept, ["a", "x".repeat(11)])).toEqual(["a"]);
});

test("after clear() there is nothing, and all of the room", () => {
  const kept = newKept();
  for (let index = 0; index < 10; index++) kept.set("x".repeat(index + 1), index);
  kept.clear();
  expect(kept.size).toBe(0);
  kept.set("a", 1);
  expect(kept.get("a")).toBe(1);
});
