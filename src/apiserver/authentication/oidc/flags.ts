import { formatFieldError } from "../../../apimachinery/field-error.ts";
import { isSignatureAlgorithm } from "../../../pki/index.ts";
import type { JwtConfiguration } from "./authentication-configuration.ts";
import { validateConfiguration } from "./validate-configuration.ts";

/** The values of `--oidc-…`, as they are given; the file of the authorities as its text. */
export interface OidcFlags {
  readonly issuerUrl?: string | undefined;
  readonly clientId?: string | undefined;
  readonly usernameClaim?: string | undefined;
  readonly usernamePrefix?: string | undefined;
  readonly groupsClaim?: string | undefined;
  readonly groupsPrefix?: string | undefined;
  /** `KEY=VALUE`, joined by commas. */
  readonly requiredClaims?: string | undefined;
  /** Joined by commas. */
  readonly signingAlgorithms?: string | undefined;
  readonly certificateAuthority?: string | undefined;
}

/**
 * The one issuer that the older flags describe; undefined when none is set. Throws an Error in the words of
 * pkg/kubeapiserver/options/authentication.go.
 */
export function configurationOfFlags(
  flags: OidcFlags,
  disallowedIssuers: readonly string[],
): JwtConfiguration | undefined {
  if (Object.values(flags).every((value) => value === undefined)) return undefined;
  const { issuerUrl: url = "", clientId = "", usernameClaim = "sub", groupsClaim = "" } = flags;
  if (url === "" || clientId === "") {
    throw new Error(
      "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set",
    );
  }
  const signingAlgorithms = words(flags.signingAlgorithms ?? "RS256");
  const unknown = signingAlgorithms.find((name) => !isSignatureAlgorithm(name));
  if (unknown !== undefined) throw new Error(`oidc: unsupported signing alg: ${JSON.stringify(unknown)}`);
  const configuration = {
    issuer: {
      url,
      audiences: [clientId],
      ...(flags.certificateAuthority === undefined
        ? {}
        : { certificateAuthority: flags.certificateAuthority }),
    },
    claimValidationRules: words(flags.requiredClaims ?? "").map(requiredClaim),
    claimMappings: {
      username: { claim: usernameClaim, prefix: usernamePrefix(flags, url, usernameClaim) },
      ...(groupsClaim === "" ? {} : { groups: { claim: groupsClaim, prefix: flags.groupsPrefix ?? "" } }),
    },
    signingAlgorithms,
  };
  const [error] = validateConfiguration({ jwt: [configuration] }, disallowedIssuers);
  if (error !== undefined) throw new Error(formatFieldError(error).replace(/^jwt\[0\]\./, ""));
  return configuration;
}

const words = (list: string): string[] => list.split(",").filter((word) => word !== "");

/** Names of users of one issuer must not pass for those of another: only addresses stand for themselves. */
function usernamePrefix({ usernamePrefix: given = "" }: OidcFlags, url: string, claim: string): string {
  if (given === "-") return "";
  return given === "" && claim !== "email" ? `${url}#` : given;
}

function requiredClaim(pair: string): { claim: string; requiredValue: string } {
  const equals = pair.indexOf("=");
  if (equals < 1) throw new Error(`oidc-required-claim: ${pair} must be formatted as key=value`);
  return { claim: pair.slice(0, equals), requiredValue: pair.slice(equals + 1) };
}
