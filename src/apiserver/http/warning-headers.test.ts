import { describe, expect, test } from "vitest";
import { warningHeaders } from "./warning-headers.ts";

describe("Warning headers", () => {
  test.each<[string, string[], string[]]>([
    ["quote their texts", ['a "b" \\ c'], ['299 - "a \\"b\\" \\\\ c"']],
    ["say each text once", ["a", "b", "a"], ['299 - "a"', '299 - "b"']],
    ["leave out what is empty or would break them", ["", "a\nb", "c\td", "e"], ['299 - "e"']],
    ["are bytes of UTF-8", ["ü"], [`299 - "${Buffer.from("ü").toString("latin1")}"`]],
  ])("%s", (_, texts, headers) => expect(warningHeaders(texts)).toEqual(headers));

  test("are cut short when they say more than four thousand characters, and end there", () => {
    const texts = Array.from({ length: 40 }, (_, index) => `${index}-`.padEnd(900, "x"));
    expect(warningHeaders(texts.slice(0, 4)).map(({ length }) => length)).toEqual([908, 908, 908, 908]);
    expect(warningHeaders(texts.slice(0, 5)).map(({ length }) => length)).toEqual([264, 264, 264, 264, 264]);
    expect(warningHeaders(texts)).toHaveLength(16);
  });
});
