import type { UserInfo } from "../request-context.ts";
import type { AuthenticatedUser, AuthenticationRequest, Authenticator } from "./authenticator.ts";
import { newUser, rejected } from "./users.ts";

/** Whom headers name. Kubernetes lets their names be chosen; these are the ones that everybody uses. */
export const requestHeaders = {
  user: "X-Remote-User",
  uid: "X-Remote-Uid",
  group: "X-Remote-Group",
  extraPrefix: "X-Remote-Extra-",
} as const;

/** The common names of proxies that are believed, as kubeadm has it. */
export const frontProxyNames: readonly string[] = ["front-proxy-client"];

/** Headers by their names in lower case. */
interface HeaderSource {
  headerValues(name: string): readonly string[];
  headerNames(): readonly string[];
}

/** On whose behalf a request says that it comes; undefined for one that says nothing. To be believed from a proxy alone. */
export function namedUser(source: HeaderSource): UserInfo | undefined {
  const name = source.headerValues(requestHeaders.user.toLowerCase())[0] ?? "";
  if (name === "") return undefined;
  const groups = source.headerValues(requestHeaders.group.toLowerCase()).filter((group) => group !== "");
  const uid = source.headerValues(requestHeaders.uid.toLowerCase())[0] ?? "";
  return newUser(utf8(name), groups.map(utf8), { uid: utf8(uid), extra: extraOf(source) });
}

function extraOf(source: HeaderSource): Record<string, readonly string[]> {
  const prefix = requestHeaders.extraPrefix.toLowerCase();
  const names = source.headerNames().filter((name) => name.startsWith(prefix));
  return Object.fromEntries(
    names.map((name) => [unescaped(name.slice(prefix.length)), source.headerValues(name).map(utf8)]),
  );
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
  /** The common names that a proxy may have. */
  readonly allowedNames: readonly string[];
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
    const { namedUser: user } = request;
    if (user === undefined || request.certificates.length === 0) return undefined;
    const proxy = this.#options.proxies.authenticate(request);
    return proxy instanceof Promise
      ? proxy.then((found) => this.#believe(found, user))
      : this.#believe(proxy, user);
  }

  #believe(proxy: AuthenticatedUser | undefined, user: UserInfo): AuthenticatedUser | undefined {
    if (proxy === undefined) return undefined;
    const { name } = proxy.user;
    if (!this.#options.allowedNames.includes(name))
      throw rejected(`x509: subject with cn=${name} is not in the allowed list`);
    return { user };
  }
}
