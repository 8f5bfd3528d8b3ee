import { expect, it } from "vitest";
import { OwnWrites } from "./own-writes.ts";

const object = (uid: string, resourceVersion: string) => ({
  apiVersion: "v1",
  kind: "Thing",
  metadata: { name: "a", uid, resourceVersion },
});

it("an object is seen when the cache has it as it was written, or newer", () => {
  const writes = new OwnWrites();
  expect(writes.isSeen(object("1", "5"))).toBe(true);
  writes.wrote(object("1", "9"));
  writes.wrote(object("1", "10"));
  // Answers may overtake each other.
  writes.wrote(object("1", "8"));
  expect(writes.isSeen(object("1", "9"))).toBe(false);
  expect(writes.isSeen(object("2", "3"))).toBe(true);
  expect(writes.isSeen(object("1", "11"))).toBe(true);
});

it("another object of the name, and one that is gone, are not waited for", () => {
  const writes = new OwnWrites();
  writes.wrote(object("1", "9"));
  expect(writes.isSeen(object("2", "4"))).toBe(true);
  writes.forget(object("1", "9"));
  expect(writes.isSeen(object("1", "4"))).toBe(true);
});
