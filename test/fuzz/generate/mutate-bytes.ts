import type { Dice } from "./dice.ts";

/** Tokens of JSON (YAML takes most of them) that readers stumble over. */
const oddTokens: readonly ((dice: Dice) => string)[] = [
  () => "1e400",
  () => "-1e400",
  () => "-0",
  () => "9007199254740993",
  () => "9223372036854775807",
  () => "9223372036854775808",
  () => "-9223372036854775809",
  () => "1.0000000000000000000000001",
  () => "0".repeat(50),
  () => "01",
  () => "1.",
  () => ".5",
  () => "+1",
  () => "0x10",
  () => "NaN",
  () => "Infinity",
  () => "1".repeat(5000),
  () => `1e-${"9".repeat(30)}`,
  () => "null",
  () => "true",
  () => "{}",
  () => "[]",
  () => '""',
  () => "'x'",
  () => '"\\ud800"',
  () => '"\\udc00\\ud800"',
  () => '"\\u0000"',
  () => '"\\x"',
  () => '"\\u12"',
  () => '"\u0001"',
  () => '"\ufeff"',
  () => "/* x */ 1",
  () => "undefined",
  () => nested(10_000, "[", "]"),
  () => nested(10_000, '{"a":', "}", "1"),
  () => nested(100_000, "[", ""),
  () => nested(5_000, '{"properties":{"a":', "}}", "1"),
  (dice) => JSON.stringify("x".repeat(dice.pick([300, 70_000, 300_000]))),
  (dice) => `[${Array.from({ length: dice.pick([1000, 20_000]) }, (_, n) => n).join(",")}]`,
  () => `{${Array.from({ length: 5000 }, (_, n) => `"k${n}":"v"`).join(",")}}`,
  () => '{"__proto__":{"polluted":true}}',
  () => '{"constructor":{"prototype":{"polluted":true}}}',
];

/** Costly ones are rare: they prove the same with each request. */
const cheapTokens = oddTokens.slice(0, 33);
const oddToken = (dice: Dice): string =>
  (dice.percent(8) ? dice.pick(oddTokens) : dice.pick(cheapTokens))(dice);

const nested = (depth: number, open: string, close: string, inside = ""): string =>
  `${open.repeat(depth)}${inside}${close.repeat(depth)}`;

const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null|[{}[\],:]/g;
const keyToken = /"(?:[^"\\]|\\.)*":/g;

/** Breaks or bends JSON text in one place. */
export function mutateText(dice: Dice, text: string): string {
  return dice.weighted<() => string>([
    [4, () => replaceToken(dice, text)],
    [2, () => repeatKey(dice, text)],
    [1, () => `\ufeff${text}`],
    [1, () => `${text}${dice.pick(["", " ", "\n", "x", "}", "]", "\u0000", text, "//"])}`],
    [1, () => oddToken(dice)],
    [1, () => text.replaceAll('"', dice.pick(["'", "", '"', '\\"']))],
  ])();
}

function replaceToken(dice: Dice, text: string): string {
  const found = [...text.matchAll(token)];
  if (found.length === 0) return oddToken(dice);
  const { index, 0: old } = dice.pick(found);
  return text.slice(0, index) + oddToken(dice) + text.slice(index + old.length);
}

function repeatKey(dice: Dice, text: string): string {
  const found = [...text.matchAll(keyToken)];
  if (found.length === 0) return text;
  const { index, 0: key } = dice.pick(found);
  return `${text.slice(0, index)}${key}${oddToken(dice)},${text.slice(index)}`;
}

/** Changes bytes without regard to what they mean. */
export function mutateBytes(dice: Dice, bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes);
  if (copy.length === 0) return dice.bytes(dice.below(40));
  const at = dice.below(copy.length);
  return dice.weighted<() => Uint8Array>([
    [4, () => flip(dice, copy)],
    [3, () => copy.subarray(0, at)],
    [1, () => copy.subarray(at)],
    [2, () => Buffer.concat([copy.subarray(0, at), dice.bytes(1 + dice.below(8)), copy.subarray(at)])],
    [1, () => Buffer.concat([copy.subarray(0, at), copy.subarray(0, 5000), copy.subarray(at)])],
    [
      1,
      () =>
        Buffer.concat([copy.subarray(0, at), Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0]), copy.subarray(at)]),
    ],
    [1, () => copy.fill(dice.below(256), at, Math.min(copy.length, at + 1 + dice.below(16)))],
    [1, () => dice.bytes(dice.below(200))],
  ])();
}

function flip(dice: Dice, bytes: Buffer): Buffer {
  for (let left = 1 + dice.below(4); left > 0; left--) {
    const at = dice.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
  }
  return bytes;
}
