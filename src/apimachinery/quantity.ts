/**
 * Fixed-point numbers with a unit, as in `500m` CPU or `1Gi` memory. Syntax, canonical form and rounding mirror
 * k8s.io/apimachinery/pkg/api/resource: the kind of suffix is remembered and nothing is finer than a billionth.
 *
 * The amount is held in billionths as a bigint, so that no sum loses precision.
 */
export type QuantityFormat = "DecimalSI" | "BinarySI" | "DecimalExponent";

const pattern = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/;

const formatMessage =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const suffixMessage = "unable to parse quantity's suffix";

const decimalExponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binaryExponents: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const decimalSuffixes = new Map(
  Object.entries(decimalExponents).map(([suffix, exponent]) => [exponent, suffix]),
);
const binarySuffixes = new Map(
  Object.entries(binaryExponents).map(([suffix, exponent]) => [exponent, suffix]),
);

/** Amounts below this have no suffix or one that canonical form keeps: nothing to compute. */
const surelyCanonical = /^[1-9][0-9]{0,2}(?:[KMGTP]i|[mkMGTPE])?$/;

/** Exponents beyond this are refused: a number of that length is an attack, not an amount. */
const maxExponent = 100;

const billion = 1_000_000_000n;
const maxBinary = (2n ** 63n - 1n) * billion;

/** Pods ask for the same few amounts, each is read a dozen times on the way, and a quantity never changes. */
const parsed = new Map<string, Quantity>();
const parsedMax = 1_000;
const parsedLengthMax = 20;

export class Quantity {
  /** The amount in billionths. */
  readonly nanos: bigint;
  readonly format: QuantityFormat;
  /** The canonical text, once known. */
  #text: string | undefined;

  constructor(nanos: bigint, format: QuantityFormat, text?: string) {
    this.nanos = nanos;
    this.format = format;
    this.#text = text;
  }

  /** Throws an Error with Kubernetes' wording for what is not a quantity. */
  static parse(input: string | number): Quantity {
    const known = typeof input === "string" ? parsed.get(input) : undefined;
    if (known !== undefined) return known;
    const quantity = Quantity.#read(typeof input === "number" ? formatNumber(input) : input.trim());
    if (typeof input === "string" && input.length <= parsedLengthMax) {
      if (parsed.size >= parsedMax) parsed.clear();
      parsed.set(input, quantity);
    }
    return quantity;
  }

  static #read(text: string): Quantity {
    const match = text === "" ? null : pattern.exec(text);
    if (match === null) throw new Error(formatMessage);
    const [, sign, whole = "", fraction = "", suffix = ""] = match;
    const { base, exponent, format } = interpretSuffix(suffix);
    const digits = BigInt(`${whole}${fraction}` || "0");
    const magnitude = scaleToNanos(digits, fraction.length, base, exponent);
    const capped = base === 2 && magnitude > maxBinary ? maxBinary : magnitude;
    const shown = base === 2 && capped < billion ? "DecimalSI" : format;
    return new Quantity(sign === "-" ? -capped : capped, shown);
  }

  static fromInteger(value: bigint | number, format: QuantityFormat = "DecimalSI"): Quantity {
    return new Quantity(BigInt(value) * billion, format);
  }

  static fromMilli(value: bigint | number, format: QuantityFormat = "DecimalSI"): Quantity {
    return new Quantity(BigInt(value) * 1_000_000n, format);
  }

  /** Negative, zero or positive, as a comparator of sort. */
  compare(other: Quantity): number {
    return this.nanos < other.nanos ? -1 : this.nanos > other.nanos ? 1 : 0;
  }

  add(other: Quantity): Quantity {
    return new Quantity(this.nanos + other.nanos, this.isZero() ? other.format : this.format);
  }

  sub(other: Quantity): Quantity {
    return new Quantity(this.nanos - other.nanos, this.isZero() ? other.format : this.format);
  }

  isZero(): boolean {
    return this.nanos === 0n;
  }

  /** Thousandths, rounded away from zero. */
  milliValue(): bigint {
    return divideUp(this.nanos, 1_000_000n);
  }

  /** Whole units, rounded away from zero. */
  value(): bigint {
    return divideUp(this.nanos, billion);
  }

  /** An approximation, for ratios. */
  toNumber(): number {
    return Number(this.nanos) / 1e9;
  }

  /** Rounded away from zero to whole thousandths, as resource lists are. */
  roundUpToMilli(): Quantity {
    return this.nanos % 1_000_000n === 0n ? this : new Quantity(this.milliValue() * 1_000_000n, this.format);
  }

  /** The canonical form: no fraction, the largest suffix that loses nothing. */
  toString(): string {
    this.#text ??= canonicalText(this.nanos, this.format);
    return this.#text;
  }

  toJSON(): string {
    return this.toString();
  }
}

/** The quantity, or undefined for what is none. */
export function tryParseQuantity(input: unknown): Quantity | undefined {
  if (typeof input !== "string" && typeof input !== "number") return undefined;
  try {
    return Quantity.parse(input);
  } catch {
    return undefined;
  }
}

/** The canonical form of a quantity's text: `0.5` → `500m`, `1024Mi` → `1Gi`. Throws for what is no quantity. */
export function canonicalQuantity(input: string | number): string {
  if (input === "0" || (typeof input === "string" && surelyCanonical.test(input))) return input;
  return Quantity.parse(input).toString();
}

/** JSON numbers that print with an exponent lose their plus sign: `1e+21`. */
function formatNumber(value: number): string {
  return String(value).replace("e+", "e");
}

function interpretSuffix(suffix: string): { base: 2 | 10; exponent: number; format: QuantityFormat } {
  const decimal = decimalExponents[suffix];
  if (decimal !== undefined) return { base: 10, exponent: decimal, format: "DecimalSI" };
  const binary = binaryExponents[suffix];
  if (binary !== undefined) return { base: 2, exponent: binary, format: "BinarySI" };
  const exponent = /^[eE]([+-]?[0-9]+)$/.exec(suffix)?.[1];
  if (exponent === undefined || Math.abs(Number(exponent)) > maxExponent) throw new Error(suffixMessage);
  return { base: 10, exponent: Number(exponent), format: "DecimalExponent" };
}

function scaleToNanos(digits: bigint, fractionDigits: number, base: 2 | 10, exponent: number): bigint {
  const scaled = base === 2 ? digits * 2n ** BigInt(exponent) : digits;
  const power = 9 - fractionDigits + (base === 10 ? exponent : 0);
  return power >= 0 ? scaled * 10n ** BigInt(power) : divideUp(scaled, 10n ** BigInt(-power));
}

/** Division that rounds away from zero. */
function divideUp(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  if (quotient * divisor === value) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}

function canonicalText(nanos: bigint, format: QuantityFormat): string {
  if (nanos === 0n) return "0";
  const isWhole = nanos % billion === 0n;
  const units = nanos / billion;
  if (format === "BinarySI" && isWhole && (units >= 1024n || units <= -1024n)) return binaryText(units);
  return decimalText(nanos, format === "DecimalExponent" ? format : "DecimalSI");
}

function binaryText(units: bigint): string {
  let mantissa = units;
  let exponent = 0;
  while (exponent < 60 && mantissa % 1024n === 0n) {
    mantissa /= 1024n;
    exponent += 10;
  }
  return `${mantissa}${binarySuffixes.get(exponent) ?? ""}`;
}

function decimalText(nanos: bigint, format: QuantityFormat): string {
  let mantissa = nanos;
  let exponent = -9;
  const maximum = format === "DecimalSI" ? 18 : Number.POSITIVE_INFINITY;
  while (exponent < maximum && mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    exponent += 3;
  }
  if (format === "DecimalSI") return `${mantissa}${decimalSuffixes.get(exponent) ?? ""}`;
  return exponent === 0 ? String(mantissa) : `${mantissa}e${exponent}`;
}
