import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../apimachinery/clock.ts";
import { parseDurationMs } from "../apimachinery/duration.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { Random } from "../apimachinery/random.ts";
import type { AuditBackend, Auditor } from "../apiserver/audit/auditor.ts";
import type { Storage } from "../storage/storage.ts";
import type { ApiServerSettings, SettingName } from "./api-server-settings.ts";
import type { ClusterOptions } from "./cluster.ts";
import { InstanceError } from "./instance.ts";

export interface ApiServerContext {
  /** The cluster's folder. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Makes the parts of the API server that settings ask for, each from a module that is loaded only then. `inner` is the
 * cluster's own store.
 */
export async function newApiServerParts(
  settings: ApiServerSettings,
  context: ApiServerContext,
  inner: Storage,
): Promise<Pick<ClusterOptions, "audit" | "healthChecks" | "security" | "storage">> {
  const policy = settings["audit-policy-file"];
  const encryption = settings["encryption-provider-config"];
  return {
    ...(encryption === undefined ? {} : await newEncryption(encryption, context, inner)),
    ...(policy === undefined ? {} : { audit: await newAuditor(policy, settings, context) }),
    ...(await newSecuritySettings(settings, context)),
  };
}

async function newSecuritySettings(
  settings: ApiServerSettings,
  context: ApiServerContext,
): Promise<Pick<ClusterOptions, "security">> {
  const [authentication, proxies] = [
    await newAuthentication(settings, context),
    await newRequestHeaders(settings, context),
  ];
  const security =
    authentication.security === undefined && proxies === undefined
      ? undefined
      : { ...authentication.security, ...proxies };
  const file = settings["authorization-config"];
  if (file === undefined) return security === undefined ? {} : { security };
  const { ConfiguredAuthorizers } = await import(
    "../apiserver/authorization/configured/configured-authorizers.ts"
  );
  const { clock } = context;
  const logger = context.logger.named("authorization");
  const configured = await using(
    "authorization-config",
    () => new ConfiguredAuthorizers({ file, clock, logger }),
  );
  return { security: { ...security, authorizers: (own) => configured.open(own) } };
}

async function newRequestHeaders(
  settings: ApiServerSettings,
  { logger }: ApiServerContext,
): Promise<ClusterOptions["security"]> {
  const asked = (Object.keys(settings) as SettingName[]).find((name) =>
    /^(?:requestheader|proxy-client)-/.test(name),
  );
  if (asked === undefined) return undefined;
  const { requestHeaderSecurity } = await import("./request-header-settings.ts");
  return await using(asked, () => requestHeaderSecurity(settings, logger.named("authentication")));
}

async function newAuthentication(
  settings: ApiServerSettings,
  context: ApiServerContext,
): Promise<Pick<ClusterOptions, "security">> {
  const asked = (Object.keys(settings) as SettingName[]).find((name) =>
    /^(?:authentication|oidc)-/.test(name),
  );
  if (asked === undefined) return {};
  const { externalAuthentication } = await import("./authentication-settings.ts");
  const external = await using(asked, () => externalAuthentication(settings, context));
  return external === undefined ? {} : { security: { external } };
}

async function newEncryption(
  file: string,
  { clock, random, logger }: ApiServerContext,
  inner: Storage,
): Promise<Pick<ClusterOptions, "healthChecks" | "storage">> {
  const { EncryptedState } = await import("./encrypted-state.ts");
  const state = await using("encryption-provider-config", () =>
    EncryptedState.open({ file, inner, clock, random, logger: logger.named("encryption") }),
  );
  return {
    storage: state.storage,
    healthChecks: [{ name: "kms-providers", check: () => state.check() }],
  };
}

async function newAuditor(
  policyFile: string,
  settings: ApiServerSettings,
  context: ApiServerContext,
): Promise<Auditor> {
  const { clock, random } = context;
  const [{ Auditor: AuditorClass }, { AuditPolicy }] = await Promise.all([
    import("../apiserver/audit/auditor.ts"),
    import("../apiserver/audit/policy.ts"),
  ]);
  const policy = await using("audit-policy-file", () => AuditPolicy.parse(readFileSync(policyFile, "utf8")));
  const webhook = settings["audit-webhook-config-file"];
  const backends: AuditBackend[] = [];
  // Whoever sends events away keeps them here too only when a place is named.
  if (webhook === undefined || settings["audit-log-path"] !== undefined)
    backends.push(await using("audit-log-path", () => newAuditLog(settings, context)));
  if (webhook !== undefined) {
    backends.push(
      await using("audit-webhook-config-file", () => newAuditWebhook(webhook, settings, context)),
    );
  }
  return new AuditorClass({ policy, backends, clock, random });
}

async function newAuditWebhook(
  file: string,
  settings: ApiServerSettings,
  { clock, random, logger }: ApiServerContext,
): Promise<AuditBackend> {
  const [{ AuditWebhook, auditWebhookDefaults }, { HttpsTransport }, kubeconfig] = await Promise.all([
    import("../apiserver/audit/webhook.ts"),
    import("../client/https-transport.ts"),
    import("../client/kubeconfig.ts"),
  ]);
  const millis = (name: SettingName, otherwise: number): number =>
    parseDurationMs(settings[name] ?? "") ?? otherwise;
  const { transport } = kubeconfig.resolveContext(kubeconfig.loadKubeconfig([file]));
  const { maxBatchEvents, maxWaitMs, initialBackoffMs } = auditWebhookDefaults;
  return new AuditWebhook({
    transport: new HttpsTransport({ ...transport, clock }),
    maxBatchEvents: Number(settings["audit-webhook-batch-max-size"] ?? maxBatchEvents),
    maxWaitMs: millis("audit-webhook-batch-max-wait", maxWaitMs),
    initialBackoffMs: millis("audit-webhook-initial-backoff", initialBackoffMs),
    clock,
    random,
    logger: logger.named("audit"),
  });
}

async function newAuditLog(
  settings: ApiServerSettings,
  { directory, clock, logger }: ApiServerContext,
): Promise<AuditBackend> {
  const path = settings["audit-log-path"] ?? join(directory, "audit.log");
  if (path === "-") {
    const { AuditLogStream } = await import("../apiserver/audit/log-stream.ts");
    return new AuditLogStream(process.stdout);
  }
  const { AuditLogFile } = await import("../apiserver/audit/log-file.ts");
  const log = new AuditLogFile({
    path,
    maxSizeMegabytes: Number(settings["audit-log-maxsize"] ?? 0),
    maxAgeDays: Number(settings["audit-log-maxage"] ?? 0),
    maxBackups: Number(settings["audit-log-maxbackup"] ?? 0),
    clock,
    logger: logger.named("audit"),
  });
  await log.open();
  return log;
}

/** Whatever goes wrong with a setting is told with its name: the person who gave it may not have it in mind any more. */
async function using<T>(name: SettingName, use: () => T | Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (cause) {
    throw new InstanceError(
      `--${name}: ${cause instanceof Error ? cause.message : String(cause)}`,
      `correct it and give it to sampan up again, or remove it with --${name}=""`,
      { cause },
    );
  }
}
