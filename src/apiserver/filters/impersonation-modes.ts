import { dns1123SubdomainErrors, domainPrefixedPathErrors } from "../../apimachinery/names.ts";
import { groups as knownGroups, serviceAccountGroups, userNames } from "../authentication/users.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorization/authorizer.ts";
import { forbiddenError } from "../authorization/forbidden.ts";
import type { UserInfo } from "../request-context.ts";

export interface Impersonated {
  readonly user: UserInfo;
  /** The verb that allowed it; empty for the one that has no bounds. */
  readonly constraint: string;
}

/**
 * One way to be allowed to act as somebody. Undefined when it is not for such a user; throws 403 when it is, and the
 * requestor lacks a right.
 */
export type ImpersonationMode = (
  wanted: UserInfo,
  request: AuthorizationAttributes,
) => Promise<Impersonated | undefined>;

/**
 * The narrowest first. The bounded ways need two rights: to be that user (`impersonate:MODE`) and to do as another what
 * the request does (`impersonate-on:MODE:VERB`). The unbounded one, `impersonate`, is as old as impersonation.
 */
export function impersonationModes(authorizer: Authorizer): readonly ImpersonationMode[] {
  return [
    associatedNode(authorizer),
    bounded(
      authorizer,
      "arbitrary-node",
      (wanted) => isOnlyName(wanted) && nodeOf(wanted.name) !== undefined,
    ),
    bounded(
      authorizer,
      "serviceaccount",
      (wanted) => isOnlyName(wanted) && accountOf(wanted.name) !== undefined,
    ),
    bounded(
      authorizer,
      "user-info",
      ({ name }) => nodeOf(name) === undefined && accountOf(name) === undefined,
    ),
    (wanted, { user }) => checkedUser({ authorizer, verb: "impersonate", isBounded: false }, wanted, user),
  ];
}

const isOnlyName = ({ uid, groups, extra }: UserInfo): boolean =>
  uid === "" && groups.length === 0 && Object.keys(extra).length === 0;

/** `system:node:NAME` → NAME. */
function nodeOf(userName: string): string | undefined {
  const prefix = "system:node:";
  const name = userName.slice(prefix.length);
  return userName.startsWith(prefix) && dns1123SubdomainErrors(name).length === 0 ? name : undefined;
}

/** `system:serviceaccount:NAMESPACE:NAME`, with both there and valid. */
function accountOf(userName: string): { namespace: string; name: string } | undefined {
  const match = /^system:serviceaccount:([^:]*):([^:]*)$/.exec(userName);
  const [, namespace = "", name = ""] = match ?? [];
  const isValid =
    /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace) && dns1123SubdomainErrors(name).length === 0;
  return match !== null && isValid ? { namespace, name } : undefined;
}

function bounded(
  authorizer: Authorizer,
  mode: string,
  isFor: (wanted: UserInfo, requestor: UserInfo) => boolean,
): ImpersonationMode {
  return async (wanted, request) => {
    if (!isFor(wanted, request.user)) return undefined;
    await permit(authorizer, { ...request, verb: `impersonate-on:${mode}:${request.verb}` });
    const verb = `impersonate:${mode}`;
    return await checkedUser({ authorizer, verb, isBounded: true }, wanted, request.user);
  };
}

/** The node on which the requestor's own pod runs: its token says which. A right for it is a right for every such node. */
function associatedNode(authorizer: Authorizer): ImpersonationMode {
  const anyNode: Authorizer = {
    authorize: (attributes) =>
      authorizer.authorize({
        ...attributes,
        user: withoutExtraValues(attributes.user),
        ...(attributes.verb === "impersonate:associated-node" ? { name: "*" } : {}),
      }),
    rulesFor: (user, namespace) => authorizer.rulesFor(user, namespace),
  };
  return bounded(anyNode, "associated-node", (wanted, requestor) => {
    const node = nodeOf(wanted.name);
    const stated = requestor.extra["authentication.kubernetes.io/node-name"] ?? [];
    const isOwn = node !== undefined && stated.length === 1 && stated[0] === node;
    return isOnlyName(wanted) && accountOf(requestor.name) !== undefined && isOwn;
  });
}

const withoutExtraValues = (user: UserInfo): UserInfo => ({
  ...user,
  extra: { "authentication.kubernetes.io/associated-node-keys": Object.keys(user.extra).toSorted() },
});

interface Checks {
  readonly authorizer: Authorizer;
  readonly verb: string;
  readonly isBounded: boolean;
}

/** Every part of the user needs its own right. */
async function checkedUser(checks: Checks, wanted: UserInfo, requestor: UserInfo): Promise<Impersonated> {
  const groups = await checkName(checks, wanted, requestor);
  if (wanted.uid !== "") await check(checks, requestor, { resource: "uids", name: wanted.uid });
  await checkGroups(checks, wanted.groups, requestor);
  await checkExtra(checks, wanted.extra, requestor);
  const user = { ...wanted, groups: withEverybody(wanted.name, groups) };
  return { user, constraint: checks.isBounded ? checks.verb : "" };
}

interface Target {
  readonly resource: string;
  readonly name: string;
  readonly subresource?: string;
  readonly namespace?: string;
}

/** Names and groups of the unbounded way are in the core group, where they have always been. */
const inCore = new Set(["users", "groups", "serviceaccounts"]);

function attributesFor(
  { verb, isBounded }: Checks,
  user: UserInfo,
  { resource, name, subresource = "", namespace = "" }: Target,
): AuthorizationAttributes {
  const group = !isBounded && inCore.has(resource) ? "" : "authentication.k8s.io";
  const what = { resource, name, subresource, namespace, group, version: "v1" };
  return { user, verb, isResourceRequest: true, path: "", ...what };
}

const check = (checks: Checks, requestor: UserInfo, target: Target): Promise<void> =>
  permit(checks.authorizer, attributesFor(checks, requestor, target));

async function permit(authorizer: Authorizer, attributes: AuthorizationAttributes): Promise<void> {
  const { decision, reason } = await authorizer.authorize(attributes);
  if (decision !== "allow") throw forbiddenError(attributes, reason);
}

/** Nodes and service accounts have groups of their own when none are asked for. */
async function checkName(
  checks: Checks,
  { name, groups }: UserInfo,
  requestor: UserInfo,
): Promise<readonly string[]> {
  const account = accountOf(name);
  const node = checks.isBounded ? nodeOf(name) : undefined;
  if (node !== undefined) {
    await check(checks, requestor, { resource: "nodes", name: node });
    return [knownGroups.nodes];
  }
  if (account !== undefined) {
    await check(checks, requestor, { resource: "serviceaccounts", ...account });
    return groups.length === 0 ? serviceAccountGroups(account.namespace) : groups;
  }
  await check(checks, requestor, { resource: "users", name });
  return groups;
}

/** So many at once are first asked for all together. */
const many = 4;

async function isAllowed(checks: Checks, requestor: UserInfo, target: Target): Promise<boolean> {
  const attributes = attributesFor(checks, requestor, target);
  return (await checks.authorizer.authorize(attributes)).decision === "allow";
}

async function checkGroups(checks: Checks, groups: readonly string[], requestor: UserInfo): Promise<void> {
  const refuse = (name: string, why: string): Error =>
    forbiddenError(attributesFor(checks, requestor, { resource: "groups", name }), why);
  if (checks.isBounded) {
    if (groups.includes("")) throw refuse("", "impersonating the empty string group is not allowed");
    if (groups.includes(knownGroups.masters)) {
      throw refuse(knownGroups.masters, "impersonating the system:masters group is not allowed");
    }
    if (groups.length >= many && (await isAllowed(checks, requestor, { resource: "groups", name: "*" })))
      return;
  }
  for (const name of groups) await check(checks, requestor, { resource: "groups", name });
}

async function checkExtra(checks: Checks, extra: UserInfo["extra"], requestor: UserInfo): Promise<void> {
  const values = Object.entries(extra).flatMap(([key, list]) => list.map((value) => [key, value] as const));
  if (checks.isBounded) {
    const problem = extraProblem(extra);
    if (problem !== undefined) {
      throw forbiddenError(attributesFor(checks, requestor, { resource: "userextras", name: "" }), problem);
    }
    const all = { resource: "userextras", subresource: "*", name: "*" };
    if (values.length >= many && (await isAllowed(checks, requestor, all))) return;
  }
  for (const [subresource, name] of values) {
    await check(checks, requestor, { resource: "userextras", subresource, name });
  }
}

function extraProblem(extra: UserInfo["extra"]): string | undefined {
  for (const [key, values] of Object.entries(extra)) {
    if (key === "") return "impersonating the empty string key in extra is not allowed";
    const [invalid] = domainPrefixedPathErrors(key);
    if (invalid !== undefined) {
      return `impersonating an invalid key in extra is not allowed: extra.key: Invalid value: ${JSON.stringify(key)}: ${invalid}`;
    }
    if (key !== key.toLowerCase()) {
      return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`;
    }
    if (values.length === 0) return "impersonating empty values in extra is not allowed";
    if (values.includes("")) return "impersonating the empty string value in extra is not allowed";
  }
  return undefined;
}

/** Everybody but nobody is authenticated, unless the groups say otherwise. */
function withEverybody(name: string, groups: readonly string[]): readonly string[] {
  const { authenticated, unauthenticated } = knownGroups;
  const last = name === userNames.anonymous ? unauthenticated : authenticated;
  return groups.includes(last) || groups.includes(unauthenticated) ? groups : [...groups, last];
}
