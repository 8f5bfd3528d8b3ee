import { readFileSync } from "node:fs";
import {
  type ExternalAuthentication,
  openExternalAuthentication,
} from "../apiserver/authentication/external-authentication.ts";
import type { OidcFlags } from "../apiserver/authentication/oidc/flags.ts";
import { readConfiguration } from "../apiserver/authentication/oidc/read-configuration.ts";
import { defaultIssuer } from "../apiserver/authentication/service-account-issuer.ts";
import type { ApiServerContext } from "./api-server-parts.ts";
import type { ApiServerSettings } from "./api-server-settings.ts";

/** Opens the authenticators that settings ask for; undefined when they ask for none. Throws for a mistake in them. */
export function externalAuthentication(
  settings: ApiServerSettings,
  { clock, logger }: ApiServerContext,
): ExternalAuthentication | undefined {
  const configurationFile = settings["authentication-config"];
  const webhookFile = settings["authentication-token-webhook-config-file"];
  const oidc = oidcFlags(settings);
  const isAsked = [configurationFile, webhookFile, ...Object.values(oidc)].some(
    (value) => value !== undefined,
  );
  if (!isAsked) return undefined;
  return openExternalAuthentication({
    configurationFile,
    webhookFile,
    oidc,
    ownIssuer: defaultIssuer,
    clock,
    logger,
  });
}

function oidcFlags(settings: ApiServerSettings): OidcFlags {
  const caFile = settings["oidc-ca-file"];
  return {
    issuerUrl: settings["oidc-issuer-url"],
    clientId: settings["oidc-client-id"],
    usernameClaim: settings["oidc-username-claim"],
    usernamePrefix: settings["oidc-username-prefix"],
    groupsClaim: settings["oidc-groups-claim"],
    groupsPrefix: settings["oidc-groups-prefix"],
    requiredClaims: settings["oidc-required-claim"],
    signingAlgorithms: settings["oidc-signing-algs"],
    certificateAuthority: caFile === undefined ? undefined : readFileSync(caFile, "utf8"),
  };
}

/** Throws an Error that names each mistake of an AuthenticationConfiguration. */
export function checkAuthenticationConfiguration(text: string): string {
  readConfiguration(text, [defaultIssuer]);
  return text;
}
