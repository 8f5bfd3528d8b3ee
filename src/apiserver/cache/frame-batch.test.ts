import { expect, test } from "vitest";
import { FrameBatch, SharedBytes } from "./frame-batch.ts";

const [one, two, three] = ["one\n", "two\n", "three\n"].map((text) => Buffer.from(text)) as [
  Buffer,
  Buffer,
  Buffer,
];

test("frames are joined in the order in which they came", () => {
  const batch = new FrameBatch().with(one).with(two).with(three);
  expect(batch.sizeBytes).toBe(14);
  expect(Buffer.from(batch.shared.bytes).toString()).toBe("one\ntwo\nthree\n");
});

test("whoever gets the same frames holds the same bytes", () => {
  const start = new FrameBatch();
  const [a, b, c] = [start.with(one).with(two), start.with(one).with(two), start.with(one).with(three)];
  expect(a).toBe(b);
  expect(a.shared).toBe(b.shared);
  expect(Buffer.from(c.shared.bytes).toString()).toBe("one\nthree\n");
  expect(start.with(one).with(three)).toBe(c);
  expect(start.with(two)).not.toBe(start.with(one));
});

test("a batch of one frame does not copy it", () => {
  expect(new FrameBatch().with(one).shared.bytes).toBe(one);
});

test("a chunk has its length in hexadecimal before it", () => {
  expect(Buffer.from(new SharedBytes(Buffer.alloc(26, "x")).chunk).toString()).toBe(
    `1a\r\n${"x".repeat(26)}\r\n`,
  );
});
