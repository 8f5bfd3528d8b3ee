import type { CelType } from "../types.ts";
import { CelErr, CelOpaque, type CelValue, intValue, maxUint } from "../values.ts";
import { type FunctionDeclaration, type Implementation, noSuchOverload, Signatures } from "./declare.ts";
import { goQuote } from "./text-format.ts";

/** Semantic versions: `semver('1.2.3').isLessThan(semver('2.0.0'))`. Messages are those of blang/semver. */
export const semverType: CelType = { kind: "struct", name: "kubernetes.Semver", params: [] };

const s = new Signatures({ semver: semverType });

interface Version {
  /** major, minor, patch */
  readonly numbers: readonly bigint[];
  readonly prerelease: readonly (string | bigint)[];
  readonly text: string;
}

class SemverValue extends CelOpaque {
  readonly type = semverType;
  readonly version: Version;

  constructor(version: Version) {
    super();
    this.version = version;
  }

  override equals(other: CelValue): boolean | CelErr {
    return other instanceof SemverValue ? compareVersions(this.version, other.version) === 0 : noSuchOverload;
  }

  override toJson(): unknown {
    return this.version.text;
  }
}

function order(a: bigint | string, b: bigint | string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function compareVersions(a: Version, b: Version): number {
  for (const [index, number] of a.numbers.entries()) {
    const result = order(number, b.numbers[index] ?? 0n);
    if (result !== 0) return result;
  }
  // A version with a prerelease comes before the one without.
  if (a.prerelease.length === 0 || b.prerelease.length === 0) {
    return Math.sign(b.prerelease.length) - Math.sign(a.prerelease.length);
  }
  for (const [index, part] of a.prerelease.entries()) {
    const other = b.prerelease[index];
    if (other === undefined) return 1;
    const result = comparePrerelease(part, other);
    if (result !== 0) return result;
  }
  return a.prerelease.length === b.prerelease.length ? 0 : -1;
}

/** Numbers come before words. */
function comparePrerelease(a: string | bigint, b: string | bigint): number {
  if (typeof a !== typeof b) return typeof a === "bigint" ? -1 : 1;
  return order(a, b);
}

function parseNumber(text: string, name: string): bigint | CelErr {
  if (!/^[0-9]*$/u.test(text) || text === "") {
    if (text !== "")
      return new CelErr(`Invalid character(s) found in ${name.toLowerCase()} number ${goQuote(text)}`);
    return new CelErr('strconv.ParseUint: parsing "": invalid syntax');
  }
  if (text.length > 1 && text.startsWith("0")) {
    return new CelErr(`${name} number must not contain leading zeroes ${goQuote(text)}`);
  }
  return parseUint(text);
}

function parseUint(text: string): bigint | CelErr {
  const value = BigInt(text);
  return value > maxUint
    ? new CelErr(`strconv.ParseUint: parsing ${goQuote(text)}: value out of range`)
    : value;
}

function parsePrerelease(text: string): string | bigint | CelErr {
  if (text === "") return new CelErr("Prerelease is empty");
  if (/^[0-9]+$/u.test(text)) {
    if (text.length > 1 && text.startsWith("0")) {
      return new CelErr(`Numeric PreRelease version must not contain leading zeroes ${goQuote(text)}`);
    }
    return parseUint(text);
  }
  return /^[0-9A-Za-z-]+$/u.test(text)
    ? text
    : new CelErr(`Invalid character(s) found in prerelease ${goQuote(text)}`);
}

function cut(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** Splits at the first two dots: the rest belongs to the third part. */
function threeParts(text: string): string[] {
  const [first, rest] = cut(text, ".");
  if (rest === undefined) return [first];
  const [second, third] = cut(rest, ".");
  return third === undefined ? [first, second] : [first, second, third];
}

function parse(text: string): SemverValue | CelErr {
  if (text === "") return new CelErr("Version string empty");
  const [major, minor, rest] = threeParts(text);
  if (major === undefined || minor === undefined || rest === undefined) {
    return new CelErr("No Major.Minor.Patch elements found");
  }
  const [beforeBuild, build] = cut(rest, "+");
  const [patch, pre] = cut(beforeBuild, "-");
  const numbers: bigint[] = [];
  for (const [number, name] of [
    [major, "Major"] as const,
    [minor, "Minor"] as const,
    [patch, "Patch"] as const,
  ]) {
    const parsed = parseNumber(number, name);
    if (parsed instanceof CelErr) return parsed;
    numbers.push(parsed);
  }
  const prerelease: (string | bigint)[] = [];
  for (const part of pre?.split(".") ?? []) {
    const parsed = parsePrerelease(part);
    if (parsed instanceof CelErr) return parsed;
    prerelease.push(parsed);
  }
  for (const part of build?.split(".") ?? []) {
    if (part === "") return new CelErr("Build meta data is empty");
    if (!/^[0-9A-Za-z-]+$/u.test(part)) {
      return new CelErr(`Invalid character(s) found in build meta data ${goQuote(part)}`);
    }
  }
  return new SemverValue({ numbers, prerelease, text });
}

/** Takes what people write: a leading `v`, leading zeros, missing parts. */
function normalize(text: string): string | CelErr {
  const parts = threeParts(text.replace(/^v/u, "")).map((part) => {
    if (part.length < 2) return part;
    const stripped = part.replace(/^0+/u, "");
    return /^[0-9]/u.test(stripped) ? stripped : `0${stripped}`;
  });
  if (parts.length < 3 && /[+-]/u.test(parts.at(-1) ?? "")) {
    return new CelErr("short version cannot contain PreRelease/Build meta data");
  }
  while (parts.length < 3) parts.push("0");
  return parts.join(".");
}

function read(text: CelValue, normalized: CelValue): SemverValue | CelErr {
  if (typeof text !== "string" || typeof normalized !== "boolean") return noSuchOverload;
  const version = normalized ? normalize(text) : text;
  return version instanceof CelErr ? version : parse(version);
}

const toSemver: Implementation = (text = null, normalized = false) => read(text, normalized);
const isSemver: Implementation = (text = null, normalized = false) =>
  !(read(text, normalized) instanceof CelErr);

const compareAs =
  (of: (order: number) => CelValue): Implementation =>
  (a, b) =>
    a instanceof SemverValue && b instanceof SemverValue
      ? of(compareVersions(a.version, b.version))
      : noSuchOverload;

const part =
  (index: number): Implementation =>
  (value) =>
    value instanceof SemverValue ? (intValue(value.version.numbers[index] ?? 0n) ?? 0) : noSuchOverload;

export const semverFunctions: readonly FunctionDeclaration[] = [
  s.fn("semver", {
    "string_to_semver: (string) -> semver": toSemver,
    "string_bool_to_semver: (string, bool) -> semver": toSemver,
  }),
  s.fn("isSemver", {
    "is_semver_string: (string) -> bool": isSemver,
    "is_semver_string_bool: (string, bool) -> bool": isSemver,
  }),
  s.fn("isGreaterThan", {
    "semver_is_greater_than: semver.(semver) -> bool": compareAs((order) => order > 0),
  }),
  s.fn("isLessThan", { "semver_is_less_than: semver.(semver) -> bool": compareAs((order) => order < 0) }),
  s.fn("compareTo", { "semver_compare_to: semver.(semver) -> int": compareAs((order) => order) }),
  s.fn("major", { "semver_major: semver.() -> int": part(0) }),
  s.fn("minor", { "semver_minor: semver.() -> int": part(1) }),
  s.fn("patch", { "semver_patch: semver.() -> int": part(2) }),
];
