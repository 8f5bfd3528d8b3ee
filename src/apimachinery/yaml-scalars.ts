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
  const text = source.replaceAll("_", "");
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$/.exec(text);
  if (match === null) return undefined;
  const [, sign, digits = ""] = match;
  const octal = /^0[0-7]+$/.test(digits);
  const magnitude = Number(octal ? `0o${digits.slice(1)}` : digits);
  return sign === "-" && magnitude !== 0 ? -magnitude : magnitude;
}

const floatPattern = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

export function parseYamlFloat(source: string): number | undefined {
  const special = yamlNotFinite.get(source);
  if (special !== undefined) return special;
  const text = source.replaceAll("_", "");
  return floatPattern.test(text) ? Number(text) : undefined;
}
