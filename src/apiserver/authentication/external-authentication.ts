import type { Clock } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { Metric } from "../../apimachinery/metrics.ts";
import { HttpsTransport } from "../../client/https-transport.ts";
import { loadKubeconfig, resolveContext } from "../../client/kubeconfig.ts";
import { ForApiAudiences } from "./audience-agnostic.ts";
import type { TokenAuthenticator } from "./authenticator.ts";
import type {
  AnonymousConfiguration,
  AuthenticationConfiguration,
} from "./oidc/authentication-configuration.ts";
import { configurationOfFlags, type OidcFlags } from "./oidc/flags.ts";
import { JwtAuthenticators } from "./oidc/jwt-authenticators.ts";
import { messageOf } from "./oidc/key-set.ts";
import { readConfiguration } from "./oidc/read-configuration.ts";
import { TokenCache } from "./token-cache.ts";
import { WatchedFile } from "./watched-file.ts";
import { WebhookTokenAuthenticator } from "./webhook-token.ts";

export interface ExternalAuthenticationOptions {
  /** The file of `--authentication-config`; a change of its content is taken up while the server runs. */
  readonly configurationFile?: string | undefined;
  readonly oidc?: OidcFlags | undefined;
  /** The kubeconfig of `--authentication-token-webhook-config-file`. */
  readonly webhookFile?: string | undefined;
  /** `--authentication-token-webhook-cache-ttl`; two minutes by default. */
  readonly webhookCacheTtlMs?: number | undefined;
  /** The server's own issuer and audience: nobody else may speak in its name. */
  readonly ownIssuer: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Authenticators that ask others, as settings describe them. */
export interface ExternalAuthentication {
  /** In the order in which they are asked, after the cluster's own. Their tokens are meant for the API server. */
  readonly tokens: readonly TokenAuthenticator[];
  /** What the configuration says of requests without credentials, now; undefined when it says nothing. */
  readonly anonymous: () => AnonymousConfiguration | undefined;
  /** What is measured of them. */
  readonly metrics: readonly Metric[];
  close(): void;
}

const defaultWebhookCacheTtlMs = 120_000;

/** Nobody is asked anything before this returns: a cluster starts whether its issuers run or not. */
export function openExternalAuthentication(options: ExternalAuthenticationOptions): ExternalAuthentication {
  const { clock, ownIssuer, configurationFile } = options;
  const logger = options.logger.named("authentication");
  const flags = options.oidc === undefined ? undefined : configurationOfFlags(options.oidc, [ownIssuer]);
  if (flags !== undefined && configurationFile !== undefined) {
    throw new Error("authentication-config file and oidc-* flags are mutually exclusive");
  }
  const webhook = options.webhookFile === undefined ? undefined : newWebhook(options.webhookFile, options);
  const jwt = new JwtAuthenticators({ clock, logger });
  let configuration: AuthenticationConfiguration = { jwt: flags === undefined ? [] : [flags] };
  let reloading = Promise.resolve();
  const reload = async (text: string): Promise<void> => {
    try {
      const next = readConfiguration(text, [ownIssuer]);
      await jwt.replace(next.jwt);
      configuration = next;
      logger.info("the authentication configuration was taken up", { file: configurationFile });
    } catch (error) {
      logger.error("the authentication configuration stays as it was", {
        file: configurationFile,
        error: messageOf(error),
      });
    }
  };
  const file =
    configurationFile === undefined
      ? undefined
      : new WatchedFile(configurationFile, clock, (text) => {
          // One after the other: the last one written must be the one that stays.
          reloading = reloading.then(() => reload(text));
        });
  try {
    if (file !== undefined) configuration = readConfiguration(file.text, [ownIssuer]);
  } catch (error) {
    file?.close();
    throw error;
  }
  jwt.open(configuration.jwt);
  return {
    tokens: [new ForApiAudiences(jwt, [ownIssuer]), ...(webhook === undefined ? [] : [webhook.tokens])],
    anonymous: () => configuration.anonymous,
    metrics: webhook?.tokens.metrics ?? [],
    close() {
      file?.close();
      jwt.close();
      webhook?.transport.close();
    },
  };
}

function newWebhook(
  path: string,
  { clock, ownIssuer, webhookCacheTtlMs = defaultWebhookCacheTtlMs }: ExternalAuthenticationOptions,
): { tokens: TokenCache; transport: HttpsTransport } {
  const { transport: options } = resolveContext(loadKubeconfig([path]));
  const transport = new HttpsTransport({ ...options, clock });
  const webhook = new WebhookTokenAuthenticator({ transport, apiAudiences: [ownIssuer], clock });
  const ttl = { successTtlMs: webhookCacheTtlMs, failureTtlMs: webhookCacheTtlMs };
  return { tokens: new TokenCache(webhook, { clock, ...ttl }), transport };
}
