import type { UserInfo } from "../request-context.ts";
import type { AuthenticatedUser, AuthenticationRequest, Authenticator } from "./authenticator.ts";
import { newUser, rejected } from "./users.ts";

/** The headers by which a proxy names a user. Of several for one thing, the first that says something counts. */
export interface RequestHeaderNames {
  readonly user: readonly string[];
  readonly uid: readonly string[];
  /** All of them count. */
  readonly group: readonly string[];
  readonly extraPrefix: readonly string[];
}

/** The ones that everybody uses, and that API servers use among each other. */
export const requestHeaders: RequestHeaderNames = {
  user: ["X-Remote-User"],
  uid: ["X-Remote-Uid"],
  group: ["X-Remote-Group"],
  extraPrefix: ["X-Remote-Extra-"],
};

/** Whether the header, by its name in lower case, says who asks. */
export function namesUser({ user, uid, group, extraPrefix }: RequestHeaderNames, header: string): boolean {
  return (
    [user, uid, group].some((names) => names.some((name) => name.toLowerCase() === header)) ||
    extraPrefix.some((prefix) => header.startsWith(prefix.toLowerCase()))
  );
}

/** The common names of proxies that are believed, as kubeadm has it. */
export const frontProxyNames: readonly string[] = ["front-proxy-client"];

/** Headers by their names in lower case. */
export interface HeaderSource {
  headerValues(name: string): readonly string[];
  headerNames(): readonly string[];
}

/** On whose behalf a request says that it comes; undefined for one that says nothing. To be believed from a proxy alone. */
export function namedUser(source: HeaderSource, names = requestHeaders): UserInfo | undefined {
  const name = firstOf(source, names.user);
  if (name === "") return undefined;
  const groups = names.group
    .flatMap((header) => source.headerValues(header.toLowerCase()))
    .filter((group) => group !== "");
  const uid = utf8(firstOf(source, names.uid));
  return newUser(utf8(name), groups.map(utf8), { uid, extra: extraOf(source, names.extraPrefix) });
}

function firstOf(source: HeaderSource, names: readonly string[]): string {
  for (const name of names) {
    const value = source.headerValues(name.toLowerCase())[0] ?? "";
    if (value !== "") return value;
  }
  return "";
}

function extraOf(source: HeaderSource, prefixes: readonly string[]): Record<string, readonly string[]> {
  const extra = new Map<string, string[]>();
  for (const prefix of prefixes.map((each) => each.toLowerCase())) {
    for (const name of source.headerNames()) {
      if (!name.startsWith(prefix)) continue;
      const key = unescaped(name.slice(prefix.length));
      extra.set(key, [...(extra.get(key) ?? []), ...source.headerValues(name).map(utf8)]);
    }
  }
  return Object.fromEntries(extra);
}

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

/** Headers are bytes, and names are UTF-8: Node gives a character for each byte. */
const utf8 = (text: string): string => Buffer.from(text, "latin1").toString();

export interface RequestHeaderOptions {
  /** Knows the certificates of proxies. */
  readonly proxies: Authenticator;
  /** The common names that a proxy may have; any, where there are none. */
  readonly allowedNames: readonly string[];
  /** Default: the ones that everybody uses. */
  readonly headers?: RequestHeaderNames;
}

/**
 * Believes a proxy who it says asks: an authenticating proxy in front of this server, or another API server that passes
 * requests on. Mirrors k8s.io/apiserver/pkg/authentication/request/headerrequest.
 */
export class RequestHeaderAuthenticator implements Authenticator {
  readonly #options: RequestHeaderOptions;

  constructor(options: RequestHeaderOptions) {
    this.#options = options;
  }

  authenticate(
    request: AuthenticationRequest,
  ): AuthenticatedUser | undefined | Promise<AuthenticatedUser | undefined> {
    const { headers, certificates } = request;
    if (headers === undefined || certificates.length === 0) return undefined;
    const user = namedUser(headers, this.#options.headers);
    if (user === undefined) return undefined;
    const proxy = this.#options.proxies.authenticate(request);
    return proxy instanceof Promise
      ? proxy.then((found) => this.#believe(found, user))
      : this.#believe(proxy, user);
  }

  #believe(proxy: AuthenticatedUser | undefined, user: UserInfo): AuthenticatedUser | undefined {
    if (proxy === undefined) return undefined;
    const { name } = proxy.user;
    const { allowedNames } = this.#options;
    if (allowedNames.length > 0 && !allowedNames.includes(name))
      throw rejected(`x509: subject with cn=${name} is not in the allowed list`);
    return { user };
  }
}
