import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withLock } from "./lock.ts";

let folder: string;
let lock: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-lock-"));
  lock = join(folder, ".lock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("withLock()", () => {
  it("lets one work after the other, also when one fails, and leaves nothing", async () => {
    const seen: string[] = [];
    const work = (name: string) => async (): Promise<void> => {
      seen.push(`${name} begins`);
      await wait(5);
      seen.push(`${name} ends`);
      if (name === "b") throw new Error("b failed");
    };
    await Promise.allSettled(["a", "b", "c"].map((name) => withLock(lock, work(name))));
    expect(seen.filter((_, index) => index % 2 === 0).map((line) => line.split(" ")[1])).toEqual([
      "begins",
      "begins",
      "begins",
    ]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ["of a dead process", "4194304999 1"],
    ["of a recycled pid", `${process.pid} 1`],
    ["of no process", "nobody"],
  ])("takes over the lock %s", async (_what, holder) => {
    symlinkSync(holder, lock);
    expect(await withLock(lock, async () => "done")).toBe("done");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("makes the folder that it is in", async () => {
    const deeper = join(folder, "a", "b", ".lock");
    expect(await withLock(deeper, async () => existsSync(join(folder, "a", "b")))).toBe(true);
  });
});
