import type { Clock } from "../apimachinery/clock.ts";
import type { Random } from "../apimachinery/random.ts";
import { admissionChain } from "../apiserver/admission/chain.ts";
import { AuthenticatorChain } from "../apiserver/authentication/chain.ts";
import { ServiceAccountAuthenticator } from "../apiserver/authentication/service-account.ts";
import { defaultIssuer } from "../apiserver/authentication/service-account-issuer.ts";
import { X509Authenticator } from "../apiserver/authentication/x509.ts";
import { NodeAuthorizer } from "../apiserver/authorization/node.ts";
import { RbacAuthorizer } from "../apiserver/authorization/rbac.ts";
import { AuthorizerUnion, MastersAuthorizer } from "../apiserver/authorization/union.ts";
import type { ResourceExtension } from "../apiserver/registry/strategy.ts";
import type { ApiServerOptions, SecurityDependencies } from "../apiserver/server.ts";
import type { Pki } from "../pki/index.ts";

export function newSecurity(options: { pki: Pki; clock: Clock; random: Random; clusterDomain: string }): {
  open: ApiServerOptions["security"];
  extensions: ResourceExtension[];
} {
  const { pki, clock, random } = options;
  const nowMs = (): number => clock.now();
  return {
    extensions: [],
    open: ({ reader }: SecurityDependencies) => {
      const authorizer = new AuthorizerUnion([new MastersAuthorizer(), new NodeAuthorizer(reader), new RbacAuthorizer(reader)]);
      return {
        authenticator: new AuthenticatorChain({
          certificates: [new X509Authenticator({ authorities: () => pki.authority.certificate, nowMs })],
          tokens: [new ServiceAccountAuthenticator({ reader, issuers: [defaultIssuer], apiAudiences: [defaultIssuer], keys: pki.serviceAccountKeys, nowMs })],
          audiences: [defaultIssuer],
        }),
        authorizer,
        admission: admissionChain({
          reader, clock, random, authorizer,
          writeQuotaStatus: async () => {},
          resourcesOfKind: () => [],
        }),
      };
    },
  };
}
