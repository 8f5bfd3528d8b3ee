import { goQuote } from "./text-format.ts";

/** An address of 4 or 16 bytes. Parsing, printing and messages are those of Go's net/netip. */
export interface IpAddress {
  readonly bytes: Uint8Array;
  readonly zone: string;
}

export interface Prefix {
  readonly address: IpAddress;
  readonly bits: number;
}

export class AddressError {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

function bad(text: string, why: string, at = ""): AddressError {
  return new AddressError(`ParseAddr(${goQuote(text)}): ${why}${at === "" ? "" : ` (at ${goQuote(at)})`}`);
}

export function parseAddress(text: string): IpAddress | AddressError {
  const mark = /[.:%]/u.exec(text)?.[0];
  if (mark === ".") return parseV4(text);
  if (mark === ":") return parseV6(text);
  return bad(text, mark === "%" ? "missing IPv6 address" : "unable to parse IP");
}

function parseV4(text: string): IpAddress | AddressError {
  const fields = v4Fields(text, text);
  return fields instanceof AddressError ? fields : { bytes: Uint8Array.from(fields), zone: "" };
}

function v4Fields(whole: string, text: string): number[] | AddressError {
  const fields: number[] = [];
  let value = 0;
  let digits = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (char >= "0" && char <= "9") {
      if (digits === 1 && value === 0) return bad(whole, "IPv4 field has octet with leading zero");
      value = value * 10 + Number(char);
      digits++;
      if (value > 255) return bad(whole, "IPv4 field has value >255");
    } else if (char === ".") {
      if (at === 0 || at === text.length - 1 || text[at - 1] === ".") {
        return bad(whole, "IPv4 field must have at least one digit", text.slice(at));
      }
      if (fields.length === 3) return bad(whole, "IPv4 address too long");
      fields.push(value);
      value = 0;
      digits = 0;
    } else {
      return bad(whole, "unexpected character", text.slice(at));
    }
  }
  return fields.length < 3 ? bad(whole, "IPv4 address too short") : [...fields, value];
}

function parseV6(text: string): IpAddress | AddressError {
  const percent = text.indexOf("%");
  const zone = percent < 0 ? "" : text.slice(percent + 1);
  if (percent >= 0 && zone === "") return bad(text, "zone must be a non-empty string");
  let rest = percent < 0 ? text : text.slice(0, percent);
  const bytes: number[] = [];
  let ellipsis = -1;
  if (rest.startsWith("::")) {
    ellipsis = 0;
    rest = rest.slice(2);
    if (rest === "") return { bytes: new Uint8Array(16), zone };
  }
  while (bytes.length < 16) {
    const digits = /^[0-9a-fA-F]*/u.exec(rest)?.[0] ?? "";
    if (digits.length > 4) return bad(text, "each group must have 4 or less digits", rest);
    if (digits === "") return bad(text, "each colon-separated field must have at least one digit", rest);
    if (rest[digits.length] === ".") {
      const embedded = embeddedV4(text, rest, bytes.length, ellipsis);
      if (embedded instanceof AddressError) return embedded;
      bytes.push(...embedded);
      rest = "";
      break;
    }
    const value = Number.parseInt(digits, 16);
    bytes.push(value >> 8, value & 0xff);
    rest = rest.slice(digits.length);
    if (rest === "") break;
    if (rest[0] !== ":") return bad(text, "unexpected character, want colon", rest);
    if (rest.length === 1) return bad(text, "colon must be followed by more characters", rest);
    rest = rest.slice(1);
    if (rest[0] === ":") {
      if (ellipsis >= 0) return bad(text, "multiple :: in address", rest);
      ellipsis = bytes.length;
      rest = rest.slice(1);
      if (rest === "") break;
    }
  }
  if (rest !== "") return bad(text, "trailing garbage after address", rest);
  if (bytes.length < 16 && ellipsis < 0) return bad(text, "address string too short");
  if (bytes.length === 16 && ellipsis >= 0)
    return bad(text, "the :: must expand to at least one field of zeros");
  const zeros = Array.from({ length: 16 - bytes.length }, () => 0);
  if (ellipsis >= 0) bytes.splice(ellipsis, 0, ...zeros);
  return { bytes: Uint8Array.from(bytes), zone };
}

function embeddedV4(text: string, rest: string, filled: number, ellipsis: number): number[] | AddressError {
  if (ellipsis < 0 && filled !== 12) {
    return bad(text, "embedded IPv4 address must replace the final 2 fields of the address", rest);
  }
  if (filled + 4 > 16) {
    return bad(text, "too many hex fields to fit an embedded IPv4 at the end of the address", rest);
  }
  return v4Fields(text, rest);
}

export function parsePrefix(text: string): Prefix | AddressError {
  const error = (why: string) => new AddressError(`netip.ParsePrefix(${goQuote(text)}): ${why}`);
  const slash = text.lastIndexOf("/");
  if (slash < 0) return error("no '/'");
  const address = parseAddress(text.slice(0, slash));
  if (address instanceof AddressError) return error(address.message);
  if (address.zone !== "") return error("IPv6 zones cannot be present in a prefix");
  const bits = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d*)$/u.test(bits)) return error(`bad bits after slash: ${goQuote(bits)}`);
  if (Number(bits) > address.bytes.length * 8) return error("prefix length out of range");
  return { address, bits: Number(bits) };
}

/** The canonical text: for IPv6 the longest run of zeros is left out, an embedded IPv4 address is shown as one. */
export function printAddress({ bytes, zone }: IpAddress): string {
  if (bytes.length === 4) return bytes.join(".");
  const suffix = zone === "" ? "" : `%${zone}`;
  const fields = Array.from(
    { length: 8 },
    (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0),
  );
  if (fields.slice(0, 5).every((field) => field === 0) && fields[5] === 0xffff) {
    return `::ffff:${bytes.slice(12).join(".")}${suffix}`;
  }
  let start = -1;
  let length = 1;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && fields[to] === 0) to++;
    if (to - from > length) {
      start = from;
      length = to - from;
    }
  }
  const hex = (part: readonly number[]) => part.map((field) => field.toString(16)).join(":");
  if (start < 0) return hex(fields) + suffix;
  return `${hex(fields.slice(0, start))}::${hex(fields.slice(start + length))}${suffix}`;
}
