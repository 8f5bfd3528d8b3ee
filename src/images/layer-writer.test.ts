import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type TestFile, tarOf } from "./testing/archives.ts";
import { unpackLayer } from "./unpack.ts";

const isRoot = process.getuid?.() === 0;
let folder: string;
let calls: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-layer-"));
  calls = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function unpack(files: readonly TestFile[]): Promise<string> {
  const file = join(folder, "layer.tar");
  const archive = await tarOf(files);
  writeFileSync(file, archive);
  const target = join(folder, "root");
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  await unpackLayer({ file, offset: 0, sizeBytes: archive.length }, target, {
    mknod: (path, mode, device) => {
      writeFileSync(path, "");
      calls.push(`mknod ${path.slice(target.length)} ${mode.toString(8)} ${device}`);
    },
    setAttribute: (path, name, value) =>
      calls.push(`attribute ${path.slice(target.length)} ${name}=${Buffer.from(value).toString()}`),
  });
  return target;
}

describe("unpackLayer()", () => {
  test("writes files, folders and links with their modes and times", async () => {
    const mtime = new Date(1_700_000_000_000);
    const root = await unpack([
      { name: "bin", type: "directory", mode: 0o711, mtime },
      { name: "bin/tool", content: "#!", mode: 0o4755, mtime },
      { name: "bin/same", type: "link", linkname: "bin/tool" },
      { name: "sh", type: "symlink", linkname: "bin/tool" },
    ]);
    expect(statSync(join(root, "bin")).mode & 0o7777).toBe(0o711);
    expect(statSync(join(root, "bin")).mtimeMs).toBe(mtime.getTime());
    expect(statSync(join(root, "bin/tool")).mode & 0o7777).toBe(0o4755);
    expect(statSync(join(root, "bin/same")).ino).toBe(statSync(join(root, "bin/tool")).ino);
    expect(readlinkSync(join(root, "sh"))).toBe("bin/tool");
  });

  test.skipIf(!isRoot)("gives files their owners", async () => {
    const root = await unpack([{ name: "a", content: "", uid: 101, gid: 102 }]);
    expect(statSync(join(root, "a"))).toMatchObject({ uid: 101, gid: 102 });
  });

  test("turns whiteouts into 0:0 devices and opaque folders into an attribute", async () => {
    await unpack([
      { name: "etc", type: "directory" },
      { name: "etc/.wh.gone", content: "" },
      { name: "var/.wh..wh..opq", content: "" },
    ]);
    expect(calls).toEqual(["mknod /etc/gone 20000 0", "attribute /var trusted.overlay.opaque=y"]);
  });

  test("makes devices with their numbers", async () => {
    await unpack([{ name: "dev/fifo", type: "fifo", mode: 0o644 }]);
    expect(calls).toEqual(["mknod /dev/fifo 10644 0"]);
  });

  test.each(["../escape", "a/../../escape", "/../escape"])("refuses the name %s", async (name) => {
    await expect(unpack([{ name, content: "" }])).rejects.toThrow("leads outside the image");
  });

  test("follows a link to a folder inside the image, with the image as its root", async () => {
    const outside = join(folder, "outside");
    mkdirSync(outside);
    const root = await unpack([
      { name: "out", type: "symlink", linkname: outside },
      { name: "out/file", content: "kept inside" },
      { name: "up", type: "symlink", linkname: "../../../.." },
      { name: "up/file", content: "also" },
    ]);
    expect(lstatSync(join(outside, "file"), { throwIfNoEntry: false })).toBeUndefined();
    expect(readFileSync(join(root, outside, "file"), "utf8")).toBe("kept inside");
    expect(readFileSync(join(root, "file"), "utf8")).toBe("also");
  });

  test("a hard link cannot reach outside the image", async () => {
    await expect(unpack([{ name: "a", type: "link", linkname: "../layer.tar" }])).rejects.toThrow(
      "leads outside",
    );
  });

  test("a later entry replaces an earlier one of another type", async () => {
    const root = await unpack([
      { name: "x/y", content: "deep" },
      { name: "x", type: "symlink", linkname: "/elsewhere" },
      { name: "x/y", content: "through the link" },
    ]);
    expect(readlinkSync(join(root, "x"))).toBe("/elsewhere");
    expect(readFileSync(join(root, "elsewhere/y"), "utf8")).toBe("through the link");
  });
});
