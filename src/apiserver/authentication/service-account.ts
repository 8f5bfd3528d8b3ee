import { type KeyObject, timingSafeEqual } from "node:crypto";
import type { Secret } from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { isObject } from "../../apimachinery/json.ts";
import { KeptByText } from "../../apimachinery/kept-by-text.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { type JwtClaims, parseJwt, verifyJwt } from "../../pki/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { AuthenticatedUser, TokenAuthenticator } from "./authenticator.ts";
import { type BoundClaims, legacyClaims, legacyIssuer } from "./service-account-issuer.ts";
import { credentialIdKey, newUser, rejected, serviceAccountGroups, serviceAccountUserName } from "./users.ts";

interface Options {
  readonly reader: ObjectReader;
  /** Accepted values of `iss`; the first is the one that new tokens carry. */
  readonly issuers: readonly string[];
  /** What tokens without `aud` are meant for. */
  readonly apiAudiences: readonly string[];
  /** Public keys by key id; read when a token comes, so that a getter may make them late. */
  readonly keys: ReadonlyMap<string, KeyObject>;
  readonly nowMs: () => number;
  /** Told when a token that is kept in a Secret is used, to write the day down; not more than once a day for each. */
  readonly onLegacyUse?: (secret: Secret, day: string) => void;
}

/** Clocks of other machines may differ by this much; also, what was deleted this recently still counts as there. */
const leewayMs = 60_000;

const resources = {
  serviceaccount: { group: "", resource: "serviceaccounts" },
  secret: { group: "", resource: "secrets" },
  pod: { group: "", resource: "pods" },
  node: { group: "", resource: "nodes" },
} as const;

/**
 * Service account tokens: bound ones, which end with their time and with the objects they are bound to, and those kept
 * in Secrets. Mirrors pkg/serviceaccount/{jwt,claims,legacy}.go.
 */
export class ServiceAccountAuthenticator implements TokenAuthenticator {
  readonly #options: Options;
  /** Claims of tokens whose signature is known to be good. Everything else about them is checked on every use. */
  readonly #verified = new KeptByText<JwtClaims>({ entriesMax: 4_096, lengthMax: 8_000_000 });

  constructor(options: Options) {
    this.#options = options;
  }

  async authenticateToken(
    token: string,
    audiences: readonly string[],
  ): Promise<AuthenticatedUser | undefined> {
    const issuer = this.#verified.get(token)?.iss ?? parseJwt(token)?.claims.iss;
    if (issuer === undefined || ![legacyIssuer, ...this.#options.issuers].includes(issuer)) return undefined;
    const claims = this.#verify(token);
    const meantFor = this.#checkAudiences(claims, audiences);
    const user = issuer === legacyIssuer ? this.#legacy(claims, token) : this.#bound(claims);
    return { ...user, audiences: meantFor };
  }

  #verify(token: string): JwtClaims {
    const known = this.#verified.get(token);
    if (known !== undefined) return known;
    const claims = verifyJwt(token, this.#options.keys);
    if (claims === undefined) throw rejected("invalid signature");
    this.#verified.set(token, claims);
    return claims;
  }

  #checkAudiences(claims: JwtClaims, wanted: readonly string[]): readonly string[] {
    const stated = typeof claims.aud === "string" ? [claims.aud] : (claims.aud ?? []);
    const own = stated.length === 0 ? this.#options.apiAudiences : stated;
    const common = wanted.filter((audience) => own.includes(audience));
    if (common.length === 0) {
      throw rejected(
        `token audiences ${JSON.stringify(own)} is invalid for the target audiences ${JSON.stringify(wanted)}`,
      );
    }
    return common;
  }

  #bound(claims: JwtClaims): AuthenticatedUser {
    const nowMs = this.#options.nowMs();
    if (typeof claims.exp !== "number" || nowMs - leewayMs > claims.exp * 1000) {
      throw rejected("service account token has expired");
    }
    if (typeof claims.nbf === "number" && nowMs + leewayMs < claims.nbf * 1000) {
      throw rejected("service account token is not valid yet");
    }
    const bound = boundClaims(claims);
    const { namespace = "", serviceaccount, pod, secret, node } = bound;
    const name = serviceaccount?.name ?? "";
    if (claims.sub !== serviceAccountUserName(namespace, name)) throw rejected("sub claim does not match");
    this.#checkReference("serviceaccount", namespace, serviceaccount);
    if (secret !== undefined) this.#checkReference("secret", namespace, secret);
    if (pod !== undefined) this.#checkReference("pod", namespace, pod);
    // Beside a pod the node only says where the pod runs.
    if (node !== undefined && pod === undefined) this.#checkReference("node", "", node);
    return { user: userOf(namespace, name, claims, bound) };
  }

  #checkReference(
    kind: keyof typeof resources,
    namespace: string,
    reference: { readonly name?: string; readonly uid?: string } | undefined,
  ): KubernetesObject {
    const { name = "", uid = "" } = reference ?? {};
    const object = this.#options.reader.get(resources[kind], namespace, name);
    const isAccount = kind === "serviceaccount";
    if (object === undefined) {
      throw rejected(
        isAccount ? `serviceaccounts "${name}" not found` : "service account token has been invalidated",
      );
    }
    if (this.#isGone(object)) {
      throw rejected(
        isAccount
          ? `service account ${namespace}/${name} has been deleted`
          : "service account token has been invalidated",
      );
    }
    if (object.metadata.uid !== uid) throw rejected(wrongUid(kind, object.metadata.uid ?? "", uid));
    return object;
  }

  /** Graceful deletion sets a time in the future, until which a pod keeps its identity. */
  #isGone({ metadata: { deletionTimestamp } }: KubernetesObject): boolean {
    return (
      deletionTimestamp !== undefined && Date.parse(deletionTimestamp) < this.#options.nowMs() - leewayMs
    );
  }

  #legacy(claims: JwtClaims, token: string): AuthenticatedUser {
    const text = (claim: string): string => {
      const value = claims[claim];
      return typeof value === "string" ? value : "";
    };
    const namespace = text(legacyClaims.namespace);
    const name = text(legacyClaims.serviceAccountName);
    const uid = text(legacyClaims.serviceAccountUid);
    const secretName = text(legacyClaims.secretName);
    if ((claims.sub ?? "") === "") throw rejected("sub claim is missing");
    for (const [claim, value] of Object.entries({ namespace, secretName, serviceAccountName: name })) {
      if (value === "") throw rejected(`${claim} claim is missing`);
    }
    if (uid === "") throw rejected("serviceAccountUID claim is missing");
    if (claims.sub !== serviceAccountUserName(namespace, name)) throw rejected("sub claim is invalid");
    const secret = this.#options.reader.get<Secret>(resources.secret, namespace, secretName);
    if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) {
      throw rejected("Token has been invalidated");
    }
    const stored = Buffer.from(secret.data?.token ?? "", "base64");
    const given = Buffer.from(token);
    if (stored.length !== given.length || !timingSafeEqual(stored, given)) {
      throw rejected("Token does not match server's copy");
    }
    this.#checkLegacyAccount(namespace, name, uid);
    this.#noteUse(secret);
    if (secret.metadata.labels?.[invalidSinceLabel] !== undefined) {
      throw rejected(
        `the token in secret ${namespace}/${secretName} for service account ${namespace}/${name} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${invalidSinceLabel}' label from the secret to temporarily allow use of this token`,
      );
    }
    return {
      user: newUser(serviceAccountUserName(namespace, name), serviceAccountGroups(namespace), { uid }),
    };
  }

  #checkLegacyAccount(namespace: string, name: string, uid: string): void {
    const account = this.#options.reader.get(resources.serviceaccount, namespace, name);
    if (account === undefined) throw rejected(`serviceaccounts "${name}" not found`);
    if (account.metadata.deletionTimestamp !== undefined) {
      throw rejected(`ServiceAccount ${namespace}/${name} has been deleted`);
    }
    if (account.metadata.uid !== uid) {
      throw rejected(`ServiceAccount UID (${account.metadata.uid}) does not match claim (${uid})`);
    }
  }

  /** Tokens that nobody uses are taken out of use one day: a day's label is what is known of them. */
  #noteUse(secret: Secret): void {
    const day = formatTime(this.#options.nowMs()).slice(0, 10);
    if (secret.metadata.labels?.[lastUsedLabel] !== day) this.#options.onLegacyUse?.(secret, day);
  }
}

const invalidSinceLabel = "kubernetes.io/legacy-token-invalid-since";
const lastUsedLabel = "kubernetes.io/legacy-token-last-used";

function wrongUid(kind: keyof typeof resources, actual: string, claimed: string): string {
  if (kind === "serviceaccount") return `service account UID (${actual}) does not match claim (${claimed})`;
  const shown = kind === "pod" ? "pod" : kind === "node" ? "node" : "secret";
  return `${shown} UID (${actual}) does not match service account ${shown} ref claim (${claimed})`;
}

function boundClaims(claims: JwtClaims): BoundClaims {
  const value = claims["kubernetes.io"];
  if (!isObject(value)) throw rejected("service account token has no kubernetes.io claim");
  return value;
}

function userOf(
  namespace: string,
  name: string,
  claims: JwtClaims,
  { serviceaccount, pod, node }: BoundClaims,
): AuthenticatedUser["user"] {
  const extra: Record<string, readonly string[]> = {};
  if (pod !== undefined) {
    extra["authentication.kubernetes.io/pod-name"] = [pod.name ?? ""];
    extra["authentication.kubernetes.io/pod-uid"] = [pod.uid ?? ""];
  }
  if (claims.jti !== undefined) extra[credentialIdKey] = [`JTI=${claims.jti}`];
  if (node !== undefined) {
    extra["authentication.kubernetes.io/node-name"] = [node.name ?? ""];
    extra["authentication.kubernetes.io/node-uid"] = [node.uid ?? ""];
  }
  return newUser(serviceAccountUserName(namespace, name), serviceAccountGroups(namespace), {
    uid: serviceaccount?.uid ?? "",
    extra,
  });
}
