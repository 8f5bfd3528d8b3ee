import { AddressError, parseAddress } from "./ip-address.ts";
import { goQuote } from "./text-format.ts";

/** A URL as Go's net/url reads it, with its messages; only what expressions ask for is kept. */
export interface GoUrl {
  readonly scheme: string;
  readonly host: string;
  readonly escapedPath: string;
  readonly query: string;
  /** What two URLs are compared by. */
  readonly text: string;
}

class UrlProblem {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** An absolute URL or path, as a request line has it; otherwise the message of Go's error. */
export function parseRequestUrl(text: string): GoUrl | string {
  const strict = parse(text, true);
  if (strict instanceof UrlProblem) return `parse ${goQuote(text)}: ${strict.message}`;
  // A fragment is only known to the other parser.
  const withoutFragment = text.includes("#") ? text.slice(0, text.indexOf("#")) : text;
  const lenient = parse(withoutFragment, false);
  return lenient instanceof UrlProblem ? `parse ${goQuote(text)}: ${lenient.message}` : { ...lenient, text };
}

/** Characters that no URL may hold as they are. */
function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

function parse(text: string, isRequest: boolean): GoUrl | UrlProblem {
  if (hasControl(text)) return new UrlProblem("net/url: invalid control character in URL");
  if (text === "" && isRequest) return new UrlProblem("empty url");
  if (text === "*") return { scheme: "", host: "", escapedPath: "*", query: "", text };
  if (text.startsWith(":")) return new UrlProblem("missing protocol scheme");
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*(?=:)/u.exec(text)?.[0] ?? "";
  let rest = scheme === "" ? text : text.slice(scheme.length + 1);
  const question = rest.indexOf("?");
  const query = question < 0 ? "" : rest.slice(question + 1);
  if (question >= 0) rest = rest.slice(0, question);
  const base = { scheme: scheme.toLowerCase(), query, text };
  if (!rest.startsWith("/")) {
    if (scheme !== "") return { ...base, host: "", escapedPath: "" };
    if (isRequest) return new UrlProblem("invalid URI for request");
    if ((rest.split("/")[0] ?? "").includes(":")) {
      return new UrlProblem("first path segment in URL cannot contain colon");
    }
  }
  let host = "";
  if ((scheme !== "" || (!isRequest && !rest.startsWith("///"))) && rest.startsWith("//")) {
    const slash = rest.indexOf("/", 2);
    const authority = parseAuthority(base.scheme, slash < 0 ? rest.slice(2) : rest.slice(2, slash));
    if (authority instanceof UrlProblem) return authority;
    host = authority;
    rest = slash < 0 ? "" : rest.slice(slash);
  }
  const path = checkEscapes(rest);
  return path instanceof UrlProblem ? path : { ...base, host, escapedPath: escapePath(rest) };
}

function parseAuthority(scheme: string, authority: string): string | UrlProblem {
  const at = authority.lastIndexOf("@");
  const host = parseHost(scheme, authority.slice(at + 1));
  if (host instanceof UrlProblem || at < 0) return host;
  const user = authority.slice(0, at);
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/u.test(user)) return new UrlProblem("net/url: invalid userinfo");
  const escapes = checkEscapes(user);
  return escapes instanceof UrlProblem ? escapes : host;
}

const validPort = /^(?::\d*)?$/u;

function parseHost(scheme: string, host: string): string | UrlProblem {
  const open = host.lastIndexOf("[");
  if (open > 0) return new UrlProblem("invalid IP-literal");
  if (open === 0) return parseLiteral(host);
  const colon = host.indexOf(":");
  if (colon >= 0) {
    const last = host.lastIndexOf(":");
    const from = last !== colon && scheme !== "http" && scheme !== "https" ? last : colon;
    const port = host.slice(from);
    if (!validPort.test(port)) return new UrlProblem(`invalid port ${goQuote(port)} after host`);
  }
  return unescapeHost(host);
}

function parseLiteral(host: string): string | UrlProblem {
  const close = host.lastIndexOf("]");
  if (close < 0) return new UrlProblem("missing ']' in host");
  const port = host.slice(close + 1);
  if (!validPort.test(port)) return new UrlProblem(`invalid port ${goQuote(port)} after host`);
  const name = host.slice(1, close).replace(/%25/u, "%");
  const address = parseAddress(name);
  if (address instanceof AddressError) return new UrlProblem(`invalid host: ${address.message}`);
  return address.bytes.length === 4 ? new UrlProblem("invalid IP-literal") : `[${name}]${port}`;
}

function unescapeHost(host: string): string | UrlProblem {
  const checked = checkEscapes(host);
  if (checked instanceof UrlProblem) return checked;
  for (const [escape] of host.matchAll(/%../gu)) {
    if (/^%[0-7]/u.test(escape) && escape !== "%25")
      return new UrlProblem(`invalid URL escape ${goQuote(escape)}`);
  }
  for (const char of host) {
    if (char < "\u0080" && !/[A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"%]/u.test(char)) {
      return new UrlProblem(`invalid character ${goQuote(char)} in host name`);
    }
  }
  return decode(host);
}

/** Every percent sign is followed by two hexadecimal digits. */
function checkEscapes(text: string): undefined | UrlProblem {
  const bad = /%(?![0-9a-fA-F]{2})/u.exec(text);
  if (bad === null) return undefined;
  return new UrlProblem(`invalid URL escape ${goQuote(text.slice(bad.index, bad.index + 3))}`);
}

function decode(text: string): string {
  if (!text.includes("%")) return text;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const escaped = /^%([0-9a-fA-F]{2})/u.exec(text.slice(at, at + 3))?.[1];
    if (escaped === undefined) {
      bytes.push(...Buffer.from(text[at] ?? "", "utf8"));
    } else {
      bytes.push(Number.parseInt(escaped, 16));
      at += 2;
    }
  }
  return Buffer.from(bytes).toString("utf8");
}

/** The path as it was written when every character may stand there, escaped anew otherwise. */
function escapePath(path: string): string {
  if (/^[A-Za-z0-9\-._~!$&'()*+,;=:@[\]%/]*$/u.test(path)) return path;
  const bytes = Buffer.from(decode(path), "utf8");
  let escaped = "";
  for (const byte of bytes) {
    const char = String.fromCharCode(byte);
    escaped += /[A-Za-z0-9\-._~$&+,/:;=@]/u.test(char)
      ? char
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return escaped;
}

/** Values by name, in the order of the query; what cannot be read is left out. */
export function parseQuery(query: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const part of query.split("&")) {
    if (part === "" || part.includes(";")) continue;
    const equal = part.indexOf("=");
    const name = unescapeQuery(equal < 0 ? part : part.slice(0, equal));
    const value = unescapeQuery(equal < 0 ? "" : part.slice(equal + 1));
    if (name === undefined || value === undefined) continue;
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return values;
}

function unescapeQuery(text: string): string | undefined {
  return checkEscapes(text) === undefined ? decode(text.replaceAll("+", " ")) : undefined;
}
