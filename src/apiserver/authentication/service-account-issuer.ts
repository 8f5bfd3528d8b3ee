import type { KeyObject } from "node:crypto";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { Random } from "../../apimachinery/random.ts";
import { type JwtClaims, jsonWebKeySet, keyId, signJwt } from "../../pki/index.ts";
import { serviceAccountUserName } from "./users.ts";

/** The default issuer and audience of a cluster. */
export const defaultIssuer = "https://kubernetes.default.svc.cluster.local";

export interface ServiceAccountTokenIssuerOptions {
  readonly issuer: string;
  /** The audiences of the API server itself; default: the issuer. */
  readonly audiences?: readonly string[];
  readonly key: KeyObject;
  /** Public keys that discovery shows, by key id. */
  readonly publicKeys: ReadonlyMap<string, KeyObject>;
  readonly nowMs: () => number;
  readonly random: Random;
}

export interface TokenToIssue {
  readonly serviceAccount: KubernetesObject;
  /** The object with whose deletion the token ends: at most one of pod, secret and, without a pod, node. */
  readonly pod?: KubernetesObject | undefined;
  readonly secret?: KubernetesObject | undefined;
  readonly node?: KubernetesObject | undefined;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** Seconds from now after which the use of an extended token is worth a warning. */
  readonly warnAfterSeconds?: number | undefined;
}

interface Reference {
  readonly name?: string;
  readonly uid?: string;
}

/** The private claims of bound tokens, under `kubernetes.io`. */
export interface BoundClaims {
  readonly namespace?: string;
  readonly serviceaccount?: Reference;
  readonly pod?: Reference;
  readonly secret?: Reference;
  readonly node?: Reference;
  readonly warnafter?: number;
}

/** Makes bound service account tokens, and describes itself to those who verify them elsewhere (OIDC discovery). */
export class ServiceAccountTokenIssuer {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly #options: ServiceAccountTokenIssuerOptions;
  readonly #keyId: string;

  constructor(options: ServiceAccountTokenIssuerOptions) {
    this.issuer = options.issuer;
    this.audiences = options.audiences ?? [options.issuer];
    this.#options = options;
    this.#keyId = keyId(options.key);
  }

  /** A signed token. Claims mirror pkg/serviceaccount/claims.go. */
  issue(token: TokenToIssue): string {
    const { metadata } = token.serviceAccount;
    const nowSeconds = Math.floor(this.#options.nowMs() / 1000);
    const bound: BoundClaims = {
      namespace: metadata.namespace ?? "",
      ...(token.node === undefined ? {} : { node: reference(token.node) }),
      ...(token.pod === undefined ? {} : { pod: reference(token.pod) }),
      ...(token.secret === undefined ? {} : { secret: reference(token.secret) }),
      serviceaccount: reference(token.serviceAccount),
      ...(token.warnAfterSeconds === undefined ? {} : { warnafter: nowSeconds + token.warnAfterSeconds }),
    };
    const claims: JwtClaims = {
      aud: token.audiences,
      exp: nowSeconds + token.expirationSeconds,
      iat: nowSeconds,
      iss: this.issuer,
      jti: this.#options.random.uuid(),
      "kubernetes.io": bound,
      nbf: nowSeconds,
      sub: serviceAccountUserName(metadata.namespace ?? "", metadata.name ?? ""),
    };
    return signJwt(claims, this.#options.key, this.#keyId);
  }

  /** A token without end, kept in a Secret of type kubernetes.io/service-account-token. */
  issueLegacy(serviceAccount: KubernetesObject, secret: KubernetesObject): string {
    const { namespace = "", name = "", uid = "" } = serviceAccount.metadata;
    const claims: JwtClaims = {
      iss: legacyIssuer,
      [legacyClaims.namespace]: namespace,
      [legacyClaims.secretName]: secret.metadata.name ?? "",
      [legacyClaims.serviceAccountName]: name,
      [legacyClaims.serviceAccountUid]: uid,
      sub: serviceAccountUserName(namespace, name),
    };
    return signJwt(claims, this.#options.key, this.#keyId);
  }

  /** The answer of /openid/v1/jwks; its media type is application/jwk-set+json. */
  keySet(): { keys: Record<string, unknown>[] } {
    return jsonWebKeySet(this.#options.publicKeys);
  }

  /** The answer of /.well-known/openid-configuration. */
  discovery(externalUrl: string = this.issuer): Record<string, unknown> {
    const algorithms = this.keySet().keys.map((key) => key.alg);
    return {
      issuer: this.issuer,
      jwks_uri: `${externalUrl.replace(/\/$/, "")}/openid/v1/jwks`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: [...new Set(algorithms)],
    };
  }
}

const reference = ({ metadata }: KubernetesObject): Reference => ({
  name: metadata.name ?? "",
  uid: metadata.uid ?? "",
});

export const legacyIssuer = "kubernetes/serviceaccount";
export const legacyClaims = {
  namespace: "kubernetes.io/serviceaccount/namespace",
  secretName: "kubernetes.io/serviceaccount/secret.name",
  serviceAccountName: "kubernetes.io/serviceaccount/service-account.name",
  serviceAccountUid: "kubernetes.io/serviceaccount/service-account.uid",
} as const;
