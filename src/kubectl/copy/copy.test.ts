import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { type Header, pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseFileSpec, withoutShortcuts } from "./file-spec.ts";
import { packFile } from "./pack.ts";
import { unpack } from "./unpack.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "copy-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function archiveOf(...entries: readonly (Partial<Header> & { name: string; content?: string })[]): Readable {
  const archive = pack();
  for (const { content, ...header } of entries) archive.entry(header, content ?? "");
  archive.finalize();
  return Readable.from(archive);
}

async function take(tar: Readable, destination: string, prefix = "data"): Promise<string> {
  let warnings = "";
  await unpack(tar, { prefix, destination, warn: (text) => (warnings += text), linkAdvice: " (advice)" });
  return warnings;
}

describe("a path of cp", () => {
  it.each([
    ["/tmp/a", { pod: "", namespace: "", file: "/tmp/a" }],
    ["web:/tmp/a", { pod: "web", namespace: "", file: "/tmp/a" }],
    ["ns/web:a:b", { pod: "web", namespace: "ns", file: "a:b" }],
  ])("%s", (text, spec) => expect(parseFileSpec(text)).toEqual(spec));

  it.each([":/a", "a/b/c:/d"])("%s is refused", (text) =>
    expect(() => parseFileSpec(text)).toThrow("filespec must match the canonical format"),
  );

  it.each([
    ["/tmp/a", "tmp/a"],
    ["../../a", "a"],
    ["..", ""],
  ])("tar names %s without what leads up", (path, name) => expect(withoutShortcuts(path)).toBe(name));
});

describe("unpack()", () => {
  it("writes into a folder that exists, or as the name that does not", async () => {
    mkdirSync(join(folder, "in"));
    const tar = () => archiveOf({ name: "data/a/b.txt", content: "x" });
    expect(await take(tar(), join(folder, "in"))).toBe("");
    await take(tar(), join(folder, "new"));
    expect(readFileSync(join(folder, "in/data/a/b.txt"), "utf8")).toBe("x");
    expect(readFileSync(join(folder, "new/a/b.txt"), "utf8")).toBe("x");
  });

  it("writes nothing outside of the destination", async () => {
    const warnings = await take(
      archiveOf({ name: "data/../../evil", content: "x" }, { name: "data/good", content: "y" }),
      join(folder, "in"),
    );
    expect(warnings).toContain("is outside target destination, skipping");
    expect(existsSync(join(folder, "evil"))).toBe(false);
    expect(readFileSync(join(folder, "in/good"), "utf8")).toBe("y");
  });

  it("leaves links out, and what would go through them", async () => {
    const warnings = await take(
      archiveOf(
        { name: "data/link", type: "symlink", linkname: folder },
        { name: "data/other", type: "link", linkname: "/etc/passwd" },
        { name: "data/link/evil", content: "x" },
      ),
      join(folder, "in"),
    );
    expect(warnings.match(/skipping symlink/g)).toHaveLength(2);
    expect(warnings.match(/advice/g)).toHaveLength(1);
    expect(existsSync(join(folder, "evil"))).toBe(false);
  });

  it("an archive of something else is refused", async () => {
    await expect(take(archiveOf({ name: "other", content: "x" }), folder)).rejects.toThrow(
      "tar contents corrupted",
    );
  });
});

describe("packFile()", () => {
  it("packs what unpack() can read, links as links", async () => {
    mkdirSync(join(folder, "from/empty"), { recursive: true });
    writeFileSync(join(folder, "from/a~b:c"), "text");
    writeFileSync(join(folder, "from/nothing"), "");
    symlinkSync("a~b:c", join(folder, "from/link"));
    const { archive, done } = packFile(join(folder, "from"), "data");
    const tar = new PassThrough();
    archive.pipe(tar);
    const warnings = await take(tar, join(folder, "to"));
    await done;
    expect(readFileSync(join(folder, "to/a~b:c"), "utf8")).toBe("text");
    expect(readFileSync(join(folder, "to/nothing"), "utf8")).toBe("");
    expect(existsSync(join(folder, "to/empty"))).toBe(true);
    expect(warnings).toContain('-> "a~b:c"');
  });
});
