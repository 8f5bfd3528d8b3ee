import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hasOwnFilesystem, mountsBelow } from "./mount-table.ts";

const onLinux = process.platform === "linux";

test.runIf(onLinux)("mounts are found at a directory and below it, and not beside it", async () => {
  expect(await mountsBelow("/proc")).toContain("/proc");
  const folder = mkdtempSync(join(tmpdir(), "sampan-mounts-"));
  try {
    expect(await mountsBelow(folder)).toEqual([]);
    expect(await mountsBelow("/pro")).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.runIf(onLinux)(
  "a directory with a filesystem of its own is told from one without, and from none",
  async () => {
    expect(await hasOwnFilesystem("/proc")).toBe(true);
    const folder = mkdtempSync(join(tmpdir(), "sampan-mounts-"));
    try {
      expect(await hasOwnFilesystem(folder)).toBe(false);
      expect(await hasOwnFilesystem(join(folder, "missing"))).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
