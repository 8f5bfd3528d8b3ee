import { parseDurationMs } from "../../apimachinery/duration.ts";
import { type FieldError, FieldPath, invalid, required } from "../../apimachinery/field-error.ts";
import type { GroupResource } from "../../apimachinery/gvk.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import {
  type ConfigurationKind,
  objectProperties,
  readConfiguration,
  textListSchema,
  textSchema,
  throwFieldErrors,
} from "../configuration.ts";

/** How values are stored, by resource: an EncryptionConfiguration that holds no mistake. */
export interface EncryptionConfiguration {
  /** In the order of the file. The first provider writes, all of them read. */
  readonly rules: readonly EncryptionRule[];
}

export interface EncryptionRule {
  /** `*` stands for any resource of the group, `*` of group `*` for everything. */
  readonly resources: readonly GroupResource[];
  readonly providers: readonly Provider[];
}

export type Provider =
  | { readonly type: "identity" }
  | { readonly type: "aesgcm" | "aescbc" | "secretbox"; readonly keys: readonly NamedKey[] }
  | { readonly type: "kms"; readonly name: string; readonly endpoint: string; readonly timeoutMs: number };

export interface NamedKey {
  readonly name: string;
  readonly secret: Uint8Array;
}

interface ConfigurationFile {
  readonly resources?: readonly RuleFile[];
}

interface RuleFile {
  readonly resources?: readonly string[];
  readonly providers?: readonly ProviderFile[];
}

interface ProviderFile {
  readonly aesgcm?: KeysFile;
  readonly aescbc?: KeysFile;
  readonly secretbox?: KeysFile;
  readonly identity?: object;
  readonly kms?: KmsFile;
}

interface KeysFile {
  readonly keys?: readonly { readonly name?: string; readonly secret?: string }[];
}

interface KmsFile {
  readonly apiVersion?: string;
  readonly name?: string;
  readonly endpoint?: string;
  readonly timeout?: string;
  readonly cachesize?: number;
}

const object = (properties: Record<string, Schema>): Schema => ({ type: "object", properties });
const list = (ref: string): Schema => ({ type: "array", items: { ref } });
const configurationKind: ConfigurationKind = {
  kind: "EncryptionConfiguration",
  apiVersions: ["apiserver.config.k8s.io/v1"],
  schemaName: "v1.EncryptionConfiguration",
  schemas: new Map([
    [
      "v1.EncryptionConfiguration",
      object({ ...objectProperties, resources: list("v1.ResourceConfiguration") }),
    ],
    [
      "v1.ResourceConfiguration",
      object({ resources: textListSchema, providers: list("v1.ProviderConfiguration") }),
    ],
    [
      "v1.ProviderConfiguration",
      object({
        aesgcm: { ref: "v1.AESConfiguration" },
        aescbc: { ref: "v1.AESConfiguration" },
        secretbox: { ref: "v1.SecretboxConfiguration" },
        identity: { ref: "v1.IdentityConfiguration" },
        kms: { ref: "v1.KMSConfiguration" },
      }),
    ],
    ["v1.AESConfiguration", object({ keys: list("v1.Key") })],
    ["v1.SecretboxConfiguration", object({ keys: list("v1.Key") })],
    ["v1.IdentityConfiguration", object({})],
    ["v1.Key", object({ name: textSchema, secret: textSchema })],
    [
      "v1.KMSConfiguration",
      object({
        apiVersion: textSchema,
        name: textSchema,
        endpoint: textSchema,
        timeout: textSchema,
        cachesize: { type: "integer" },
      }),
    ],
  ]),
};

/**
 * Reads an encryption configuration. Throws an Error that names the place of a mistake and never shows a key. Rules and
 * words are those of k8s.io/apiserver/pkg/apis/apiserver/validation.
 */
export function parseEncryptionConfiguration(text: string): EncryptionConfiguration {
  const { resources = [] } = readConfiguration(text, configurationKind) as ConfigurationFile;
  throwFieldErrors(configurationErrors(resources));
  const rules = resources.map((rule) => ({
    resources: (rule.resources ?? []).map(parseGroupResource),
    providers: (rule.providers ?? []).map(providerOf),
  }));
  checkMasks(rules);
  return { rules };
}

/** `secrets`, `widgets.example.com`, `*.`, `*.example.com`, `*.*`. */
function parseGroupResource(text: string): GroupResource {
  const dot = text.indexOf(".");
  return dot < 0
    ? { group: "", resource: text }
    : { group: text.slice(dot + 1), resource: text.slice(0, dot) };
}

function providerOf(file: ProviderFile): Provider {
  for (const type of ["aesgcm", "aescbc", "secretbox"] as const) {
    const keys = file[type]?.keys;
    if (keys === undefined) continue;
    return {
      type,
      keys: keys.map(({ name = "", secret = "" }) => ({ name, secret: Buffer.from(secret, "base64") })),
    };
  }
  if (file.kms === undefined) return { type: "identity" };
  const { name = "", endpoint = "", timeout } = file.kms;
  return { type: "kms", name, endpoint, timeoutMs: durationMs(timeout) ?? 0 };
}

/** A rule behind one that takes all of its resources would never be used. */
function checkMasks(rules: readonly EncryptionRule[]): void {
  const seen = new Set<string>();
  for (const { resources } of rules) {
    for (const each of resources) {
      for (const mask of [
        { group: each.group, resource: "*" },
        { group: "*", resource: "*" },
      ]) {
        if (seen.has(yamlOf(mask)))
          throw new Error(`resource "${yamlOf(each)}" is masked by earlier rule "${yamlOf(mask)}"`);
      }
      seen.add(yamlOf(each));
    }
  }
}

const yamlOf = ({ group, resource }: GroupResource): string =>
  group === "" && resource !== "*" ? resource : `${resource}.${group}`;

function configurationErrors(rules: readonly RuleFile[]): FieldError[] {
  const root = new FieldPath("resources");
  if (rules.length === 0) return [required(root, "at least one resources is required")];
  const kmsNames = new Set<string>();
  return rules.flatMap(({ resources = [], providers = [] }, index) => {
    const where = root.index(index).child("resources");
    const below = root.index(index).child("providers");
    return [
      ...(resources.length === 0 ? [required(where, `at least one ${where} is required`)] : []),
      ...overlapErrors(resources, where),
      ...resources.flatMap((name, each) => nameErrors(name, where.index(each))),
      ...(providers.length === 0 ? [required(below, `at least one ${below} is required`)] : []),
      ...providers.flatMap((provider, each) => providerErrors(provider, below.index(each), kmsNames)),
    ];
  });
}

function overlapErrors(names: readonly string[], path: FieldPath): FieldError[] {
  const all = names.map(parseGroupResource);
  const errors: FieldError[] = [];
  if (new Set(names).size < names.length)
    errors.push(invalid(path, names, "the same resource cannot be specified multiple times"));
  const overlaps = all.some(
    ({ group, resource }, index) =>
      resource === "*" &&
      all.some(
        (other, at) =>
          at !== index && (group === "*" || (other.group === group && other.resource !== resource)),
      ),
  );
  if (overlaps && all.length > 1) {
    const why =
      "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked";
    errors.push(invalid(path, names, why));
  }
  return errors;
}

/** Kept beside the objects of the API, not as objects. */
const internalResources = new Set(["apiserveripinfo", "serviceipallocations", "servicenodeportallocations"]);

function nameErrors(name: string, path: FieldPath): FieldError[] {
  const why = nameProblem(name, parseGroupResource(name));
  return why === undefined ? [] : [invalid(path, name, why)];
}

function nameProblem(name: string, { group, resource }: GroupResource): string | undefined {
  if (name !== name.toLowerCase()) return "resource name should not contain capital letters";
  if (name === "*")
    return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources";
  if (internalResources.has(name)) return "resources which do not have REST API/s cannot be encrypted";
  if (group === "events.k8s.io")
    return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file";
  if (group === "extensions") return "'extensions' group has been removed and cannot be used for encryption";
  if (group === "*" && resource !== "*") return "encrypting the same resource across groups is not supported";
  return undefined;
}

const keySizes = { aesgcm: [16, 24, 32], aescbc: [16, 24, 32], secretbox: [32] } as const;

function providerErrors(provider: ProviderFile, path: FieldPath, kmsNames: Set<string>): FieldError[] {
  const given = Object.keys(provider);
  // What a provider holds may be a key: it is not shown.
  if (given.length === 0) {
    const why =
      "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity";
    return [invalid(path, {}, why)];
  }
  if (given.length > 1) {
    const why =
      "more than one provider specified in a single element, should split into different list elements";
    return [invalid(path, given, why)];
  }
  if (provider.kms !== undefined) return kmsErrors(provider.kms, path.child("kms"), kmsNames);
  for (const type of ["aesgcm", "aescbc", "secretbox"] as const) {
    const found = provider[type];
    if (found !== undefined) return keysErrors(found, path.child(type, "keys"), keySizes[type]);
  }
  return [];
}

function keysErrors({ keys = [] }: KeysFile, path: FieldPath, sizes: readonly number[]): FieldError[] {
  if (keys.length === 0) return [required(path, "at least one keys is required")];
  return keys.flatMap(({ name = "", secret = "" }, index) => {
    const errors: FieldError[] = [];
    const where = path.index(index);
    if (name === "") errors.push(required(where.child("name"), "name is a mandatory field for a key"));
    if (secret === "") errors.push(required(where.child("secret"), "secret is a mandatory field for a key"));
    else {
      const why = secretProblem(secret, sizes);
      if (why !== undefined) errors.push(invalid(where.child("secret"), "REDACTED", why));
    }
    return errors;
  });
}

function secretProblem(secret: string, sizes: readonly number[]): string | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(secret.replace(/[\r\n]/g, "")))
    return "secrets must be base64 encoded";
  const size = Buffer.from(secret, "base64").length;
  if (sizes.includes(size)) return undefined;
  return `secret is not of the expected length, got ${size}, expected one of [${sizes.join(" ")}]`;
}

function kmsErrors(kms: KmsFile, path: FieldPath, names: Set<string>): FieldError[] {
  const { apiVersion = "v1", name = "", endpoint = "", timeout, cachesize } = kms;
  const errors: FieldError[] = [];
  if (name === "") errors.push(required(path.child("name"), "name is a mandatory field for a provider"));
  if (name.includes(":"))
    errors.push(invalid(path.child("name"), name, `invalid KMS provider name ${name}, must not contain ':'`));
  if (names.has(name)) {
    const why = `duplicate KMS provider name ${name}, names must be unique`;
    errors.push(invalid(path.child("name"), name, why));
  }
  names.add(name);
  const timeoutMs = durationMs(timeout);
  if (timeoutMs === undefined) {
    errors.push(invalid(path.child("timeout"), timeout, "time: invalid duration"));
  } else if (timeoutMs <= 0)
    errors.push(invalid(path.child("timeout"), timeout, "timeout should be a positive value"));
  const why = endpointProblem(endpoint);
  if (why !== undefined) errors.push(invalid(path.child("endpoint"), endpoint, why));
  if (apiVersion === "v2" && cachesize !== undefined)
    errors.push(invalid(path.child("cachesize"), cachesize, "cachesize is not supported in v2"));
  if (apiVersion === "v1") {
    const old =
      "KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead.";
    errors.push(invalid(path.child("apiVersion"), apiVersion, old));
  } else if (apiVersion !== "v2") {
    const unknown = "unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported";
    errors.push(invalid(path.child("apiVersion"), apiVersion, unknown));
  }
  return errors;
}

function endpointProblem(endpoint: string): string | undefined {
  if (endpoint === "") return "endpoint is a mandatory field for a kms";
  const scheme = /^([a-zA-Z][-+.a-zA-Z0-9]*):/.exec(endpoint)?.[1] ?? "";
  if (scheme !== "unix")
    return `unsupported scheme ${JSON.stringify(scheme)} for KMS provider, only unix is supported`;
  if (endpoint.startsWith("unix:///@"))
    return "abstract sockets are not supported, name one of the file system";
  return undefined;
}

/** `3s`, `1m30s`, `500ms`; three seconds when nothing is said. */
const durationMs = (text = "3s"): number | undefined => parseDurationMs(text);
