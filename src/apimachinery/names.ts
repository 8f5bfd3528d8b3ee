/**
 * The syntax of names. Each function returns messages worded as k8s.io/apimachinery/pkg/util/validation words them;
 * an empty list means valid. Lengths count UTF-8 bytes.
 */
const dns1123Label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const dns1123LabelUnderscore = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const dns1123Subdomain = `${dns1123Label}(\\.${dns1123Label})*`;
const dns1123SubdomainUnderscore = `${dns1123LabelUnderscore}(\\.${dns1123LabelUnderscore})*`;
const dns1035Label = "[a-z]([-a-z0-9]*[a-z0-9])?";
const wildcardSubdomain = `\\*\\.${dns1123Subdomain}`;
const labelKey = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const labelValue = `(${labelKey})?`;
const cIdentifier = "[A-Za-z_][A-Za-z0-9_]*";
const percent = "[0-9]+%";
const envVarName = "[-._a-zA-Z][-._a-zA-Z0-9]*";
const configMapKey = "[-._a-zA-Z0-9]+";
const httpHeaderName = "[-A-Za-z0-9]+";
const httpPath = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";

const whole = (source: string): RegExp => new RegExp(`^(?:${source})$`);
const dns1123LabelPattern = whole(dns1123Label);
const dns1123SubdomainPattern = whole(dns1123Subdomain);
const dns1123SubdomainUnderscorePattern = whole(dns1123SubdomainUnderscore);
const dns1035LabelPattern = whole(dns1035Label);
const wildcardSubdomainPattern = whole(wildcardSubdomain);
const labelKeyPattern = whole(labelKey);
const labelValuePattern = whole(labelValue);
const cIdentifierPattern = whole(cIdentifier);
const percentPattern = whole(percent);
const envVarNamePattern = whole(envVarName);
const configMapKeyPattern = whole(configMapKey);
const httpHeaderNamePattern = whole(httpHeaderName);
const httpPathPattern = whole(httpPath);

const labelMaxLength = 63;
const subdomainMaxLength = 253;

/** UTF-8 length; most names are ASCII, where it equals the string's. */
function byteLength(text: string): number {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 127) return Buffer.byteLength(text);
  }
  return text.length;
}

export const maxLengthError = (length: number): string => `must be no more than ${length} characters`;
/** The newer wording, which label keys and values have. */
const maxBytesError = (length: number): string => `must be no more than ${length} bytes`;
export const emptyError = "must be non-empty";
export const inclusiveRangeError = (low: number, high: number): string =>
  `must be between ${low} and ${high}, inclusive`;

/** A message that shows the pattern, with examples where there are any. */
export function regexError(message: string, pattern: string, ...examples: string[]): string {
  const used = `regex used for validation is '${pattern}')`;
  if (examples.length === 0) return `${message} (${used}`;
  return `${message} (e.g. ${examples.map((example) => `'${example}', `).join(" or ")}${used}`;
}

export function dns1123LabelErrors(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > labelMaxLength) errors.push(maxLengthError(labelMaxLength));
  if (dns1123LabelPattern.test(value)) return errors;
  if (dns1123SubdomainPattern.test(value)) return [...errors, "must not contain dots"];
  const message =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [...errors, regexError(message, dns1123Label, "my-name", "123-abc")];
}

export function dns1123SubdomainErrors(value: string): string[] {
  const message =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return bounded(value, subdomainMaxLength, dns1123SubdomainPattern, () =>
    regexError(message, dns1123Subdomain, "example.com"),
  );
}

export function dns1123SubdomainWithUnderscoreErrors(value: string): string[] {
  const message =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character";
  return bounded(value, subdomainMaxLength, dns1123SubdomainUnderscorePattern, () =>
    regexError(message, dns1123SubdomainUnderscore, "example.com"),
  );
}

export function dns1035LabelErrors(value: string): string[] {
  const message =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  return bounded(value, labelMaxLength, dns1035LabelPattern, () =>
    regexError(message, dns1035Label, "my-name", "abc-123"),
  );
}

export function wildcardDns1123SubdomainErrors(value: string): string[] {
  const message =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
  return bounded(value, subdomainMaxLength, wildcardSubdomainPattern, () =>
    regexError(message, wildcardSubdomain, "*.example.com"),
  );
}

function bounded(value: string, maxLength: number, pattern: RegExp, message: () => string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > maxLength) errors.push(maxLengthError(maxLength));
  if (!pattern.test(value)) errors.push(message());
  return errors;
}

const labelKeyMessage =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const labelKeyError = (): string => regexError(labelKeyMessage, labelKey, "MyName", "my.name", "123-abc");

/** `name` or `example.com/name`: label and annotation keys, finalizers, resource names. */
export function qualifiedNameErrors(value: string): string[] {
  const parts = value.split("/");
  if (parts.length > 2) {
    return [
      `a valid label key ${labelKeyError()} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const errors: string[] = [];
  const name = parts.at(-1) ?? "";
  if (parts.length === 2) {
    const prefix = parts[0] ?? "";
    if (prefix === "") errors.push(`prefix part ${emptyError}`);
    else {
      if (byteLength(prefix) > subdomainMaxLength) {
        errors.push(`prefix part ${maxBytesError(subdomainMaxLength)}`);
      }
      const others = dns1123SubdomainErrors(prefix).filter(
        (error) => error !== maxLengthError(subdomainMaxLength),
      );
      errors.push(...others.map((error) => `prefix part ${error}`));
    }
  }
  if (name === "") errors.push(`name part ${emptyError}`);
  else if (byteLength(name) > labelMaxLength) errors.push(`name part ${maxBytesError(labelMaxLength)}`);
  if (!labelKeyPattern.test(name)) errors.push(`name part ${labelKeyError()}`);
  return errors;
}

export function labelValueErrors(value: string): string[] {
  const message =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  const errors = byteLength(value) > labelMaxLength ? [maxBytesError(labelMaxLength)] : [];
  if (!labelValuePattern.test(value)) {
    errors.push(regexError(message, labelValue, "MyValue", "my_value", "12345"));
  }
  return errors;
}

export function cIdentifierErrors(value: string): string[] {
  const message =
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
  if (cIdentifierPattern.test(value)) return [];
  return [regexError(message, cIdentifier, "my_name", "MY_NAME", "MyName")];
}

export function portErrors(port: number): string[] {
  return rangeErrors(port, 1, 65_535);
}

export function rangeErrors(value: number, low: number, high: number): string[] {
  return Number.isInteger(value) && value >= low && value <= high ? [] : [inclusiveRangeError(low, high)];
}

export const userIdErrors = (id: number): string[] => rangeErrors(id, 0, 0x7fffffff);
export const groupIdErrors = (id: number): string[] => rangeErrors(id, 0, 0x7fffffff);

/** The name of a port: an IANA service name in lower case. */
export function portNameErrors(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 15) errors.push(maxLengthError(15));
  if (!/^[-a-z0-9]+$/.test(value)) {
    errors.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (!/[a-z]/.test(value)) errors.push("must contain at least one letter (a-z)");
  if (value.includes("--")) errors.push("must not contain consecutive hyphens");
  if (value.startsWith("-") || value.endsWith("-")) errors.push("must not begin or end with a hyphen");
  return errors;
}

export function percentErrors(value: string): string[] {
  if (percentPattern.test(value)) return [];
  const message = "a valid percent string must be a numeric string followed by an ending '%'";
  return [regexError(message, percent, "1%", "93%")];
}

export function httpHeaderNameErrors(value: string): string[] {
  if (httpHeaderNamePattern.test(value)) return [];
  const message = "a valid HTTP header must consist of alphanumeric characters or '-'";
  return [regexError(message, httpHeaderName, "X-Header-Name")];
}

export function envVarNameErrors(value: string): string[] {
  const errors: string[] = [];
  if (!envVarNamePattern.test(value)) {
    const message =
      "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit";
    errors.push(regexError(message, envVarName, "my.env-name", "MY_ENV.NAME", "MyEnvName1"));
  }
  return [...errors, ...parentDirectoryErrors(value)];
}

/** What Kubernetes accepts since environment names are relaxed: printable ASCII but "=". */
export function relaxedEnvVarNameErrors(value: string): string[] {
  if (value === "") return [`environment variable name ${emptyError}`];
  if (/^[ -<>-~]+$/.test(value)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

export function configMapKeyErrors(value: string): string[] {
  const message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
  const errors = bounded(value, subdomainMaxLength, configMapKeyPattern, () =>
    regexError(message, configMapKey, "key.name", "KEY_NAME", "key-name"),
  );
  return [...errors, ...parentDirectoryErrors(value)];
}

function parentDirectoryErrors(value: string): string[] {
  if (value === ".") return ["must not be '.'"];
  if (value === "..") return ["must not be '..'"];
  return value.startsWith("..") ? ["must not start with '..'"] : [];
}

/** `example.com/path`. An empty value is the caller's to require. */
export function domainPrefixedPathErrors(value: string): string[] {
  const slash = value.indexOf("/");
  if (slash <= 0 || slash === value.length - 1) {
    return ['must be a domain-prefixed path (such as "acme.io/foo")'];
  }
  const errors = dns1123SubdomainErrors(value.slice(0, slash));
  if (!httpPathPattern.test(value.slice(slash + 1))) errors.push(regexError("Invalid path", httpPath));
  return errors;
}

/** A subdomain of three segments at least. An empty value is the caller's to require. */
export function fullyQualifiedNameErrors(value: string): string[] {
  const errors = dns1123SubdomainErrors(value);
  if (errors.length > 0) return [errors.join(",")];
  if (value.split(".").length >= 3) return [];
  return ["should be a domain with at least three segments separated by dots"];
}

/** A path segment of the API: names that are neither `.` nor `..` and hold no `/` or `%`. */
export function pathSegmentErrors(value: string): string[] {
  if (value === "." || value === "..") return [`may not be '${value}'`];
  return ["/", "%"].filter((part) => value.includes(part)).map((part) => `may not contain '${part}'`);
}

/** IPv4 in dotted decimal, leading zeros allowed as Kubernetes does, or IPv6. */
export function isIp(value: string): boolean {
  return isIpv4(value) || isIpv6(value);
}

export function isIpv4(value: string): boolean {
  return (
    /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/.test(value) && value.split(".").every((part) => Number(part) <= 255)
  );
}

export function isIpv6(value: string): boolean {
  if (!value.includes(":") || !/^[0-9a-fA-F:.]+$/.test(value)) return false;
  const tail = value.slice(value.lastIndexOf(":") + 1);
  const embedded = tail.includes(".");
  if (embedded && !isIpv4(tail)) return false;
  const text = embedded ? `${value.slice(0, value.lastIndexOf(":") + 1)}0:0` : value;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? groups.length <= 7 : groups.length === 8;
}

export function ipErrors(value: string): string[] {
  return isIp(value) ? [] : ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"];
}

export function ipv4Errors(value: string): string[] {
  return isIpv4(value) ? [] : ["must be a valid IPv4 address"];
}

export function ipv6Errors(value: string): string[] {
  return isIpv6(value) ? [] : ["must be a valid IPv6 address"];
}

export function isCidr(value: string): boolean {
  const match = /^([^/]+)\/(0|[1-9][0-9]*)$/.exec(value);
  if (match === null) return false;
  const [, address = "", bits] = match;
  if (isIpv4(address)) return Number(bits) <= 32;
  return isIpv6(address) && Number(bits) <= 128;
}

export function cidrErrors(value: string): string[] {
  return isCidr(value) ? [] : ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"];
}
