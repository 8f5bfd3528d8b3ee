import { posix } from "node:path";
import type { WebhookClientConfig } from "../../api/types/admissionregistration-v1.ts";
import type { SocketAddress } from "./service-endpoints.ts";
import { WebhookCallError } from "./webhook-call-error.ts";

/** What a configuration names: where to, and which path. */
export interface Place extends SocketAddress {
  /** Host and port as the configuration names them; errors show them so. */
  readonly authority: string;
  readonly path: string;
}

export function placeOf({ url, service }: WebhookClientConfig): Place {
  if (service === undefined) return placeOfUrl(url ?? "");
  const { namespace, name, port = 443, path = "" } = service;
  const host = `${name}.${namespace}.svc`;
  return { host, port, authority: `${host}:${port}`, path: cleanPath(path) };
}

function placeOfUrl(text: string): Place {
  if (text === "") throw new WebhookCallError("webhook configuration must have either service or URL");
  if (!URL.canParse(text)) throw new WebhookCallError(`Unparsable URL: ${text}`);
  const { hostname, port, host, pathname } = new URL(text);
  return {
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? 443 : Number(port),
    authority: host,
    path: cleanPath(pathname),
  };
}

/** As client-go joins paths: one slash between names and none at the end. Webhook servers redirect what has two. */
const cleanPath = (path: string): string => posix.join("/", path).replace(/(?<=.)\/$/, "");

/** Addresses cannot be asked for by name; certificates carry them as they are. */
export const isAddress = (name: string): boolean => name.includes(":") || /^[\d.]+$/.test(name);

/** Whether a URL leads to this machine. */
export const isLoopback = ({ host }: SocketAddress): boolean =>
  host.toLowerCase() === "localhost" || host === "::1" || /^127(?:\.\d+){3}$/.test(host);
