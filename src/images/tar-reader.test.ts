import { describe, expect, test } from "vitest";
import { type TarEntry, TarReader } from "./tar-reader.ts";
import { tarOf } from "./testing/archives.ts";

interface Read {
  readonly entries: { entry: TarEntry; content: string; offset: number }[];
}

function read(archive: Buffer, chunkBytes: number): Read {
  const entries: Read["entries"] = [];
  const reader = new TarReader({
    begin: (entry, offset) => entries.push({ entry, content: "", offset }),
    data: (chunk) => {
      const last = entries.at(-1);
      if (last !== undefined) last.content += Buffer.from(chunk).toString("latin1");
    },
    end: () => undefined,
  });
  for (let at = 0; at < archive.length; at += chunkBytes) reader.push(archive.subarray(at, at + chunkBytes));
  reader.finish();
  return { entries };
}

const longName = `${"deep/".repeat(60)}file`;

describe("TarReader", () => {
  test.each([1, 7, 511, 512, 513, 1 << 20])("reads the same whatever the chunks (%i bytes)", async (size) => {
    const archive = await tarOf([
      { name: "a", content: "x".repeat(1000), mode: 0o4755, uid: 7, gid: 8 },
      { name: "dir/", type: "directory" },
      { name: longName, content: "long" },
      { name: "link", type: "symlink", linkname: "a" },
      { name: "empty" },
    ]);
    const { entries } = read(archive, size);
    expect(entries.map(({ entry }) => [entry.name, entry.type])).toEqual([
      ["a", "file"],
      ["dir/", "directory"],
      [longName, "file"],
      ["link", "symlink"],
      ["empty", "file"],
    ]);
    expect(entries[0]).toMatchObject({
      content: "x".repeat(1000),
      entry: { mode: 0o4755, uid: 7, gid: 8, sizeBytes: 1000 },
    });
    expect(entries[3]?.entry.linkName).toBe("a");
  });

  test("begin() says where the content lies in the archive", async () => {
    const archive = await tarOf([
      { name: "a", content: "first" },
      { name: "b", content: "second" },
    ]);
    const second = read(archive, 4096).entries[1];
    expect(archive.toString("latin1", second?.offset, (second?.offset ?? 0) + 6)).toBe("second");
  });

  test("keeps extended attributes of pax headers", async () => {
    const archive = await tarOf([
      { name: "ping", content: "", pax: { "SCHILY.xattr.security.capability": "abc" } },
    ]);
    const { attributes } = read(archive, 4096).entries[0]?.entry ?? { attributes: new Map<string, Buffer>() };
    expect(attributes.get("security.capability")?.toString()).toBe("abc");
  });

  test.each([
    ["text", Buffer.from("this is no archive at all".padEnd(2048, "."))],
    ["nothing", Buffer.alloc(0)],
    ["half a header", Buffer.alloc(100, 1)],
  ])("refuses %s", (_, data) => {
    expect(() => read(data, 512)).toThrow(/archive/);
  });

  test("refuses an archive that ends in the middle of a file", async () => {
    const archive = await tarOf([{ name: "a", content: "x".repeat(5000) }]);
    expect(() => read(archive.subarray(0, 3000), 512)).toThrow("ends in the middle");
  });
});
