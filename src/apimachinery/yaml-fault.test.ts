import { describe, expect, it } from "vitest";
import { diagnoseYaml } from "./yaml-fault.ts";

/** Texts that were sent to kube-apiserver 1.36.1, and what it said of them. */
describe("diagnoseYaml()", () => {
  it.each([
    ["a: b: c\n", "mapping values are not allowed in this context"],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  a: b\n c: d\n",
      "line 6: did not find expected key",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  a: b\n   c: d\n",
      "line 7: mapping values are not allowed in this context",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {a: b\n",
      "line 5: did not find expected ',' or '}'",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {a: b\nx: y\n",
      "line 5: did not find expected ',' or '}'",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: [a, b\n",
      "line 5: did not find expected ',' or ']'",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: [a, b\nx: y\n",
      "line 5: did not find expected ',' or ']'",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {a: b]\n",
      "line 4: did not find expected ',' or '}'",
    ],
    ["a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: [a}\n", "line 4: did not find expected ',' or ']'"],
    ["a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: ]\n", "line 4: did not find expected node content"],
    ["a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: }\n", "line 4: did not find expected node content"],
    [
      'a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  a: "b\n',
      "line 7: found unexpected end of stream",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  a: 'b\n",
      "line 7: found unexpected end of stream",
    ],
    [
      'a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  a: "b\nx: y\n',
      "line 8: found unexpected end of stream",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n\ta: b\n",
      "line 6: found character that cannot start any token",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  a: b\n\tc: d\n",
      "line 7: found a tab character that violates indentation",
    ],
    ["\tapiVersion: v1\n", "found character that cannot start any token"],
    ["a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: *x\n", "unknown anchor 'x' referenced"],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  a: b: c\n",
      "line 6: mapping values are not allowed in this context",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  - a\n  b: c\n",
      "line 6: did not find expected '-' indicator",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  a: b\n  - c\n",
      "line 6: did not find expected key",
    ],
    ["a: 1\nkind: ConfigMap\nmetadata:\n  name: a\n- a\n", "line 4: did not find expected key"],
    ["a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata\n", "line 6: could not find expected ':'"],
    ["a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata\nfoo: x\n", "line 6: could not find expected ':'"],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: @x\n",
      "line 5: found character that cannot start any token",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: `x`\n",
      "line 5: found character that cannot start any token",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: %x\n",
      "line 5: found character that cannot start any token",
    ],
    ['a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: "\\q"\n', "line 5: found unknown escape character"],
    ['a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: "a" b\n', "line 4: did not find expected key"],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: |x\n  a\n",
      "line 5: did not find expected comment or line break",
    ],
    ["a: 1\nkind: ConfigMap\nmetadata:\n  name: a\n? a\n: b\n: c\n", "line 6: did not find expected key"],
    ["a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: !<x y\n", "line 5: did not find the expected '>'"],
    ["a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: 'a'\n  b: c\n", "line 5: did not find expected key"],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n- a\n-b\n- c\n",
      "line 8: could not find expected ':'",
    ],
    ["%YAML 2.0\n---\na: b\n", "found incompatible YAML document"],
    ["%FOO\n---\na: b\n", "found unknown directive name"],
    ["{\n", "line 1: did not find expected node content"],
    ["[\n", "line 1: did not find expected node content"],
    ['"a": b\n"c\n', "line 3: found unexpected end of stream"],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {a: b,, c: d}\n",
      "line 4: did not find expected node content",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: [a,,b]\n",
      "line 4: did not find expected node content",
    ],
    [
      "a: 1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: [,a]\n",
      "line 4: did not find expected node content",
    ],
    ["a: |\n   b\n  c\n d\n", "line 2: did not find expected key"],
    ["a: \u0001\n", "control characters are not allowed"],
    ["kind: [\n", "line 1: did not find expected node content"],
    ["kind: ConfigMap\nkind: ConfigMap\n  a: b\n", "line 3: mapping values are not allowed in this context"],
    ["a: &\n", "did not find expected alphabetic or numeric character"],
    ["a: & b\n", "did not find expected alphabetic or numeric character"],
    ["a: *\n", "did not find expected alphabetic or numeric character"],
    ['a: "\\x1"\n', "did not find expected hexdecimal number"],
    ["a: ! x\n  y: z\n", "line 2: mapping values are not allowed in this context"],
    ["&a a: b\n*a : [c\n", "line 2: did not find expected ',' or ']'"],
    ["a: - b\n", "block sequence entries are not allowed in this context"],
    ["- - a\n - b\n", "line 1: did not find expected '-' indicator"],
    ["a: ? b\n", "mapping keys are not allowed in this context"],
    ["a: 'b' c: d\n", "did not find expected key"],
    ["a:\n  - b\n - c\n", "line 2: did not find expected key"],
    ["a: [b\n  c: d\n]\n", "line 1: did not find expected ',' or ']'"],
    ["key: [a, b]: c\n", "mapping values are not allowed in this context"],
    ["a: {b: c}: d\n", "mapping values are not allowed in this context"],
    ["{a: b\n}: c: d\n", "line 2: mapping values are not allowed in this context"],
    ["a: >-x\n", "did not find expected comment or line break"],
    ['a: "b\n---\nc"\n', "line 2: found unexpected document indicator"],
    ["--- a: b\n", "mapping values are not allowed in this context"],
    ["a: |\n\tb\n", "line 2: found a tab character where an indentation space is expected"],
    ["a: b\n\t\n", "line 2: found a tab character that violates indentation"],
    ["a:\t- b\n", "block sequence entries are not allowed in this context"],
    ["-\ta: b\n\tc: d\n", "found character that cannot start any token"],
    ['a: "\\ud800"\n', "found invalid Unicode character escape code"],
    ["a:\n    - b\n  - c\n", "line 2: did not find expected key"],
  ])("says of %j what Go says", (text, fault) => {
    expect(diagnoseYaml(text)).toEqual({ fault });
  });

  it.each([
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  a: &x b\n  c: &x d\n",
    "{a: b}}\n",
    "[a]]\n",
    "a: b\n---\nc: [\n",
    "a: b\n...\nc: d\n",
    "just text\n",
    "- a\n- b\n",
    "5\n",
    "",
    "\n",
    "~\n",
    "null\n",
    "# c\n",
    "true\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {a: b, c}\n",
    "a:\n  b\n c\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {a b c: d\n, e}\n",
    "1: 2\n1.5: x\ntrue: y\n~: z\n",
    "kind: {a: b}\n",
    "apiVersion: 5\n",
    "---\na: b\n--- \n- x: [\n",
  ])("finds nothing wrong with the first document of %j", (text) => {
    expect(diagnoseYaml(text)).toHaveProperty("end");
  });

  it("tells where the first document ends", () => {
    expect(diagnoseYaml("a: b\n---\nc: [\n")).toEqual({ end: 5 });
  });

  it("gives up on what is too deep to follow, and takes a long text in its stride", () => {
    expect(diagnoseYaml("[".repeat(100_000))).toBeUndefined();
    expect(diagnoseYaml(`${"- ".repeat(100_000)}a`)).toBeUndefined();
    expect(diagnoseYaml(`a: ${"b:b ".repeat(200_000)}\n c: [`)).toHaveProperty("fault");
    expect(diagnoseYaml(`'${"b".repeat(1_000_000)}`)).toEqual({ fault: "found unexpected end of stream" });
  });
});
