import { printYaml } from "../../../src/apimachinery/yaml.ts";
import type { Dice } from "./dice.ts";

/** Pieces of YAML that mean more than they look. */
const oddPieces: readonly string[] = [
  "a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\n" +
    "e: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f]\n" +
    "h: &h [*g,*g,*g,*g,*g,*g,*g,*g]\ni: [*h,*h,*h,*h,*h,*h,*h,*h]\n",
  "loop: &l\n  self: *l\n",
  "data: &d {a: b}\nlabels:\n  <<: *d\n",
  "<<: [{a: b}, {a: c}]\n",
  "<<: 5\n",
  "x: *missing\n",
  "x: !!binary AAAA\n",
  "x: !!binary '*'\n",
  'x: !!js/function "function(){}"\n',
  "x: !!python/object/apply:os.system [ls]\n",
  "x: !<tag:yaml.org,2002:set> {a, b}\n",
  "x: !!float abc\n",
  "x: !!int '0o17'\n",
  "x: 0o17\ny: 017\nz: 1_000\nw: 0b11\n",
  "x: .inf\ny: -.inf\nz: .nan\n",
  "x: 2026-01-01\ny: 12:30:45\n",
  "x: yes\ny: on\nz: ~\n",
  "? [complex, key]\n: value\n",
  "? {a: b}\n: value\n",
  "1: number\ntrue: bool\nnull: nothing\n1.5: float\n",
  "x: |\n  text\n y: wrong\n",
  "x: >-9\n  text\n",
  "\tx: tab\n",
  "--- # two\na: 1\n---\nb: 2\n",
  "%YAML 9.9\n---\na: 1\n",
  "%TAG ! tag:x,2026:\n---\n!y {}\n",
  "...\n",
  "{a: [b, {c: d}\n",
  "- - - - - - x\n",
  "x: 'unterminated\n",
  'x: "\\xZZ"\n',
  "x: \u0000\n",
  "metadata: {name: a}\nmetadata: {name: b}\n",
  `${"[".repeat(10_000)}\n`,
  `${"- ".repeat(10_000)}x\n`,
  `${"? ".repeat(3_000)}x\n`,
  `${Array.from({ length: 500 }, (_, n) => `${" ".repeat(n)}a:`).join("\n")} 1\n`,
  `x: ${"&a ".repeat(1000)}1\n`,
  `x: ${'"\\n'.repeat(3000)}"\n`,
];

/** The object as YAML, with a piece that may not fit in front, behind or in its place. */
export function yamlBody(dice: Dice, object: unknown, isOdd: boolean): string {
  const text = dice.percent(70) ? printable(object) : JSON.stringify(object);
  if (!isOdd) return text;
  const piece = dice.pick(oddPieces);
  return dice.weighted([
    [3, text + piece],
    [2, piece + text],
    [1, piece],
    [1, text.replace(/: (.*)\n/, `: ${piece.replace(/^\w+: /, "")}`)],
  ]);
}

/** Lone surrogates and the like have no form in YAML. */
function printable(object: unknown): string {
  try {
    return printYaml(object);
  } catch {
    return JSON.stringify(object);
  }
}
