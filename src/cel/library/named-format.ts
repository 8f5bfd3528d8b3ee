import {
  dns1035LabelErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  labelValueErrors,
  qualifiedNameErrors,
} from "../../apimachinery/names.ts";
import { parseDate } from "../eval/time.ts";
import type { CelType } from "../types.ts";
import { ArrayList, type CelErr, CelOpaque, CelOptional, type CelValue } from "../values.ts";
import { type FunctionDeclaration, noSuchOverload, onText, Signatures } from "./declare.ts";
import { parseRequestUrl } from "./go-url.ts";

/** Named formats: `format.dns1123Label().validate(name)` gives what is wrong, or nothing. */
export const formatType: CelType = { kind: "struct", name: "kubernetes.NamedFormat", params: [] };

const s = new Signatures({ format: formatType });

class FormatValue extends CelOpaque {
  readonly type = formatType;
  readonly name: string;
  readonly validate: (text: string) => readonly string[];
  readonly #regexSize: number;

  constructor(name: string, regexSize: number, validate: (text: string) => readonly string[]) {
    super();
    this.name = name;
    this.#regexSize = regexSize;
    this.validate = validate;
  }

  override equals(other: CelValue): boolean | CelErr {
    return other instanceof FormatValue ? other.name === this.name : noSuchOverload;
  }

  /** The length of the regular expression that a check stands for: costs ask for it by a name that no one can write. */
  override field(name: string): CelValue | undefined {
    return name === "@maxRegexSize" ? this.#regexSize : undefined;
  }
}

/** A prefix of a generated name may end with a dash. */
const asPrefix =
  (errors: (text: string) => string[]) =>
  (text: string): string[] =>
    errors(text.length > 1 && text.endsWith("-") ? `${text.slice(0, -1)}a` : text);

const matching =
  (pattern: RegExp, message: string) =>
  (text: string): string[] =>
    pattern.test(text) ? [] : [message];

function isDateTime(text: string): boolean {
  const [date = "", time = ""] = text.toLowerCase().split("t");
  const match = /^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$/u.exec(time);
  if (text.length < 4 || parseDate(date) === undefined || match === null) return false;
  const [, hour = "", minute = "", second = ""] = match;
  return hour <= "23" && minute <= "59" && second <= "59";
}

/** The lengths of the patterns that Kubernetes checks with: what a check costs. */
const dateTimeSize = String.raw`^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$`
  .length;
const uuidSize = String.raw`(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$`.length;

const formats: Readonly<Record<string, FormatValue>> = {
  dns1123Label: new FormatValue("DNS1123Label", 30, dns1123LabelErrors),
  dns1123Subdomain: new FormatValue("DNS1123Subdomain", 60, dns1123SubdomainErrors),
  dns1035Label: new FormatValue("DNS1035Label", 30, dns1035LabelErrors),
  qualifiedName: new FormatValue("QualifiedName", 60, qualifiedNameErrors),
  dns1123LabelPrefix: new FormatValue("DNS1123LabelPrefix", 30, asPrefix(dns1123LabelErrors)),
  dns1123SubdomainPrefix: new FormatValue("DNS1123SubdomainPrefix", 60, asPrefix(dns1123SubdomainErrors)),
  dns1035LabelPrefix: new FormatValue("DNS1035LabelPrefix", 30, asPrefix(dns1035LabelErrors)),
  labelValue: new FormatValue("LabelValue", 40, labelValueErrors),
  uri: new FormatValue("URI", 1103, (text) => {
    const url = parseRequestUrl(text);
    return typeof url === "string" ? [url] : [];
  }),
  uuid: new FormatValue(
    "uuid",
    uuidSize,
    matching(
      /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/iu,
      "does not match the UUID format",
    ),
  ),
  byte: new FormatValue(
    "byte",
    84,
    matching(
      /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/u,
      "invalid base64",
    ),
  ),
  date: new FormatValue("date", dateTimeSize, (text) =>
    parseDate(text) === undefined ? ["invalid date"] : [],
  ),
  datetime: new FormatValue("datetime", dateTimeSize, (text) =>
    isDateTime(text) ? [] : ["invalid datetime"],
  ),
};

export const formatFunctions: readonly FunctionDeclaration[] = [
  s.fn("validate", {
    "format-validate: format.(string) -> optional<list<string>>": (format, text) => {
      if (!(format instanceof FormatValue) || typeof text !== "string") return noSuchOverload;
      const errors = format.validate(text);
      return errors.length === 0 ? CelOptional.none : new CelOptional(new ArrayList(errors));
    },
  }),
  s.fn("format.named", {
    "format-named: (string) -> optional<format>": onText((name) => {
      const format = Object.hasOwn(formats, name) ? formats[name] : undefined;
      return format === undefined ? CelOptional.none : new CelOptional(format);
    }),
  }),
  ...Object.entries(formats).map(([name, format]) =>
    s.fn(`format.${name}`, { [`format.${name}: () -> format`]: () => format }),
  ),
];
