import type { CelType } from "../types.ts";
import { ArrayList, CelErr, type CelValue, HashMap } from "../values.ts";
import {
  type FunctionDeclaration,
  type Implementation,
  noSuchOverload,
  onText,
  Signatures,
} from "./declare.ts";
import { type GoUrl, parseQuery, parseRequestUrl } from "./go-url.ts";
import { TextualValue } from "./opaque.ts";

/** URLs: `url('https://example.com/a?b=c').getHost()`. */
export const urlType: CelType = { kind: "struct", name: "kubernetes.URL", params: [] };

const s = new Signatures({ url: urlType });

class UrlValue extends TextualValue {
  readonly type = urlType;
  readonly url: GoUrl;

  constructor(url: GoUrl) {
    super();
    this.url = url;
  }

  override toString(): string {
    return this.url.text;
  }
}

const onUrl =
  (of: (url: GoUrl) => CelValue): Implementation =>
  (value) =>
    value instanceof UrlValue ? of(value.url) : noSuchOverload;

/** The host without its port, and the port without the host. */
function splitHost(host: string): { name: string; port: string } {
  const match = /^(?:\[([^\]]*)\]|(.*?))(?::(\d*))?$/u.exec(host);
  return { name: match?.[1] ?? match?.[2] ?? host, port: match?.[3] ?? "" };
}

export const urlFunctions: readonly FunctionDeclaration[] = [
  s.fn("url", {
    "string_to_url: (string) -> url": onText((text) => {
      const url = parseRequestUrl(text);
      if (typeof url !== "string") return new UrlValue(url);
      return new CelErr(`URL parse error during conversion from string: ${url}`);
    }),
  }),
  s.fn("isURL", {
    "is_url_string: (string) -> bool": onText((text) => typeof parseRequestUrl(text) !== "string"),
  }),
  s.fn("getScheme", { "url_get_scheme: url.() -> string": onUrl(({ scheme }) => scheme) }),
  s.fn("getHost", { "url_get_host: url.() -> string": onUrl(({ host }) => host) }),
  s.fn("getHostname", { "url_get_hostname: url.() -> string": onUrl(({ host }) => splitHost(host).name) }),
  s.fn("getPort", { "url_get_port: url.() -> string": onUrl(({ host }) => splitHost(host).port) }),
  s.fn("getEscapedPath", {
    "url_get_escaped_path: url.() -> string": onUrl(({ escapedPath }) => escapedPath),
  }),
  s.fn("getQuery", {
    "url_get_query: url.() -> map<string, list<string>>": onUrl(({ query }) =>
      HashMap.of([...parseQuery(query)].map(([name, values]) => [name, new ArrayList(values)])),
    ),
  }),
];
