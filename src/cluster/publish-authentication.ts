import type { ConfigMap } from "../api/types/core-v1.ts";
import { deepEqual } from "../apimachinery/json.ts";
import { isAlreadyExists, isNotFound } from "../apimachinery/status.ts";
import { frontProxyNames, requestHeaders } from "../apiserver/authentication/request-header.ts";
import type { Client } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import { certificatesOf, encodePem, type Pki } from "../pki/index.ts";
import type { SecurityOptions } from "../registry/security.ts";

const name = "extension-apiserver-authentication";
const namespace = "kube-system";

/**
 * Says to other API servers of this cluster whose certificates are to be believed: those of its users, and that of this
 * server when it passes requests on. Mirrors pkg/controlplane/controller/clusterauthenticationtrust; what others have added
 * stays.
 */
export async function publishAuthentication(
  client: Client,
  { authority, frontProxyAuthority }: Pick<Pki, "authority" | "frontProxyAuthority">,
  security: Pick<SecurityOptions, "clientAuthorities" | "proxies" | "proxyClient"> = {},
): Promise<void> {
  const { clientAuthorities = authority.certificate, proxies, proxyClient } = security;
  const headers = proxies?.headers ?? requestHeaders;
  // Whom to believe is said of what this server shows, and of the proxies that it believes itself.
  const own = proxyClient === undefined || proxies === undefined;
  const authorities = [own ? frontProxyAuthority.certificate : "", proxies?.authorities ?? ""];
  const allowedNames =
    proxies?.allowedNames.length === 0
      ? []
      : [...(own ? frontProxyNames : []), ...(proxies?.allowedNames ?? [])];
  const configMaps = client.resource(resources.configmaps);
  const required = {
    "client-ca-file": clientAuthorities,
    "requestheader-allowed-names": JSON.stringify(allowedNames),
    "requestheader-client-ca-file": certificates("", authorities.join("\n")),
    "requestheader-extra-headers-prefix": JSON.stringify(headers.extraPrefix),
    "requestheader-group-headers": JSON.stringify(headers.group),
    "requestheader-uid-headers": JSON.stringify(headers.uid),
    "requestheader-username-headers": JSON.stringify(headers.user),
  };
  const found = await configMaps.get(name, { namespace }).catch(unlessNotFound);
  if (found === undefined) {
    const made: ConfigMap = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace },
      data: required,
    };
    await configMaps.create(made).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
    return;
  }
  const data = combined(found.data ?? {}, required);
  if (!deepEqual(data, found.data)) await configMaps.update({ ...found, data });
}

function unlessNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}

/** Certificates and lists of both. */
function combined(
  old: Readonly<Record<string, string>>,
  required: Readonly<Record<string, string>>,
): Record<string, string> {
  const data: Record<string, string> = {};
  for (const [key, value] of Object.entries(required)) {
    const before = old[key] ?? "";
    data[key] = key.endsWith("-file") ? certificates(before, value) : names(before, value);
  }
  return data;
}

/** The text with the certificates that it lacks behind it. */
const certificates = (before: string, own: string): string =>
  certificatesOf(own)
    .map((der) => encodePem("CERTIFICATE", der))
    .filter((each) => !before.includes(each.trim()))
    .reduce((text, each) => `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${each}`, before);

function names(before: string, own: string): string {
  const all = [...listIn(before), ...listIn(own)];
  return JSON.stringify([...new Set(all)]);
}

function listIn(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
