/** How YAML 1.1 reads plain scalars that are no strings, as sigs.k8s.io/yaml does. */
export const yamlBooleans = new Map<string, boolean>([
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map(
    (word): [string, boolean] => [word, true],
  ),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map(
    (word): [string, boolean] => [word, false],
  ),
]);
export const yamlNulls = new Set(["", "~", "null", "Null", "NULL"]);
export const yamlNotFinite = new Map<string, number>([
  [".nan", Number.NaN],
  [".NaN", Number.NaN],
  [".NAN", Number.NaN],
  ...["", "+"].flatMap((sign) =>
    [".inf", ".Inf", ".INF"].map((word): [string, number] => [sign + word, Number.POSITIVE_INFINITY]),
  ),
  ...[".inf", ".Inf", ".INF"].map((word): [string, number] => [`-${word}`, Number.NEGATIVE_INFINITY]),
]);

/** strconv.ParseInt with base 0, after underscores are taken out. */
export function parseYamlInteger(source: string): number | undefined {
  const [sign, digits] = integerParts(source) ?? [];
  if (digits === undefined) return undefined;
  const magnitude = Number(digits);
  return sign === "-" && magnitude !== 0 ? -magnitude : magnitude;
}

/** The same, with a bigint for what a number cannot hold and 64 bits can. */
export function parseYamlIntegerExactly(source: string): number | bigint | undefined {
  const value = parseYamlInteger(source);
  if (value === undefined || Number.isSafeInteger(value)) return value;
  const [sign, digits = ""] = integerParts(source) ?? [];
  const exact = sign === "-" ? -BigInt(digits) : BigInt(digits);
  return BigInt.asIntN(64, exact) === exact ? exact : value;
}

/** The sign, and the digits as JavaScript writes them. */
function integerParts(source: string): [sign: string, digits: string] | undefined {
  const text = source.replaceAll("_", "");
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$/.exec(text);
  if (match === null) return undefined;
  const [, sign = "", digits = ""] = match;
  return [sign, /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits];
}

const floatPattern = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

export function parseYamlFloat(source: string): number | undefined {
  const special = yamlNotFinite.get(source);
  if (special !== undefined) return special;
  const text = source.replaceAll("_", "");
  return floatPattern.test(text) ? Number(text) : undefined;
}
