import { type FieldError, invalid, required } from "../../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors, portErrors } from "../../../apimachinery/names.ts";
import type { WebhookClientConfig } from "../../types/admissionregistration-v1.ts";
import { type Errors, isEmpty, text } from "../basics.ts";

/** Where a webhook is: at a URL, or behind a Service (mirrors k8s.io/apiserver/pkg/util/webhook). */
export function checkClientConfig(config: WebhookClientConfig, path: string, errors: Errors): void {
  const { url, service }: Partial<WebhookClientConfig> = config ?? {};
  if (url !== undefined && service === undefined) checkUrl(url, `${path}.url`, errors);
  else if (url === undefined && service !== undefined) {
    const where = `${path}.service`;
    if (isEmpty(service.namespace)) errors.push(required(`${where}.name`));
    if (isEmpty(service.name)) errors.push(required(`${where}.namespace`));
    const port = service.port ?? 0;
    const messages = portErrors(port);
    if (messages.length > 0) {
      errors.push(invalid(`${where}.port`, port, `port is not valid: ${messages.join(", ")}`));
    }
    checkPath(text(service.path), `${where}.path`, errors);
  } else errors.push(required(path, "exactly one of url or service is required"));
}

function checkPath(given: string, path: string, errors: Errors): void {
  if (given === "" || given === "/") return;
  const refuse = (detail: string): FieldError => invalid(path, given, detail);
  if (given === "//") {
    errors.push(refuse("segment[0] may not be empty"));
    return;
  }
  if (!given.startsWith("/")) errors.push(refuse("must start with a '/'"));
  const steps = given.slice(1).replace(/\/$/, "").split("/");
  steps.forEach((step, index) => {
    if (step === "") errors.push(refuse(`segment[${index}] may not be empty`));
    else {
      for (const message of dns1123SubdomainErrors(step)) {
        errors.push(refuse(`segment[${index}]: ${message}`));
      }
    }
  });
}

const form = "; desired format: https://host[/path]";
const parts = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s;

/** Parts as Go reads them: nothing is required, and nothing is changed. */
function checkUrl(url: string, path: string, errors: Errors): void {
  const fault = urlFault(url);
  const match = parts.exec(url);
  if (fault !== undefined || match === null) {
    errors.push(required(path, `url must be a valid URL: parse ${JSON.stringify(url)}: ${fault}${form}`));
    return;
  }
  const [, scheme = "", authority = "", , query = "", fragment = ""] = match;
  const at = authority.lastIndexOf("@");
  const host = authority.slice(at + 1);
  const lower = scheme.toLowerCase();
  if (lower !== "https") {
    errors.push(invalid(path, lower, `'https' is the only allowed URL scheme${form}`));
  }
  if (host === "") errors.push(invalid(path, host, `host must be specified${form}`));
  if (at >= 0) {
    errors.push(invalid(path, authority.slice(0, at), "user information is not permitted in the URL"));
  }
  if (fragment !== "") errors.push(invalid(path, fragment, "fragments are not permitted in the URL"));
  if (query !== "") errors.push(invalid(path, query, "query parameters are not permitted in the URL"));
}

function urlFault(url: string): string | undefined {
  if (/\p{Cc}/u.test(url)) return "net/url: invalid control character in URL";
  if (url.startsWith(":")) return "missing protocol scheme";
  const [beforeSlash = ""] = url.split("/");
  if (beforeSlash.includes(":") && !/^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(url)) {
    return "first path segment in URL cannot contain colon";
  }
  const bad = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(url);
  return bad === null ? undefined : `invalid URL escape ${JSON.stringify(bad[0])}`;
}
