import { expect, test } from "vitest";
import {
  bitList,
  DerError,
  integer,
  oid,
  readAll,
  readBitList,
  readOid,
  readTime,
  readValue,
  sequence,
  setOf,
  time,
  tlv,
  utf8String,
} from "./der.ts";

test.each([
  [0, "020100"],
  [1, "020101"],
  [127, "02017f"],
  [128, "02020080"],
  [256, "02020100"],
])("integer(%i) is minimal and non-negative", (value, hex) => {
  expect(integer(value).toString("hex")).toBe(hex);
});

test("integer() drops leading zeros of bytes and keeps the sign octet", () => {
  expect(integer(Buffer.from("0000ff", "hex")).toString("hex")).toBe("020200ff");
});

test.each(["2.5.4.3", "1.2.840.10045.4.3.2", "1.3.6.1.4.1.57683.2", "2.16.840.1.113730.4.1", "1.3.101.112"])(
  "oid %s is read back",
  (dotted) => {
    expect(readOid(readValue(oid(dotted)))).toBe(dotted);
  },
);

test.each([
  [[5], "03020204"],
  [[0, 2], "030205a0"],
  [[0, 2, 5], "030202a4"],
  [[8], "0303070080"],
  [[], "030100"],
])("bitList(%j) leaves trailing zero bits out", (bits, hex) => {
  expect(bitList(bits).toString("hex")).toBe(hex);
  expect(readBitList(readValue(bitList(bits)))).toEqual(bits);
});

test.each([
  [Date.UTC(2026, 0, 2, 3, 4, 5), 0x17],
  [Date.UTC(2049, 11, 31, 23, 59, 59), 0x17],
  [Date.UTC(2050, 0, 1), 0x18],
])("time(%i) has the tag that its year asks for", (ms, tag) => {
  const value = readValue(time(ms));
  expect(value.tag).toBe(tag);
  expect(readTime(value)).toBe(ms);
});

test("long lengths are read back", () => {
  for (const length of [127, 128, 255, 256, 70_000]) {
    expect(readValue(tlv(4, Buffer.alloc(length))).content).toHaveLength(length);
  }
});

test("setOf() sorts its members", () => {
  expect(setOf(utf8String("b"), utf8String("a")).equals(setOf(utf8String("a"), utf8String("b")))).toBe(true);
});

test.each([
  ["nothing", ""],
  ["a tag alone", "30"],
  ["less content than the length says", "300501"],
  ["an indefinite length", "3080"],
  ["a length in long form that fits the short one", "308101ff"],
  ["a length with a leading zero", "30820001ff"],
  ["a tag above 30", "3f8101"],
])("readValue() refuses %s", (_what, hex) => {
  expect(() => readValue(Buffer.from(hex, "hex"))).toThrow(DerError);
});

test("readAll() reads neighbours", () => {
  expect(readAll(Buffer.concat([sequence(), integer(1)])).map((value) => value.tag)).toEqual([0x30, 0x02]);
});
