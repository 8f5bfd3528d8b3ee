import type { Pod, Secret } from "../../api/types/core-v1.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { RegistryCredential } from "../../cri/runtime.ts";
import type { ImageName } from "./image-name.ts";

/** Reads a Secret, from a cache or from the API server; undefined when there is none. */
export type SecretReader = (namespace: string, name: string) => Promise<Secret | undefined>;

/** The credentials of a pod's imagePullSecrets, and the names of those that could not be read. */
export async function pullCredentials(
  pod: Pod,
  image: ImageName,
  readSecret: SecretReader,
): Promise<{ credentials: RegistryCredential[]; missing: string[] }> {
  const credentials: RegistryCredential[] = [];
  const missing: string[] = [];
  for (const { name = "" } of pod.spec?.imagePullSecrets ?? []) {
    if (name === "") continue;
    const secret = await readSecret(pod.metadata.namespace ?? "", name).catch(() => undefined);
    if (secret === undefined) missing.push(name);
    else credentials.push(...credentialsIn(secret, image));
  }
  return { credentials, missing };
}

/** Those entries of a docker configuration that are for the image's registry. */
function credentialsIn(secret: Secret, image: ImageName): RegistryCredential[] {
  const json = secret.data?.[".dockerconfigjson"];
  const legacy = secret.data?.[".dockercfg"];
  const parsed = parse(json ?? legacy);
  const auths = json === undefined ? parsed : parsed["auths"];
  if (!isObject(auths)) return [];
  const matching = Object.entries(auths).filter(([server]) => matches(server, image));
  // The more exact entry is tried first, as the kubelet's keyring does.
  matching.sort(([a], [b]) => b.length - a.length);
  return matching.flatMap(([, entry]) => credentialOf(entry));
}

function parse(base64: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(base64 ?? "", "base64").toString());
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function credentialOf(entry: unknown): RegistryCredential[] {
  if (!isObject(entry)) return [];
  const { username, password, auth, identitytoken } = entry;
  const token = typeof identitytoken === "string" ? { identityToken: identitytoken } : {};
  if (typeof username === "string" && typeof password === "string") return [{ username, password, ...token }];
  if (typeof auth !== "string") return [];
  const text = Buffer.from(auth, "base64").toString();
  const colon = text.indexOf(":");
  if (colon < 0) return [];
  return [{ username: text.slice(0, colon), password: text.slice(colon + 1), ...token }];
}

/** `https://index.docker.io/v1/`, `registry.example.com/team`, `*.example.com` */
function matches(server: string, { registry, repository }: ImageName): boolean {
  const [host = "", ...path] = server
    .replace(/^https?:\/\//, "")
    .replace(/\/(v1|v2)\/?$/, "")
    .split("/");
  const known = host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host;
  const pattern = known
    .split(".")
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", "[^.]*"));
  if (!new RegExp(`^${pattern.join("\\.")}$`).test(registry)) return false;
  return path.join("/") === "" || repository.startsWith(path.join("/").replace(/\/$/, ""));
}
