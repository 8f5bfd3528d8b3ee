import { resolveSchema, type Schema } from "../../../src/apimachinery/schema.ts";
import type { Dice } from "./dice.ts";
import { scheme } from "./kinds.ts";

/** Texts that somewhere mean something: names, quantities, selectors, times, paths, and what breaks each of them. */
export const oddTexts: readonly string[] = [
  "",
  " ",
  "a",
  "fz-0",
  "A_B",
  "-",
  "..",
  "/",
  "../../etc/passwd",
  "a/b",
  "example.com/x",
  "0",
  "-1",
  "1",
  "1k",
  "1Ki",
  "1e3",
  "1E400",
  "9".repeat(400),
  "100m",
  "0.0000000001",
  "100%",
  "-5%",
  "101%",
  "99999999999999999999%",
  "true",
  "null",
  "2026-01-01T00:00:00Z",
  "2026-13-45T99:99:99Z",
  "0000-00-00T00:00:00Z",
  "9999-12-31T23:59:59.999999999+23:59",
  "10.0.0.1",
  "10.96.0.0/16",
  "::1",
  "fe80::1%eth0",
  "300.1.1.1",
  "10.0.0.0/99",
  "* * * * *",
  "@every 1ns",
  "@hourly",
  "TZ=Mars/Phobos 0 0 * * *",
  "0 0 31 2 *",
  "*/0 * * * *",
  "1-100000000 * * * *",
  "[a-z",
  "(a+)+$",
  "${x}",
  "$(A)",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "\u0000",
  "\ufeff",
  "\ud800",
  "\u202e",
  "é".repeat(300),
  "x".repeat(64),
  "x".repeat(254),
  "a.".repeat(130),
  "web:latest@sha256:0",
  "http://[::1",
  "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  "====",
  "TCP",
  "Always",
  "None",
  "Delete",
  "ClusterIP",
  "ExternalName",
  "app in (a,b),!c",
];

export const oddNumbers: readonly number[] = [
  0, -1, 1, 2, 80, 65_535, 65_536, 2_147_483_647, 2_147_483_648, -2_147_483_649, 9_007_199_254_740_991, 0.5,
  1e21, 1e300, -0.1,
];

/** A value of any type. */
export function anyValue(dice: Dice, depth = 0): unknown {
  return dice.weighted<() => unknown>([
    [3, () => null],
    [4, () => dice.pick(oddTexts)],
    [3, () => dice.pick(oddNumbers)],
    [1, () => dice.percent(50)],
    [1, () => []],
    [1, () => ({})],
    [depth < 3 ? 2 : 0, () => Array.from({ length: 1 + dice.below(3) }, () => anyValue(dice, depth + 1))],
    [depth < 3 ? 2 : 0, () => ({ [dice.pick(oddTexts)]: anyValue(dice, depth + 1) })],
  ])();
}

/** A value as the schema wants it, mostly: few of its fields are filled in. */
export function valueOf(dice: Dice, schema: Schema | undefined, depth = 0): unknown {
  const found = resolveSchema(scheme.schemas, schema);
  if (found === undefined || dice.percent(4)) return anyValue(dice, depth);
  if (found.enum !== undefined && dice.percent(80)) return dice.pick(found.enum);
  if (found.intOrString === true || found.format === "int-or-string") {
    return dice.percent(50) ? dice.pick(oddNumbers) : dice.pick(oddTexts);
  }
  switch (found.type) {
    case "string":
      return dice.percent(30) ? "a" : dice.pick(oddTexts);
    case "integer":
    case "number":
      return dice.percent(50) ? dice.below(5) : dice.pick(oddNumbers);
    case "boolean":
      return dice.percent(50);
    case "array":
      return Array.from({ length: depth > 6 ? 0 : dice.below(3) }, () =>
        valueOf(dice, found.items, depth + 1),
      );
    default:
      return objectOf(dice, found, depth);
  }
}

function objectOf(dice: Dice, schema: Schema, depth: number): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  if (depth > 7) return object;
  const names = Object.keys(schema.properties ?? {});
  for (const name of schema.required ?? []) {
    if (dice.percent(90)) object[name] = valueOf(dice, schema.properties?.[name], depth + 1);
  }
  for (let left = names.length === 0 ? 0 : dice.below(4); left > 0; left--) {
    const name = dice.pick(names);
    object[name] = valueOf(dice, schema.properties?.[name], depth + 1);
  }
  if (schema.values !== undefined) {
    for (let left = dice.below(3); left > 0; left--) {
      object[dice.pick(oddTexts)] = valueOf(dice, schema.values, depth + 1);
    }
  }
  return object;
}
