import { invalid, required, tooLong } from "../../../apimachinery/field-error.ts";
import { cIdentifierErrors, labelValueErrors } from "../../../apimachinery/names.ts";
import { checkLabel, checkName, checkSubdomain, type Errors, text } from "../basics.ts";
import { byteLength } from "../object-meta.ts";
import { checkCsiDriverName } from "../storage/volume-sources.ts";

/** The names that devices, their drivers, pools and attributes have. */
const poolBytesMax = 253;
const domainBytesMax = 63;
const identifierBytesMax = 32;
/** A domain, a slash and an identifier. */
export const attributeKeyBytesMax = domainBytesMax + 1 + identifierBytesMax;

/** Drivers are named as those of volumes are. */
export const checkDriver = checkCsiDriverName;
export const checkDeviceName = checkLabel;

export function checkPoolName(name: string | undefined, path: string, errors: Errors): void {
  const given = text(name);
  if (given === "") {
    errors.push(required(path));
    return;
  }
  if (byteLength(given) > poolBytesMax) errors.push(tooLong(path, poolBytesMax));
  for (const part of given.split("/")) checkSubdomain(part, path, errors);
}

/** `name` or `domain/name`. More slashes are let through, as Kubernetes does. */
export function checkQualified(name: string, path: string, errors: Errors): void {
  const [domain = "", identifier, more] = name.split("/");
  if (more !== undefined) return;
  if (identifier === undefined) {
    checkIdentifier(domain, path, errors);
    return;
  }
  if (domain === "") errors.push(invalid(path, "", "the domain must not be empty"));
  else checkDriver(domain, path, errors);
  if (identifier === "") errors.push(invalid(path, "", "the name must not be empty"));
  else checkIdentifier(identifier, path, errors);
}

export function checkFullyQualified(name: string, path: string, errors: Errors): void {
  checkQualified(name, path, errors);
  if (name.includes("/")) return;
  const detail = "a fully qualified name must be a domain and a name separated by a slash";
  errors.push(invalid(path, name, detail));
}

function checkIdentifier(name: string, path: string, errors: Errors): void {
  if (byteLength(name) > identifierBytesMax) errors.push(tooLong(path, identifierBytesMax));
  checkName(name, cIdentifierErrors, path, errors);
}

export function checkLabelValue(value: string | undefined, path: string, errors: Errors): void {
  checkName(value, labelValueErrors, path, errors);
}

const hex = "[0-9a-fA-F]";
const plainUuid = `${hex}{8}-${hex}{4}-${hex}{4}-${hex}{4}-${hex}{12}`;

/** The words are those of the library that Kubernetes reads ids with. */
function uuidError(value: string): string | undefined {
  const bytes = byteLength(value);
  if (bytes === 32) return new RegExp(`^${hex}{32}$`).test(value) ? undefined : "invalid UUID format";
  if (bytes === 36) return new RegExp(`^${plainUuid}$`).test(value) ? undefined : "invalid UUID format";
  if (bytes === 45) {
    const [prefix, rest] = [value.slice(0, 9), value.slice(9)];
    if (prefix.toLowerCase() !== "urn:uuid:") return `invalid urn prefix: ${JSON.stringify(prefix)}`;
    return uuidError(rest);
  }
  if (bytes === 38) {
    if (!value.startsWith("{") || !value.endsWith("}")) return "invalid bracketed UUID format";
    return uuidError(value.slice(1, -1));
  }
  return `invalid UUID length: ${bytes}`;
}

export function checkUuid(value: string, path: string, errors: Errors): void {
  const error = uuidError(value);
  if (error !== undefined) {
    errors.push(invalid(path, value, `error validating uid: ${error}`));
  } else if (value.length !== 36 || value !== value.toLowerCase()) {
    const detail =
      "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters";
    errors.push(invalid(path, value, detail));
  }
}
