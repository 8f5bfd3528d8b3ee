import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseDurationMs } from "../apimachinery/duration.ts";
import { InstanceError, writePrivate } from "./instance.ts";
import {
  checkOwnAuthority,
  type RequestHeaderSettingName,
  requestHeaderMistake,
  requestHeaderSettings,
} from "./request-header-settings.ts";

/**
 * Settings of the API server, by the names that kube-apiserver has for them. Whoever starts a cluster gives them once:
 * they are checked at once, kept in the cluster's folder (files as copies), and found there by every later start. An
 * empty value removes one.
 */
export interface ApiServerSetting {
  readonly name: SettingName;
  /** A `file` is read and copied; a `path` is made absolute; a `value` is kept as it is. */
  readonly kind: "file" | "path" | "value";
  /** Shown in help: `FILE`. */
  readonly placeholder: string;
  readonly description: string;
  /** May be given several times; the values are then joined by commas. */
  readonly repeats?: true;
  /** A running server takes a change up by itself. */
  readonly reloads?: true;
  /**
   * Throws an Error that names the place of a mistake. Resolves with what is kept: for a file its text, in which paths
   * relative to `file` may have been made absolute.
   */
  check?(given: string, file: string): Promise<string>;
}

export type SettingName =
  | "audit-policy-file"
  | "audit-log-path"
  | "audit-log-format"
  | "audit-log-maxsize"
  | "audit-log-maxage"
  | "audit-log-maxbackup"
  | "audit-webhook-config-file"
  | "audit-webhook-mode"
  | "audit-webhook-batch-max-size"
  | "audit-webhook-batch-max-wait"
  | "audit-webhook-initial-backoff"
  | "encryption-provider-config"
  | "authentication-config"
  | "authorization-config"
  | "authentication-token-webhook-config-file"
  | RequestHeaderSettingName
  | OidcSettingName;

type OidcSettingName =
  | "oidc-issuer-url"
  | "oidc-client-id"
  | "oidc-username-claim"
  | "oidc-username-prefix"
  | "oidc-groups-claim"
  | "oidc-groups-prefix"
  | "oidc-required-claim"
  | "oidc-signing-algs"
  | "oidc-ca-file";

/** Values by name; of a file, the path of the cluster's own copy. Absent: not set. */
export type ApiServerSettings = Readonly<Partial<Record<SettingName, string>>>;

export const apiServerSettings: readonly ApiServerSetting[] = [
  {
    name: "audit-policy-file",
    kind: "file",
    placeholder: "FILE",
    description: "what is audited: a Policy of audit.k8s.io/v1",
    check: async (given) => {
      const { AuditPolicy } = await import("../apiserver/audit/policy.ts");
      AuditPolicy.parse(given);
      return given;
    },
  },
  {
    name: "audit-log-path",
    kind: "path",
    placeholder: "FILE",
    description:
      'where audit events go, "-" for standard output (default: audit.log in the cluster\'s folder)',
  },
  {
    name: "audit-log-format",
    kind: "value",
    placeholder: "FORMAT",
    description: "json, the only format",
    check: (given) =>
      given === "json"
        ? Promise.resolve(given)
        : Promise.reject(new Error(`"${given}" is not supported: audit events are written as json`)),
  },
  {
    name: "audit-log-maxsize",
    kind: "value",
    placeholder: "MB",
    description: "size at which the audit log is rotated (default: 100)",
    check: wholeNumber,
  },
  {
    name: "audit-log-maxage",
    kind: "value",
    placeholder: "DAYS",
    description: "how long rotated audit logs are kept (default: for ever)",
    check: wholeNumber,
  },
  {
    name: "audit-log-maxbackup",
    kind: "value",
    placeholder: "COUNT",
    description: "how many rotated audit logs are kept (default: all)",
    check: wholeNumber,
  },
  {
    name: "audit-webhook-config-file",
    kind: "file",
    placeholder: "FILE",
    description: "a kubeconfig that says who else gets audit events",
    check: async (given, file) => {
      const { checkWebhookKubeconfig } = await import("./webhook-kubeconfig.ts");
      return checkWebhookKubeconfig(given, file);
    },
  },
  {
    name: "audit-webhook-mode",
    kind: "value",
    placeholder: "MODE",
    description: "batch, the only mode: requests do not wait for their events",
    check: (given) =>
      given === "batch"
        ? Promise.resolve(given)
        : Promise.reject(new Error(`"${given}" is not supported: audit events are sent in batches`)),
  },
  {
    name: "audit-webhook-batch-max-size",
    kind: "value",
    placeholder: "COUNT",
    description: "how many audit events are sent at once (default: 400)",
    check: (given) =>
      /^0*$/.test(given) ? Promise.reject(new Error("a batch has one event at least")) : wholeNumber(given),
  },
  {
    name: "audit-webhook-batch-max-wait",
    kind: "value",
    placeholder: "DURATION",
    description: "how long an audit event waits for others (default: 30s)",
    check: positiveDuration,
  },
  {
    name: "audit-webhook-initial-backoff",
    kind: "value",
    placeholder: "DURATION",
    description: "pause before a batch that failed is sent again (default: 10s)",
    check: positiveDuration,
  },
  {
    name: "encryption-provider-config",
    kind: "file",
    placeholder: "FILE",
    description: "how Secrets and others are encrypted at rest: an EncryptionConfiguration",
    reloads: true,
    check: async (given) => {
      const { parseEncryptionConfiguration } = await import(
        "../apiserver/encryption/encryption-configuration.ts"
      );
      parseEncryptionConfiguration(given);
      return given;
    },
  },
  {
    name: "authentication-config",
    kind: "file",
    placeholder: "FILE",
    description: "whose tokens are believed: an AuthenticationConfiguration",
    reloads: true,
    check: async (given) => {
      const { checkAuthenticationConfiguration } = await import("./authentication-settings.ts");
      return checkAuthenticationConfiguration(given);
    },
  },
  {
    name: "authorization-config",
    kind: "file",
    placeholder: "FILE",
    description: "who decides what users may do: an AuthorizationConfiguration",
    reloads: true,
    check: async (given) => {
      const { readConfiguration } = await import(
        "../apiserver/authorization/configured/read-configuration.ts"
      );
      readConfiguration(given);
      return given;
    },
  },
  {
    name: "authentication-token-webhook-config-file",
    kind: "file",
    placeholder: "FILE",
    description: "a kubeconfig that says who reviews bearer tokens",
    check: async (given, file) => {
      const { checkWebhookKubeconfig } = await import("./webhook-kubeconfig.ts");
      return checkWebhookKubeconfig(given, file);
    },
  },
  {
    name: "oidc-issuer-url",
    kind: "value",
    placeholder: "URL",
    description: "issuer of OpenID tokens; https only",
  },
  {
    name: "oidc-client-id",
    kind: "value",
    placeholder: "ID",
    description: "the audience that OpenID tokens must be for",
  },
  {
    name: "oidc-username-claim",
    kind: "value",
    placeholder: "CLAIM",
    description: "claim with the user's name (default: sub)",
  },
  {
    name: "oidc-username-prefix",
    kind: "value",
    placeholder: "PREFIX",
    description: 'goes before user names; "-" for none',
  },
  {
    name: "oidc-groups-claim",
    kind: "value",
    placeholder: "CLAIM",
    description: "claim with the user's groups",
  },
  {
    name: "oidc-groups-prefix",
    kind: "value",
    placeholder: "PREFIX",
    description: "goes before group names",
  },
  {
    name: "oidc-required-claim",
    kind: "value",
    placeholder: "KEY=VALUE",
    description: "a claim that a token must have; may be repeated",
    repeats: true,
  },
  {
    name: "oidc-signing-algs",
    kind: "value",
    placeholder: "ALG,…",
    description: "accepted signature algorithms (default: RS256)",
  },
  {
    name: "oidc-ca-file",
    kind: "file",
    placeholder: "FILE",
    description: "certificates that the issuer's server is verified with",
  },
  ...requestHeaderSettings,
];

/** What a command line gave: a value by name, "" to remove it. */
export type GivenSettings = Readonly<Partial<Record<SettingName, string>>>;

/** Ready to be kept: for a file its text. `undefined` removes. */
export type CheckedSettings = ReadonlyMap<ApiServerSetting, string | undefined>;

/**
 * Reads and checks what was given, so that nothing is started with a mistake. `directory` is the cluster's if there is
 * one: what it keeps goes with what was given. Throws InstanceError with the place of the mistake.
 */
export async function checkSettings(given: GivenSettings, directory?: string): Promise<CheckedSettings> {
  const checked = new Map<ApiServerSetting, string | undefined>();
  for (const setting of apiServerSettings) {
    const value = given[setting.name];
    if (value === undefined) continue;
    checked.set(setting, value === "" ? undefined : await checkOne(setting, value));
  }
  const all = { ...(directory === undefined ? {} : readSettings(directory)), ...given };
  if (checked.size > 0) checkTogether(all, checked);
  for (const [{ name }, value] of checked) {
    if (name !== "requestheader-client-ca-file" || value === undefined || directory === undefined) continue;
    await checkOwnAuthority(value, all, directory).catch((cause: unknown) => {
      throw new InstanceError(`--${name}: ${messageOf(cause)}`, "give the names of the proxies", { cause });
    });
  }
  return checked;
}

/** Settings that mean nothing alone. `all` is what the cluster will have; only what was given now is complained of. */
function checkTogether(all: GivenSettings, checked: CheckedSettings): void {
  const isSet = (name: SettingName): boolean => (all[name] ?? "") !== "";
  const [mistaken, why] = requestHeaderMistake(all) ?? [];
  if (mistaken !== undefined)
    throw new InstanceError(`--${mistaken}: ${why}`, "give both, or remove both with empty values");
  for (const [{ name }, value] of checked) {
    if (value === undefined || !/^audit-(?:log|webhook)-/.test(name)) continue;
    if (!isSet("audit-policy-file")) {
      throw new InstanceError(
        `--${name}: nothing is audited without --audit-policy-file`,
        "give a policy: docs/how-to/audit.md has one to start with",
      );
    }
    if (name.startsWith("audit-webhook-") && !isSet("audit-webhook-config-file")) {
      throw new InstanceError(
        `--${name}: audit events are sent to nobody without --audit-webhook-config-file`,
        "give a kubeconfig that names who gets them",
      );
    }
  }
}

async function checkOne(setting: ApiServerSetting, value: string): Promise<string> {
  const { name, kind } = setting;
  if (kind === "path") return value === "-" ? value : resolve(value);
  const given = kind === "file" ? readGiven(setting, value) : value;
  if (setting.check === undefined) return given;
  try {
    return await setting.check(given, value);
  } catch (error) {
    const where = kind === "file" ? `${value}: ` : "";
    throw new InstanceError(
      `--${name}: ${where}${messageOf(error)}`,
      "nothing was started or changed; correct it and try again",
      { cause: error },
    );
  }
}

function readGiven({ name }: ApiServerSetting, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new InstanceError(
      missing
        ? `--${name}: there is no file ${file}`
        : `--${name}: ${file} cannot be read: ${messageOf(cause)}`,
      "nothing was started or changed; check the path",
      { cause },
    );
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function wholeNumber(given: string): Promise<string> {
  if (/^\d{1,9}$/.test(given)) return Promise.resolve(given);
  const why = /^-\d+$/.test(given) ? "can't be a negative number" : "is no whole number";
  return Promise.reject(new Error(`${given} ${why}`));
}

async function positiveDuration(given: string): Promise<string> {
  const ms = parseDurationMs(given);
  if (ms === undefined) throw new Error(`"${given}" is no duration such as 30s or 1m30s`);
  if (ms <= 0) throw new Error(`${given} is not positive`);
  return given;
}

/**
 * The settings that a running server cannot take: those that would change, but for the content of a file that it follows.
 * It does not begin to follow one, nor end it.
 */
export function settingsForRestart(directory: string, checked: CheckedSettings): ApiServerSetting[] {
  const kept = readSettings(directory);
  return [...checked]
    .filter(([setting, value]) => {
      const before = contentOf(setting, kept);
      if (before === value) return false;
      return setting.reloads !== true || before === undefined || value === undefined;
    })
    .map(([setting]) => setting);
}

function contentOf({ name, kind }: ApiServerSetting, kept: ApiServerSettings): string | undefined {
  const value = kept[name];
  return value === undefined || kind !== "file" ? value : readFileSync(value, "utf8");
}

/** Writes them into the cluster's folder, readable by its owner alone: some hold keys. */
export function keepSettings(directory: string, checked: CheckedSettings): void {
  if (checked.size === 0) return;
  const folder = join(directory, "api-server");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const kept: Partial<Record<SettingName, string>> = { ...readSettings(directory) };
  for (const [{ name, kind }, value] of checked) {
    if (value === undefined) delete kept[name];
    else if (kind === "file") {
      kept[name] = join(folder, name);
      writePrivate(join(folder, name), value);
    } else kept[name] = value;
  }
  writePrivate(settingsFile(directory), `${JSON.stringify(kept, undefined, 2)}\n`);
  // A removed file goes last: until here a server would look for it.
  for (const [{ name, kind }, value] of checked)
    if (value === undefined && kind === "file") rmSync(join(folder, name), { force: true });
}

/** What is kept for the cluster in this folder. */
export function readSettings(directory: string): ApiServerSettings {
  const file = settingsFile(directory);
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ApiServerSettings;
  } catch (cause) {
    throw new InstanceError(`${file} is damaged`, "remove it and give the settings to sampan up again", {
      cause,
    });
  }
}

const settingsFile = (directory: string): string => join(directory, "api-server", "settings.json");
