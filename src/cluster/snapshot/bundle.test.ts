import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BundleError, BundleReader, BundleWriter, bufferSource } from "./bundle.ts";
import { readBundleFile, writeBundleFile } from "./bundle-file.ts";
import { type Row, readRows, writeRows } from "./rows.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-bundle-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function written(fill: (writer: BundleWriter) => void, header: object = { a: 1 }): Buffer {
  const parts: Uint8Array[] = [];
  const writer = new BundleWriter("snapshot", header, (bytes) => parts.push(bytes));
  fill(writer);
  writer.end();
  return Buffer.concat(parts);
}

const read = (bytes: Uint8Array): [string, string][] =>
  [...new BundleReader("snapshot", "it", bufferSource(bytes)).records()].map((record) => [
    record.type,
    record.bytes.toString("latin1"),
  ]);

const small = written((writer) => {
  writer.entry({ type: "one" });
  writer.data(Buffer.from("hello"));
  writer.data(Buffer.alloc(0));
  writer.entry({ type: "two" });
});

describe("a bundle", () => {
  it("gives its header and records as they were written", () => {
    expect(new BundleReader("snapshot", "it", bufferSource(small)).header).toEqual({ a: 1 });
    expect(read(small)).toEqual([
      ["entry", '{"type":"one"}'],
      ["data", "hello"],
      ["data", ""],
      ["entry", '{"type":"two"}'],
    ]);
  });

  it("holds records larger than its chunks, and many chunks", () => {
    const large = Buffer.alloc(5 * 1024 * 1024, "0123456789");
    const bytes = written((writer) => {
      for (let count = 0; count < 3; count++) writer.data(large);
    });
    expect(read(bytes).map(([, data]) => data === large.toString("latin1"))).toEqual([true, true, true]);
    expect(bytes.byteLength).toBeLessThan(100_000);
  });

  it("is refused wherever it is cut", () => {
    for (let length = 0; length < small.byteLength; length++) {
      expect(() => read(small.subarray(0, length))).toThrow(BundleError);
    }
    expect(() => read(small.subarray(0, 40))).toThrow("it is cut short: its end is missing");
  });

  it("is refused whatever byte of it is changed", () => {
    for (let at = 0; at < small.byteLength; at++) {
      const changed = Buffer.from(small);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(() => read(changed), `byte ${at}`).toThrow(BundleError);
    }
  });

  it.each([
    ["SAMPAN snapshot 2\n", "it has format 2, this version of Sampan reads format 1"],
    ["SAMPAN artifact 1\n", "it is no snapshot, but a Sampan artifact"],
    ["SAMPAN snapshot x\n", "it is no snapshot of Sampan"],
    ["SQLite format 3\0 and so on", "it is no snapshot of Sampan"],
    ["SAMPAN and then no end of the line, for long", "it is no snapshot of Sampan"],
  ])("is told from what begins with %j", (start, message) => {
    expect(() => read(Buffer.concat([Buffer.from(start), small.subarray(18)]))).toThrow(message);
  });

  it("keeps rows, deletions and empty values among them", () => {
    const rows: Row[] = [
      {
        key: "/registry/core/pods/default/ä",
        revision: 2 ** 36,
        createRevision: 3,
        value: Buffer.from("{}"),
      },
      { key: "b", revision: 2, createRevision: 1, value: undefined },
      { key: "c", revision: 4, createRevision: 4, value: Buffer.alloc(0) },
      { key: "d", revision: 5, createRevision: 5, value: Buffer.alloc(400_000, 7) },
    ];
    const bytes = written((writer) => writeRows(writer, rows));
    const found = [...new BundleReader("snapshot", "it", bufferSource(bytes)).records()].flatMap((record) => [
      ...readRows(record.bytes),
    ]);
    expect(found).toEqual(rows);
  });
});

describe("a bundle's file", () => {
  it("is its owner's alone, and the reader is told its path", async () => {
    const file = join(folder, "x");
    await writeBundleFile(file, "artifact", {}, (writer) => writer.entry({}));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await readBundleFile(file, "artifact", (reader) => [...reader.records()].length)).toBe(1);
    await expect(readBundleFile(file, "snapshot", () => 0)).rejects.toThrow(
      `${file} is no snapshot, but a Sampan artifact`,
    );
  });

  it("is there whole or not at all: a failure leaves what was before and nothing beside it", async () => {
    const file = join(folder, "x");
    writeFileSync(file, "before");
    const failing = writeBundleFile(file, "snapshot", {}, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    expect(readFileSync(file, "utf8")).toBe("before");
    expect(readdirSync(folder)).toEqual(["x"]);
  });

  it("takes away what writers left that were killed, and nothing else", async () => {
    const own = mkdtempSync(join(folder, "left-"));
    const others = [`a.${process.ppid}.tmp`, "a.b.99999999.tmp", "b.99999999.tmp", "a.tmp"];
    for (const name of ["a.99999999.tmp", ...others]) writeFileSync(join(own, name), "");
    await writeBundleFile(join(own, "a"), "snapshot", {}, () => undefined);
    expect(readdirSync(own).toSorted()).toEqual(["a", ...others].toSorted());
    rmSync(own, { recursive: true });
  });

  it("is not written where there is no folder, and the folder is named", async () => {
    const writing = writeBundleFile(join(folder, "none", "x"), "snapshot", {}, () => undefined);
    await expect(writing).rejects.toMatchObject({
      name: "BundleError",
      message: `there is no folder ${join(folder, "none")}`,
      remedy: `make it first: mkdir -p ${join(folder, "none")}`,
    });
  });
});
