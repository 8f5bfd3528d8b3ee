import { describe, expect, it } from "vitest";
import { canonicalQuantity, Quantity, tryParseQuantity } from "./quantity.ts";

describe("canonicalQuantity()", () => {
  it.each<[string | number, string]>([
    ["0", "0"],
    ["0Mi", "0"],
    ["1", "1"],
    [1, "1"],
    [0.5, "500m"],
    ["0.5", "500m"],
    ["1000m", "1"],
    ["1500m", "1500m"],
    ["1.5", "1500m"],
    ["100000", "100k"],
    ["1234", "1234"],
    ["1.5Gi", "1536Mi"],
    ["1024Mi", "1Gi"],
    ["1023Mi", "1023Mi"],
    ["1Ki", "1Ki"],
    ["512", "512"],
    ["0.5Ki", "512"],
    ["0.5Mi", "512Ki"],
    ["1.1Ki", "1126400m"],
    ["2Ei", "2Ei"],
    ["1e3", "1e3"],
    ["1E3", "1e3"],
    ["12e4", "120e3"],
    ["1500e-3", "1500e-3"],
    ["1E", "1E"],
    ["1n", "1n"],
    ["0.1n", "1n"],
    ["1u", "1u"],
    ["-1", "-1"],
    ["-1.5Gi", "-1536Mi"],
    ["+5", "5"],
    ["  7 ", "7"],
    [".5", "500m"],
    ["1.", "1"],
    ["100Ei", "9223372036854775807"],
    ["123456789012345678", "123456789012345678"],
  ])("%j is %s", (input, expected) => {
    expect(canonicalQuantity(input)).toBe(expected);
    expect(canonicalQuantity(expected)).toBe(expected);
  });

  it.each(["", "abc", "1x", "1 Gi", "1.2.3", "--1", "1e9999", "Gi1", "１"])("refuses %j", (input) => {
    expect(() => canonicalQuantity(input)).toThrow(
      /^(quantities must match the regular expression|unable to parse)/,
    );
    expect(tryParseQuantity(input)).toBeUndefined();
  });
});

describe("Quantity", () => {
  const parse = (text: string): Quantity => Quantity.parse(text);

  it("rounds away from zero", () => {
    expect(parse("1.0001").milliValue()).toBe(1001n);
    expect(parse("1m").value()).toBe(1n);
    expect(parse("-1m").value()).toBe(-1n);
    expect(parse("2Gi").value()).toBe(2_147_483_648n);
    expect(parse("100u").roundUpToMilli().toString()).toBe("1m");
  });

  it("adds and subtracts, and takes the format of what is not zero", () => {
    expect(parse("1Gi").add(parse("512Mi")).toString()).toBe("1536Mi");
    expect(parse("0").add(parse("1Gi")).toString()).toBe("1Gi");
    expect(parse("1").sub(parse("250m")).toString()).toBe("750m");
    expect(parse("1Gi").sub(parse("1Gi")).isZero()).toBe(true);
  });

  it("compares across formats", () => {
    expect(parse("1Ki").compare(parse("1024"))).toBe(0);
    expect(parse("1k").compare(parse("1Ki"))).toBeLessThan(0);
    expect(parse("1").compare(parse("999m"))).toBeGreaterThan(0);
  });

  it("comes from numbers", () => {
    expect(Quantity.fromInteger(2048, "BinarySI").toString()).toBe("2Ki");
    expect(Quantity.fromMilli(1500).toString()).toBe("1500m");
    expect(JSON.stringify({ cpu: Quantity.fromMilli(1000) })).toBe('{"cpu":"1"}');
    expect(parse("1500m").toNumber()).toBe(1.5);
  });

  it("is not parsed from other types", () => {
    expect([null, undefined, {}, true].map(tryParseQuantity)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
