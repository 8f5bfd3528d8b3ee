import { isObject } from "../../../apimachinery/json.ts";
import { type JwtClaims } from "../../../pki/index.ts";
import { type IdTokenRules, untrustedIssuer, verifyIdToken } from "./id-token.ts";
import type { IssuerFetch } from "./issuer-fetch.ts";
import type { OidcProvider } from "./provider.ts";

interface Options {
  /** The claim that may be kept elsewhere: groups, of which some users have too many for a token. */
  readonly claim: string;
  readonly fetch: IssuerFetch;
  readonly newProvider: (issuer: string) => OidcProvider;
  readonly rules: (issuer: string) => IdTokenRules;
}

/**
 * Claims that a token only points to (OpenID Connect Core, 5.6.2): the answer of the endpoint is a token in turn, which
 * its own issuer has signed and for which the same rules hold.
 */
export class DistributedClaims {
  readonly #options: Options;
  readonly #providers = new Map<string, OidcProvider>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** The claims with what they point to; rejects when that cannot be had. */
  async expand(claims: JwtClaims): Promise<JwtClaims> {
    const { claim } = this.#options;
    if (Object.hasOwn(claims, claim) || !Object.hasOwn(claims, "_claim_names")) return claims;
    const names = claims["_claim_names"];
    if (!isObject(names)) throw new Error("oidc: error parsing distributed claim names");
    if (!Object.hasOwn(claims, "_claim_sources")) throw new Error("oidc: no claim sources");
    const sources = claims["_claim_sources"];
    if (!isObject(sources)) throw new Error("oidc: could not parse claim sources");
    const source = Object.hasOwn(names, claim) ? names[claim] : undefined;
    if (typeof source !== "string") return claims;
    const endpoint = Object.hasOwn(sources, source) ? sources[source] : undefined;
    if (!isObject(endpoint)) {
      throw new Error(`id token _claim_names contained a source ${source} missing in _claims_sources`);
    }
    const { endpoint: url, access_token: accessToken } = endpoint;
    // Without an address it is an aggregated claim, which is not supported.
    if (typeof url !== "string" || url === "") return claims;
    const value = await this.#resolve(url, typeof accessToken === "string" ? accessToken : "");
    return { ...claims, [claim]: value };
  }

  close(): void {
    for (const provider of this.#providers.values()) provider.close();
  }

  async #resolve(url: string, accessToken: string): Promise<unknown> {
    const { claim, fetch, rules } = this.#options;
    const answer = await fetch(url, accessToken === "" ? undefined : accessToken);
    if (answer.status < 200 || answer.status > 226) {
      throw new Error(
        `while getting distributed claim ${JSON.stringify(claim)}: error while getting distributed claim JWT: ${answer.statusText}`,
      );
    }
    const token = answer.body.trim();
    const issuer = untrustedIssuer(token);
    if (issuer === undefined) {
      throw new Error(
        `getting untrusted issuer from endpoint ${url} failed for claim ${JSON.stringify(claim)}`,
      );
    }
    const { keys } = this.#provider(issuer);
    if (keys === undefined) {
      throw new Error(
        `verifying untrusted issuer ${issuer} failed: verifier not initialized for issuer: ${JSON.stringify(issuer)}`,
      );
    }
    const claims = await verifyIdToken(token, keys, rules(issuer));
    if (Object.hasOwn(claims, claim)) return claims[claim];
    throw new Error(
      `jwt returned by distributed claim endpoint ${JSON.stringify(url)} did not contain claim: ${claim}`,
    );
  }

  #provider(issuer: string): OidcProvider {
    let provider = this.#providers.get(issuer);
    if (provider === undefined) {
      provider = this.#options.newProvider(issuer);
      this.#providers.set(issuer, provider);
      provider.start();
    }
    return provider;
  }
}
