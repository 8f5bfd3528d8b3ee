import { newStatusError, type StatusError } from "../../apimachinery/status.ts";
import type { UserInfo } from "../request-context.ts";
import type { AuthenticatedUser } from "./authenticator.ts";

/** Names that mean something to the API server itself (k8s.io/apiserver/pkg/authentication/user). */
export const groups = {
  masters: "system:masters",
  authenticated: "system:authenticated",
  unauthenticated: "system:unauthenticated",
  nodes: "system:nodes",
  serviceAccounts: "system:serviceaccounts",
  bootstrappers: "system:bootstrappers",
  monitoring: "system:monitoring",
} as const;

export const userNames = {
  anonymous: "system:anonymous",
  apiServer: "system:apiserver",
  kubeControllerManager: "system:kube-controller-manager",
  kubeScheduler: "system:kube-scheduler",
  kubeProxy: "system:kube-proxy",
} as const;

/** Which credential was used; auditors follow it, and TokenReview shows it. */
export const credentialIdKey = "authentication.kubernetes.io/credential-id";

/** A user of the given name and groups, as authenticators make them. */
export function newUser(
  name: string,
  groups: readonly string[] = [],
  { uid = "", extra = {} }: Partial<Pick<UserInfo, "uid" | "extra">> = {},
): UserInfo {
  return { name, uid, groups, extra };
}

/** Who speaks for the API server itself, and may do everything. */
export const systemUser: UserInfo = newUser(userNames.apiServer, [groups.masters, groups.authenticated]);

export const anonymousUser: UserInfo = newUser(userNames.anonymous, [groups.unauthenticated]);

export const isAnonymous = (user: UserInfo): boolean => user.name === userNames.anonymous;

/** Adds `system:authenticated`, once, to everybody but the anonymous. */
export function withAuthenticatedGroup(authenticated: AuthenticatedUser): AuthenticatedUser {
  const { user } = authenticated;
  if (user.groups.includes(groups.authenticated) || user.groups.includes(groups.unauthenticated)) {
    return authenticated;
  }
  return { ...authenticated, user: { ...user, groups: [...user.groups, groups.authenticated] } };
}

/** `system:serviceaccount:NAMESPACE:NAME`. */
export const serviceAccountUserName = (namespace: string, name: string): string =>
  `system:serviceaccount:${namespace}:${name}`;

export const serviceAccountGroups = (namespace: string): string[] => [
  groups.serviceAccounts,
  `${groups.serviceAccounts}:${namespace}`,
];

/** The name of the node when the user is one: `system:node:NAME` of `system:nodes`. */
export function nodeNameOf(user: UserInfo): string | undefined {
  const prefix = "system:node:";
  return user.name.startsWith(prefix) && user.groups.includes(groups.nodes)
    ? user.name.slice(prefix.length)
    : undefined;
}

/** 401 for the client, who learns nothing more; the reason travels as the cause. */
export function rejected(why: string): StatusError {
  return newStatusError(401, "Unauthorized", "Unauthorized", { cause: new Error(why) });
}

/** Why credentials were rejected: for logs and TokenReview. */
export function rejectionReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
