import { describe, expect, it } from "vitest";
import { goValue } from "../../apimachinery/go-value.ts";
import { humanDuration } from "./age.ts";
import { CustomColumns } from "./custom-columns.ts";
import { goJson, printJson } from "./json.ts";
import { alignTabs, describeLayout, TablePadder, tableLayout } from "./tab-writer.ts";
import { TableRows } from "./table.ts";

describe("alignTabs()", () => {
  it("aligns neighbouring lines that share a column, and no others", () => {
    expect(alignTabs("a\tb\nccc\td\n", describeLayout)).toBe("a    b\nccc  d\n");
    expect(alignTabs("a\tb\nplain\nccc\td\n", describeLayout)).toBe("a  b\nplain\nccc  d\n");
  });

  it("gives the columns of a table their least width", () => {
    expect(alignTabs("a\tb\tc\n", tableLayout)).toBe("a     b     c\n");
  });

  it("counts characters, not bytes", () => {
    expect(alignTabs("é\tx\nab\ty\n", describeLayout)).toBe("é   x\nab  y\n");
  });
});

describe("TablePadder", () => {
  it("keeps columns at least as wide as they were, for watches", () => {
    const padder = new TablePadder();
    expect(
      padder.format([
        ["NAME", "AGE"],
        ["a-long-name", "1s"],
      ]),
    ).toBe("NAME          AGE\na-long-name   1s\n");
    expect(padder.format([["b", "2s"]])).toBe("b             2s\n");
  });
});

describe("TableRows", () => {
  const table = {
    kind: "Table" as const,
    columnDefinitions: [{ name: "Name" }, { name: "Ready" }, { name: "IP", priority: 1 }],
    rows: [
      {
        cells: ["web", 2, "10.0.0.1"],
        object: { kind: "Pod", apiVersion: "v1", metadata: { namespace: "n", labels: { b: "2", a: "1" } } },
      },
    ],
  };

  it("leaves columns of lower importance for wide output", () => {
    expect(new TableRows({}).rows(table)).toEqual([
      ["NAME", "READY"],
      ["web", "2"],
    ]);
    expect(new TableRows({ wide: true, noHeaders: true }).rows(table)).toEqual([["web", "2", "10.0.0.1"]]);
  });

  it("adds namespace, kind and labels where they are asked for", () => {
    const rows = new TableRows({
      withNamespace: true,
      withKind: true,
      showLabels: true,
      labelColumns: ["x/b"],
    }).rows(table);
    expect(rows).toEqual([
      ["NAMESPACE", "NAME", "READY", "B", "LABELS"],
      ["n", "pod/web", "2", "", "a=1,b=2"],
    ]);
  });

  it("prints its headings once, and only above rows", () => {
    const rows = new TableRows({});
    expect(rows.rows({ ...table, rows: [] })).toEqual([]);
    expect(rows.rows(table)).toHaveLength(2);
    expect(rows.rows(table)).toHaveLength(1);
  });

  it("cuts a cell at its first line break", () => {
    const cells = { ...table, rows: [{ cells: ["a\nb", null, null] }] };
    expect(new TableRows({ noHeaders: true }).rows(cells)).toEqual([["a...", ""]]);
  });
});

describe("JSON as Go writes it", () => {
  it("orders keys and escapes what HTML could read", () => {
    expect(printJson({ b: "<&>", a: [] })).toBe('{\n    "a": [],\n    "b": "\\u003c\\u0026\\u003e"\n}\n');
    expect(goJson({ b: 1, a: { d: 1, c: 2 } })).toBe('{"a":{"c":2,"d":1},"b":1}');
  });

  it.each([
    [{ b: 1, a: ["x", "y"] }, "map[a:[x y] b:1]"],
    [null, "<nil>"],
    [true, "true"],
    ["text", "text"],
  ])("goValue(%j) is %j", (value, text) => {
    expect(goValue(value)).toBe(text);
  });
});

describe("CustomColumns", () => {
  it("prints a row for each item, with <none> for what is missing", () => {
    const columns = CustomColumns.fromSpec("NAME:.metadata.name,IMAGES:.spec.images[*]", false);
    const items = [{ metadata: { name: "a" }, spec: { images: ["x", "y"] } }, { metadata: { name: "b" } }];
    expect(columns.print({ items })).toBe("NAME   IMAGES\na      x,y\nb      <none>\n");
  });

  it("refuses columns without a path", () => {
    expect(() => CustomColumns.fromSpec("NAME", false)).toThrow(
      "unexpected custom-columns spec: NAME, expected <header>:<json-path-expr>",
    );
  });
});

it.each([
  [0, "0s"],
  [119_000, "119s"],
  [120_000, "2m"],
  [125_000, "2m5s"],
  [600_000, "10m"],
  [3 * 3_600_000, "3h"],
  [3.5 * 3_600_000, "3h30m"],
  [47 * 3_600_000, "47h"],
  [48 * 3_600_000, "2d"],
  [50 * 3_600_000, "2d2h"],
  [10 * 86_400_000, "10d"],
  [800 * 86_400_000, "2y70d"],
  [-5000, "<invalid>"],
])("humanDuration(%d) is %s", (ms, text) => {
  expect(humanDuration(ms)).toBe(text);
});
