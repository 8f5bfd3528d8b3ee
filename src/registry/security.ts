import type { Scheme } from "../api/scheme.ts";
import type { ResourceQuota, Secret } from "../api/types/core-v1.ts";
import type { Clock } from "../apimachinery/clock.ts";
import { parseApiVersion } from "../apimachinery/gvk.ts";
import type { Random } from "../apimachinery/random.ts";
import { newConflict, staleObject } from "../apimachinery/status.ts";
import { admissionChain } from "../apiserver/admission/chain.ts";
import { ConditionMetrics } from "../apiserver/admission/condition-metrics.ts";
import type { KindMapper } from "../apiserver/admission/owner-references.ts";
import { admissionPolicies } from "../apiserver/admission/policies/index.ts";
import type { QuotaStatusWriter } from "../apiserver/admission/resource-quota.ts";
import {
  admissionWebhooks,
  type FailedWebhook,
  type WebhookFailure,
} from "../apiserver/admission/webhooks/index.ts";
import { ForApiAudiences } from "../apiserver/authentication/audience-agnostic.ts";
import type { TokenAuthenticator } from "../apiserver/authentication/authenticator.ts";
import { BootstrapTokenAuthenticator } from "../apiserver/authentication/bootstrap-token.ts";
import { AuthenticatorChain, type TokenReviewer } from "../apiserver/authentication/chain.ts";
import type { ExternalAuthentication } from "../apiserver/authentication/external-authentication.ts";
import {
  frontProxyNames,
  RequestHeaderAuthenticator,
  type RequestHeaderNames,
} from "../apiserver/authentication/request-header.ts";
import { ServiceAccountAuthenticator } from "../apiserver/authentication/service-account.ts";
import {
  defaultIssuer,
  ServiceAccountTokenIssuer,
} from "../apiserver/authentication/service-account-issuer.ts";
import { StaticTokenAuthenticator } from "../apiserver/authentication/static-token.ts";
import { systemContext } from "../apiserver/authentication/system-context.ts";
import { X509Authenticator } from "../apiserver/authentication/x509.ts";
import type { Authorizer } from "../apiserver/authorization/authorizer.ts";
import { EscalationGuard } from "../apiserver/authorization/escalation.ts";
import { NodeAuthorizer } from "../apiserver/authorization/node.ts";
import { RbacAuthorizer } from "../apiserver/authorization/rbac.ts";
import { AuthorizerUnion, MastersAuthorizer } from "../apiserver/authorization/union.ts";
import { clientCertificateExpiry } from "../apiserver/metrics/security-metrics.ts";
import type { ResourceExtension, ResourceStores } from "../apiserver/registry/strategy.ts";
import type { UserInfo } from "../apiserver/request-context.ts";
import type { Security, SecurityDependencies } from "../apiserver/server.ts";
import type { WebhookIntercept } from "../apiserver/webhook/webhook-caller.ts";
import type { Pki } from "../pki/index.ts";
import { selfSubjectReviewsExtension, tokenReviewsExtension } from "./authentication/reviews.ts";
import {
  localSubjectAccessReviewsExtension,
  selfSubjectAccessReviewsExtension,
  selfSubjectRulesReviewsExtension,
  subjectAccessReviewsExtension,
} from "./authorization/reviews.ts";
import { podCertificateRequestsExtension } from "./certificates/pod-certificate-requests.ts";
import { certificateSigningRequestsExtension } from "./certificates/signing-requests.ts";
import { clusterTrustBundlesExtension } from "./certificates/trust-bundles.ts";
import { serviceAccountsExtension } from "./core/service-accounts.ts";

export interface SecurityOptions {
  readonly pki: Pki;
  readonly clock: Clock;
  readonly random: Random;
  /** `cluster.local`: part of the issuer of service account tokens. */
  readonly clusterDomain?: string;
  /** Of service account tokens; made from the cluster's domain when absent. */
  readonly issuer?: string;
  /** PEM of the authorities whose client certificates are believed; the cluster's own when absent. */
  readonly clientAuthorities?: string;
  /** Proxies beside the cluster's own that are believed whom they name. */
  readonly proxies?: {
    /** PEM of those who sign their certificates. */
    readonly authorities: string;
    /** See RequestHeaderOptions. */
    readonly allowedNames: readonly string[];
    readonly headers: RequestHeaderNames;
  };
  /** What the server shows to other API servers, in PEM; the cluster's own when absent. */
  readonly proxyClient?: { readonly certificate: string; readonly key: string };
  /** Tokens known in advance, for tests and for whoever embeds a cluster. */
  readonly staticTokens?: ReadonlyMap<string, UserInfo>;
  /** See AuthenticatorChainOptions. */
  readonly anonymousPaths?: readonly string[];
  /** Issuers and reviewers elsewhere; opened, and closed, by whoever passes them. */
  readonly external?: Pick<ExternalAuthentication, "tokens" | "anonymous" | "metrics">;
  /** Who decides after the members of system:masters. Default: the cluster's own authorizers. */
  readonly authorizers?: (own: { readonly node: Authorizer; readonly rbac: Authorizer }) => Authorizer;
  readonly enableAdmission?: readonly string[];
  readonly disableAdmission?: readonly string[];
  /** Told of each webhook that could not be asked or gave no usable answer. */
  readonly onWebhookFailure?: (failure: WebhookFailure) => void;
  /** Told of one that had failed, and answers again. */
  readonly onWebhookRecovery?: (webhook: FailedWebhook) => void;
  /** A step before each call of a webhook. Default: none. */
  readonly webhookCalls?: WebhookIntercept | undefined;
}

/** All that makes a cluster safe, in the parts that an ApiServer is made with. */
export interface ClusterSecurity {
  /** Goes into `ApiServerOptions.security`. */
  readonly open: (dependencies: SecurityDependencies) => Security;
  /** Reviews, tokens and signing requests; to be listed beside `registryExtensions`. */
  readonly extensions: readonly ResourceExtension[];
  /** Makes service account tokens; its `keySet` and `discovery` answer /openid/v1/jwks and /.well-known/openid-configuration. */
  readonly tokens: ServiceAccountTokenIssuer;
}

/**
 *   const security = newSecurity({ pki, clock, random });
 *   const server = new ApiServer({ …, security: security.open, extensions: [...registryExtensions(…), ...security.extensions] });
 */
export function newSecurity(options: SecurityOptions): ClusterSecurity {
  const { pki, clock, random, clusterDomain = "cluster.local" } = options;
  const nowMs = (): number => clock.now();
  const issuer = options.issuer ?? defaultIssuer.replace("cluster.local", clusterDomain);
  const tokens = new LazyIssuer(
    () =>
      new ServiceAccountTokenIssuer({
        issuer,
        key: pki.serviceAccountKey,
        publicKeys: pki.serviceAccountKeys,
        nowMs,
        random,
      }),
  );
  const reviewer = new LateReviewer();
  return {
    get tokens() {
      return tokens.get();
    },
    extensions: [
      tokenReviewsExtension(reviewer, [issuer]),
      selfSubjectReviewsExtension,
      subjectAccessReviewsExtension,
      selfSubjectAccessReviewsExtension,
      localSubjectAccessReviewsExtension,
      selfSubjectRulesReviewsExtension,
      certificateSigningRequestsExtension,
      clusterTrustBundlesExtension,
      podCertificateRequestsExtension,
      serviceAccountsExtension(() => tokens.get()),
    ],
    open: ({ reader, stores, scheme, register }) => {
      for (const metric of options.external?.metrics ?? []) register(metric);
      const forApi = (tokens: TokenAuthenticator): TokenAuthenticator =>
        new ForApiAudiences(tokens, [issuer]);
      const authenticator = new AuthenticatorChain({
        certificates: [
          new RequestHeaderAuthenticator({
            proxies: new X509Authenticator({ authorities: () => pki.frontProxyAuthority.certificate, nowMs }),
            allowedNames: frontProxyNames,
          }),
          ...proxiesOf(options, nowMs),
          new X509Authenticator({
            authorities: () => options.clientAuthorities ?? pki.authority.certificate,
            nowMs,
            onAccepted: clientCertificateExpiry(register),
          }),
        ],
        tokens: [
          ...(options.staticTokens === undefined
            ? []
            : [forApi(new StaticTokenAuthenticator(options.staticTokens))]),
          new ServiceAccountAuthenticator({
            reader,
            issuers: [issuer],
            apiAudiences: [issuer],
            get keys() {
              return pki.serviceAccountKeys;
            },
            nowMs,
            onLegacyUse: lastUsedWriter(stores),
          }),
          forApi(new BootstrapTokenAuthenticator({ reader, nowMs })),
          ...(options.external?.tokens ?? []),
        ],
        audiences: [issuer],
        ...(options.anonymousPaths === undefined ? {} : { anonymousPaths: options.anonymousPaths }),
        anonymous: options.external?.anonymous,
      });
      reviewer.connect(authenticator.tokens);
      const rbac = new RbacAuthorizer(reader);
      const node = new NodeAuthorizer(reader);
      const authorizer = new AuthorizerUnion([
        new MastersAuthorizer(),
        ...(options.authorizers === undefined ? [node, rbac] : [options.authorizers({ node, rbac })]),
      ]);
      const conditionMetrics = new ConditionMetrics(clock, register);
      const webhooks = admissionWebhooks({
        reader,
        scheme,
        clock,
        random,
        authorizer,
        register,
        conditionMetrics,
        onFailure: (failure) => options.onWebhookFailure?.(failure),
        onRecovery: (webhook) => options.onWebhookRecovery?.(webhook),
        intercept: options.webhookCalls,
      });
      const policies = admissionPolicies({
        reader,
        scheme,
        authorizer,
        clock,
        register,
        conditionMetrics,
      });
      const admission = admissionChain({
        reader,
        clock,
        random,
        authorizer,
        escalation: new EscalationGuard(authorizer, rbac),
        writeQuotaStatus: quotaStatusWriter(stores),
        resourcesOfKind: kindMapper(scheme),
        register,
        enable: options.enableAdmission,
        disable: options.disableAdmission,
        extensions: [policies.mutating, webhooks.mutating, policies.validating, webhooks.validating],
      });
      return { authenticator, authorizer, admission, close: () => webhooks.close() };
    },
  };
}

/** Keys are made when the first token is: a cluster in a test often needs none. */
class LazyIssuer {
  readonly #make: () => ServiceAccountTokenIssuer;
  #made: ServiceAccountTokenIssuer | undefined;

  constructor(make: () => ServiceAccountTokenIssuer) {
    this.#make = make;
  }

  get(): ServiceAccountTokenIssuer {
    this.#made ??= this.#make();
    return this.#made;
  }
}

/** Extensions are listed before the server, and with it the authenticators, exists. */
class LateReviewer implements TokenAuthenticator {
  #reviewer: TokenReviewer | undefined;

  connect(reviewer: TokenReviewer): void {
    this.#reviewer = reviewer;
  }

  async authenticateToken(token: string, audiences: readonly string[]) {
    return this.#reviewer?.authenticateToken(token, audiences);
  }
}

function kindMapper(scheme: Scheme): KindMapper {
  return (apiVersion, kind) => {
    const found = scheme.resourceForKind({ ...parseApiVersion(apiVersion), kind });
    return found === undefined ? [] : [found];
  };
}

/** Writes down the day on which a token that is kept in a Secret was used. Nobody waits for it; a lost day is no harm. */
function lastUsedWriter(stores: ResourceStores): (secret: Secret, day: string) => void {
  const resource = { group: "", version: "v1", resource: "secrets" };
  const written = new Map<string, string>();
  return ({ metadata }, day) => {
    const { namespace = "", name = "", uid = "" } = metadata;
    if (written.get(uid) === day) return;
    written.set(uid, day);
    const context = systemContext("patch", resource, metadata);
    const labelled = stores.update(context, "", resource.resource, namespace, name, "", (current) => ({
      ...current,
      metadata: {
        ...current.metadata,
        labels: { ...current.metadata.labels, "kubernetes.io/legacy-token-last-used": day },
      },
    }));
    labelled.catch(() => written.delete(uid));
  };
}

/** The server itself writes what a quota has charged; a quota that has changed meanwhile is a conflict. */
function quotaStatusWriter(stores: ResourceStores): QuotaStatusWriter {
  const resource = { group: "", version: "v1", resource: "resourcequotas" };
  return async (quota) => {
    const { name = "", namespace = "", resourceVersion } = quota.metadata;
    const context = systemContext("update", resource, quota.metadata, "status");
    await stores.update(context, "", resource.resource, namespace, name, "status", (current) => {
      if (current.metadata.resourceVersion !== resourceVersion)
        throw newConflict(resource, name, staleObject);
      const { status } = current as unknown as ResourceQuota;
      return { ...current, status: { ...status, used: quota.status?.used } };
    });
  };
}

function proxiesOf({ proxies }: SecurityOptions, nowMs: () => number): RequestHeaderAuthenticator[] {
  if (proxies === undefined) return [];
  const { authorities, ...rest } = proxies;
  const x509 = new X509Authenticator({ authorities: () => authorities, nowMs });
  return [new RequestHeaderAuthenticator({ ...rest, proxies: x509 })];
}
