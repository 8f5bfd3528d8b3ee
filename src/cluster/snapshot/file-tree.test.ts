import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BundleReader, BundleWriter, bufferSource } from "./bundle.ts";
import { type SavedTree, type TreeEntry, TreeReader, writeTree } from "./file-tree.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-tree-"));
  mkdirSync(join(folder, "from", "volumes"), { recursive: true });
  mkdirSync(join(folder, "to"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const from = (path: string): string => join(folder, "from", "volumes", path);
const to = (path: string): string => join(folder, "to", "volumes", path);

function copy(): SavedTree & { readonly size: number } {
  const parts: Uint8Array[] = [];
  const writer = new BundleWriter("snapshot", {}, (bytes) => parts.push(bytes));
  const { files, bytes, left } = writeTree(writer, join(folder, "from"), "volumes");
  writer.end();
  const whole = Buffer.concat(parts);
  const reader = new TreeReader(join(folder, "to"));
  for (const record of new BundleReader("snapshot", "it", bufferSource(whole)).records()) {
    if (record.type === "data") reader.write(record.bytes);
    else reader.add((JSON.parse(record.bytes.toString()) as { file: TreeEntry }).file);
  }
  reader.end();
  return { files, bytes, left, size: whole.byteLength };
}

describe("a tree of files", () => {
  it("comes back with contents, modes, times, links and folders", () => {
    mkdirSync(from("data/empty"), { recursive: true });
    writeFileSync(from("data/a"), "hello");
    chmodSync(from("data/a"), 0o4751);
    writeFileSync(from("data/large"), Buffer.alloc(1_500_000, "abc"));
    linkSync(from("data/a"), from("data/b"));
    symlinkSync("../elsewhere", from("data/link"));
    chmodSync(from("data"), 0o1777);
    utimesSync(from("data/a"), 1000, 2000.5);
    utimesSync(from("data"), 1000, 3000);
    const { files, left } = copy();
    expect(readdirSync(to("data"))).toEqual(["a", "b", "empty", "large", "link"]);
    expect(readFileSync(to("data/b"), "utf8")).toBe("hello");
    expect(readFileSync(to("data/large")).equals(readFileSync(from("data/large")))).toBe(true);
    expect(lstatSync(to("data/a")).ino).toBe(lstatSync(to("data/b")).ino);
    expect(readlinkSync(to("data/link"))).toBe("../elsewhere");
    for (const path of ["data", "data/a", "data/empty"]) {
      const { mode, uid, gid } = lstatSync(from(path));
      expect(lstatSync(to(path))).toMatchObject({ mode, uid, gid });
    }
    expect(lstatSync(to("data/a")).mtimeMs).toBe(2_000_500);
    expect(lstatSync(to("data")).mtimeMs).toBe(3_000_000);
    expect([files, left]).toEqual([7, []]);
  });

  it("keeps what is empty in a file empty: a large one with a hole takes no space", () => {
    writeFileSync(from("sparse"), "start");
    truncateSync(from("sparse"), 64 * 1024 * 1024);
    const { size } = copy();
    expect(size).toBeLessThan(100_000);
    expect(lstatSync(to("sparse")).size).toBe(64 * 1024 * 1024);
    expect(lstatSync(to("sparse")).blocks * 512).toBeLessThan(2 * 1024 * 1024);
    expect(readFileSync(to("sparse")).subarray(0, 6).toString()).toBe("start\0");
  });

  it("keeps names that are no text", () => {
    writeFileSync(Buffer.concat([Buffer.from(`${from("")}/`), Buffer.from([0xff, 0x61])]), "x");
    writeFileSync(from("grün"), "y");
    copy();
    const names = readdirSync(to(""), { encoding: "buffer" }).map((name) => name.toString("hex"));
    expect(names).toEqual([Buffer.from("grün").toString("hex"), "ff61"]);
  });

  it("names what it leaves out", () => {
    execFileSync("sh", ["-c", `mkfifo ${from("pipe")}`]);
    expect(copy().left).toEqual(["volumes/pipe"]);
  });

  it.each(["../x", "volumes/../../x", "/etc/x", "volumes//x", "volumes/./x"])(
    "is not made outside of its folder: %s",
    (path) => {
      const entry: TreeEntry = { type: "directory", path, mode: 0o700, uid: 0, gid: 0, mtimeMs: 0 };
      expect(() => new TreeReader(join(folder, "to")).add(entry)).toThrow("leads out of the folder");
    },
  );
});
