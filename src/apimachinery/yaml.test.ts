import { describe, expect, it } from "vitest";
import { fixtureNames, hasReference, readShared, readSharedJson } from "./testing/reference.ts";
import { duplicateYamlKey, duplicateYamlKeys, parseYaml, parseYamlDocuments, printYaml } from "./yaml.ts";

describe("parseYaml()", () => {
  it.each<[string, unknown]>([
    ["yes", true],
    ["y", true],
    ["Off", false],
    ["0755", 493],
    ["0o17", 15],
    ["0x1F", 31],
    ["0b11", 3],
    ["1_000", 1000],
    ["089", 89],
    ["-5", -5],
    ["1e3", 1000],
    [".5", 0.5],
    ["1.", 1],
    ["12:30:45", "12:30:45"],
    ["2026-01-01", "2026-01-01"],
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"],
    ["~", null],
    ["", null],
    ["Null", null],
    ["'yes'", "yes"],
    ["1.2.3", "1.2.3"],
    ["!!str 5", "5"],
    ["yess", "yess"],
  ])("reads %s as kubectl does", (text, expected) => {
    expect(parseYaml(`a: ${text}`)).toEqual({ a: expected });
  });

  it("turns keys into strings", () => {
    expect(parseYaml("1: a\ntrue: b\n1.5: c\n~: d")).toEqual({ "1": "a", true: "b", "1.5": "c", null: "d" });
  });

  it("merges with <<", () => {
    expect(parseYaml("base: &b {x: 1, z: 2}\nuse: {<<: *b, z: 3}")).toEqual({
      base: { x: 1, z: 2 },
      use: { x: 1, z: 3 },
    });
  });

  it("keeps the last of two equal keys, and can tell that there were two", () => {
    const text = "a: 1\nb: 2\na: 3\n";
    expect(parseYaml(text)).toEqual({ a: 3, b: 2 });
    expect(duplicateYamlKey(text)).toBe(
      'error converting YAML to JSON: yaml: unmarshal errors:\n  line 3: key "a" already set in map',
    );
    expect(duplicateYamlKey("a: 1")).toBeUndefined();
  });

  it.each<[string, string[]]>([
    ["a: 1\na: 2\na: 3", ['line 2: key "a"', 'line 3: key "a"']],
    ["a:\n  b: 1\n  'b':\n    c: 1", ['line 4: key "b"']],
    ["- {x: 1, y: 2, x: 3}\n- x: 1", ['line 1: key "x"']],
    ["a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\nc: {x: 1}\n---\nb: 1\nb: 2", []],
    ["? {x: 1}\n: 1\nx: 1", []],
  ])("tells every double key of the first document of %j", (text, expected) => {
    expect(duplicateYamlKeys(text)).toEqual(expected.map((line) => `${line} already set in map`));
  });

  it("keeps a member named __proto__ as data", () => {
    expect(Object.keys(parseYaml("__proto__: 1") as object)).toEqual(["__proto__"]);
  });

  it("refuses aliases that multiply", () => {
    const levels = Array.from({ length: 9 }, (_, level) =>
      level === 0 ? "a0: &a0 [x,x,x,x,x,x,x,x,x]" : `a${level}: &a${level} [${`*a${level - 1},`.repeat(9)}]`,
    );
    expect(() => parseYaml(levels.join("\n"))).toThrow("excessive aliasing");
  });

  it.each([
    ["x: &a [*a]", "yaml: anchor 'a' value contains itself"],
    ["loop: &l\n  self: *l\n", "yaml: anchor 'l' value contains itself"],
    ["a0: &a0 x\n".concat(...nestedAliases(2000)), "excessive aliasing"],
  ])("refuses aliases that never end: %#", (text, message) => {
    expect(() => parseYaml(text)).toThrow(message);
  });

  it("gives aliases values of their own", () => {
    const { a, b } = parseYaml("a: &x {k: 1}\nb: *x") as { a: unknown; b: unknown };
    expect(a).toEqual(b);
    expect(a).not.toBe(b);
  });

  it("names the line of a syntax error", () => {
    expect(() => parseYaml("a: 1\n b: [")).toThrow(
      "yaml: line 2: mapping values are not allowed in this context",
    );
    expect(() => parseYaml("a: 1\n<<: 5")).toThrow(
      "yaml: map merge requires map or sequence of maps as the value",
    );
  });

  it.each(['a: "\\ud800"', 'a: "\\ud83d\\ude00"', '"\\uDC00": 1', 'a: "\\U0000d800"'])(
    "refuses half a character: %s",
    (text) => {
      expect(() => parseYaml(text)).toThrow("yaml: found invalid Unicode character escape code");
      expect(() => parseYamlDocuments(text)).toThrow("yaml: found invalid Unicode character escape code");
    },
  );

  it("reads a whole character by its escape", () => {
    expect(parseYaml('a: "\\U0001F600 \\ud7ff"')).toEqual({ a: "😀 \ud7ff" });
  });

  it("reads nothing behind the first document", () => {
    expect(parseYaml("a: b\n---\nc: [\n")).toEqual({ a: "b" });
    expect(duplicateYamlKeys("a: b\na: c\n---\nc: [\n")).toEqual(['line 2: key "a" already set in map']);
  });
});

describe("parseYamlDocuments()", () => {
  it("leaves out empty documents", () => {
    expect(parseYamlDocuments("---\n---\na: 1\n---\n# nothing\n---\nb: 2\n")).toEqual([{ a: 1 }, { b: 2 }]);
  });

  it("reads an empty stream as none", () => {
    expect(parseYamlDocuments("")).toEqual([]);
  });
});

describe("printYaml()", () => {
  it.each<[unknown, string]>([
    [{ b: 1, a: [{ y: 1, x: "s" }, "t"] }, 'a:\n- x: s\n  "y": 1\n- t\nb: 1\n'],
    [{ a: {}, b: [], c: null }, "a: {}\nb: []\nc: null\n"],
    [{ a: [[1, 2], []] }, "a:\n- - 1\n  - 2\n- []\n"],
    [{ a: "" }, 'a: ""\n'],
    [{ a: "true" }, 'a: "true"\n'],
    [{ a: "12" }, 'a: "12"\n'],
    [{ a: "1e3" }, 'a: "1e3"\n'],
    [{ a: "1:30" }, 'a: "1:30"\n'],
    [{ a: "2026-01-01T00:00:00Z" }, 'a: "2026-01-01T00:00:00Z"\n'],
    [{ a: "1.2.3" }, "a: 1.2.3\n"],
    [{ a: "*" }, "a: '*'\n"],
    [{ a: "a: b" }, "a: 'a: b'\n"],
    [{ a: "a #b" }, "a: 'a #b'\n"],
    [{ a: "it's" }, "a: it's\n"],
    [{ a: "- x" }, "a: '- x'\n"],
    [{ a: "-x" }, "a: -x\n"],
    [{ a: " x" }, "a: ' x'\n"],
    [{ a: "x\ty" }, 'a: "x\\ty"\n'],
    [{ a: "l1\nl2\n" }, "a: |\n  l1\n  l2\n"],
    [{ a: "l1\n\nl2" }, "a: |-\n  l1\n\n  l2\n"],
    [{ a: "l1\n\n" }, "a: |+\n  l1\n\n"],
    [{ a: " l1\nl2\n" }, "a: |2\n   l1\n  l2\n"],
    [{ a: ["l1\nl2\n"] }, "a:\n- |\n  l1\n  l2\n"],
    [{ a: "trailing \nx" }, 'a: "trailing \\nx"\n'],
    [{ "a/b": 1.5, "8": true }, '"8": true\na/b: 1.5\n'],
    [{ a10: 1, a9: 2, A: 3 }, "A: 3\na9: 2\na10: 1\n"],
    ["text", "text\n"],
    [[], "[]\n"],
    [{ a: "日本" }, "a: 日本\n"],
  ])("prints %j", (value, text) => {
    expect(printYaml(value)).toBe(text);
    expect(parseYaml(text)).toEqual(value);
  });

  it("breaks long lines at the next space", () => {
    const text = `${"word ".repeat(30).trim()}: end`;
    expect(parseYaml(printYaml({ a: { message: text } }))).toEqual({ a: { message: text } });
    expect(printYaml({ m: text }).split("\n").length).toBe(3);
  });

  it.skipIf(!hasReference)("prints and reads all fixtures as Kubernetes does (needs ../shared)", () => {
    for (const name of fixtureNames()) {
      const value = readSharedJson(`reference/kubernetes/fixtures/${name}.json`);
      const text = readShared(`reference/kubernetes/fixtures/${name}.yaml`);
      expect({ name, text: printYaml(value) }).toEqual({ name, text });
      expect({ name, value: parseYaml(text) }).toEqual({ name, value });
    }
  });
});

/** Each level holds the one before. */
function nestedAliases(depth: number): string[] {
  return Array.from({ length: depth }, (_, level) => `a${level + 1}: &a${level + 1} [*a${level}]\n`);
}
