/**
 * Where registries are reached: an optional YAML file in the form that k3s made known. It is read at every pull, so a
 * change needs no restart.
 *
 *     mirrors:
 *       docker.io:                        # or "*" for every registry without an entry of its own
 *         endpoint:                       # tried in order, the registry itself last
 *           - https://mirror.example.com
 *           - http://127.0.0.1:5000       # plain HTTP is for loopback addresses only
 *         rewrite:
 *           "^library/(.*)$": "hub/$1"    # of the repository's name, at the mirrors only
 *     configs:
 *       mirror.example.com:
 *         auth: { username: reader, password: secret }
 *         tls: { ca_file: /etc/ca.pem, cert_file: …, key_file: …, insecure_skip_verify: false }
 */

import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { trusting } from "../../apimachinery/trust.ts";
import { parseYaml } from "../../apimachinery/yaml.ts";
import { CriError, type RegistryCredential } from "../../cri/runtime.ts";
import { objectAt, stringAt, stringsAt } from "../image-config.ts";

export interface RegistryEndpoint {
  /** `https://registry-1.docker.io`, without a path of its own. */
  readonly url: URL;
  /** The repository's name there. */
  readonly repository: string;
  /** From the configuration file; tried before the pull's own. */
  readonly credential: RegistryCredential | undefined;
  readonly tls: EndpointTls;
  /** Not the registry itself: credentials of the pull's secrets are not for it. */
  readonly isMirror: boolean;
}

export interface EndpointTls {
  readonly ca?: string;
  readonly allowPartialTrustChain?: true;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized?: boolean;
}

type Json = { readonly [key: string]: unknown };

/** The places to ask for a repository, in order. */
export function registryEndpoints(
  registry: string,
  repository: string,
  configFile: string | undefined,
): RegistryEndpoint[] {
  const config = readConfig(configFile);
  const mirrors = objectAt(config, "mirrors");
  const mirror = objectAt(mirrors, registry) ?? objectAt(mirrors, "*");
  const configs = objectAt(config, "configs");
  const endpoints = (stringsAt(mirror, "endpoint") ?? []).map((text) =>
    endpoint(endpointUrl(text), rewrite(repository, objectAt(mirror, "rewrite")), configs, true),
  );
  const own = endpointUrl(ownAddress(registry));
  if (!endpoints.some((one) => one.url.host === own.host)) {
    endpoints.push(endpoint(own, repository, configs, false));
  }
  return endpoints;
}

/** Docker Hub answers under another name than its images bear; loopback registries speak plain HTTP. */
function ownAddress(registry: string): string {
  if (registry === "docker.io") return "https://registry-1.docker.io";
  return isLoopback(new URL(`https://${registry}`).hostname) ? `http://${registry}` : `https://${registry}`;
}

function endpointUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text.includes("://") ? text : `https://${text}`);
  } catch {
    throw new CriError("invalidArgument", `registry endpoint "${text}" is not a URL`);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new CriError("invalidArgument", `registry endpoint "${text}" is neither https nor http`);
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw new CriError(
      "invalidArgument",
      `registry endpoint "${text}" is plain HTTP, which is for loopback addresses only: use https`,
    );
  }
  return url;
}

export function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "");
  return bare === "localhost" || bare === "::1" || (isIP(bare) === 4 && bare.startsWith("127."));
}

function endpoint(
  url: URL,
  repository: string,
  configs: Json | undefined,
  isMirror: boolean,
): RegistryEndpoint {
  const config = objectAt(configs, url.host) ?? objectAt(configs, url.origin);
  const tls = objectAt(config, "tls");
  const file = (key: string): string | undefined => {
    const path = stringAt(tls, key);
    return path === "" ? undefined : readFileSync(path, "utf8");
  };
  const [ca, cert, key] = [file("ca_file"), file("cert_file"), file("key_file")];
  return {
    url,
    repository,
    isMirror,
    credential: configuredCredential(objectAt(config, "auth")),
    tls: {
      ...trusting(ca),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(tls?.["insecure_skip_verify"] === true && { rejectUnauthorized: false }),
    },
  };
}

function configuredCredential(auth: Json | undefined): RegistryCredential | undefined {
  if (auth === undefined) return undefined;
  const identityToken = stringAt(auth, "identity_token");
  const both = Buffer.from(stringAt(auth, "auth"), "base64").toString("utf8");
  const colon = both.indexOf(":");
  return {
    username: stringAt(auth, "username") || both.slice(0, Math.max(0, colon)),
    password: stringAt(auth, "password") || both.slice(colon + 1),
    ...(identityToken !== "" && { identityToken }),
  };
}

function rewrite(repository: string, rules: Json | undefined): string {
  for (const [pattern, replacement] of Object.entries(rules ?? {})) {
    const expression = new RegExp(pattern);
    if (typeof replacement === "string" && expression.test(repository)) {
      return repository.replace(expression, replacement);
    }
  }
  return repository;
}

function readConfig(path: string | undefined): Json | undefined {
  if (path === undefined || !existsSync(path)) return undefined;
  try {
    const value = parseYaml(readFileSync(path, "utf8"));
    if (value === null || value === undefined) return undefined;
    if (typeof value === "object" && !Array.isArray(value)) return value as Json;
    throw new Error("it is not a map");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CriError("invalidArgument", `registry configuration ${path} cannot be read: ${reason}`);
  }
}
