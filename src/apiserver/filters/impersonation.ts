import { newForbidden, newInternalError, type StatusError } from "../../apimachinery/status.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorization/authorizer.ts";
import type { ApiRequest, Filter } from "../endpoints/api-request.ts";
import type { UserInfo } from "../request-context.ts";

interface Impersonation {
  readonly user: UserInfo;
  /** Each needs its own permission. */
  readonly checks: readonly {
    group: string;
    resource: string;
    subresource: string;
    namespace: string;
    name: string;
  }[];
}

const serviceAccountPrefix = "system:serviceaccount:";

/** Lets who may do so act as another (mirrors k8s.io/apiserver/pkg/endpoints/filters/impersonation). */
export function impersonation(authorizer: Authorizer): Filter {
  return async (state, next) => {
    const wanted = impersonated(state.request);
    if (wanted === undefined) return next(state);
    for (const check of wanted.checks) await permit(authorizer, state.user, check);
    state.user = wanted.user;
    state.audit?.impersonate(wanted.user);
    return next(state);
  };
}

async function permit(
  authorizer: Authorizer,
  user: UserInfo,
  check: Impersonation["checks"][number],
): Promise<void> {
  const attributes: AuthorizationAttributes = {
    ...check,
    user,
    verb: "impersonate",
    isResourceRequest: true,
    version: check.group === "" ? "" : "v1",
    path: "",
  };
  const { decision, reason } = await authorizer.authorize(attributes);
  if (decision !== "allow") throw refused(user, check, reason);
}

function refused(user: UserInfo, check: Impersonation["checks"][number], reason: string): StatusError {
  const resource = check.subresource === "" ? check.resource : `${check.resource}/${check.subresource}`;
  const where =
    check.namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(check.namespace)}`;
  const why =
    `User ${JSON.stringify(user.name)} cannot impersonate resource ${JSON.stringify(resource)} in API group ` +
    `${JSON.stringify(check.group)} ${where}${reason === "" ? "" : `: ${reason}`}`;
  return newForbidden({ group: check.group, resource: check.resource }, check.name, why);
}

function impersonated(request: ApiRequest): Impersonation | undefined {
  const name = request.header("impersonate-user") ?? "";
  const uid = request.header("impersonate-uid") ?? "";
  const groups = listHeader(request, "impersonate-group");
  const extra = extraOf(request);
  if (name === "") {
    if (groups.length === 0 && uid === "" && Object.keys(extra).length === 0) return undefined;
    throw newInternalError("requested impersonation without impersonating a user");
  }
  const checks: Impersonation["checks"][number][] = [userCheck(name)];
  for (const group of groups) checks.push(subject("groups", group));
  if (uid !== "") checks.push({ ...subject("uids", uid), group: "authentication.k8s.io" });
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) {
      checks.push({ ...subject("userextras", value), group: "authentication.k8s.io", subresource: key });
    }
  }
  const user: UserInfo = { name, uid, groups: effectiveGroups(name, groups), extra };
  return { user, checks };
}

const subject = (resource: string, name: string): Impersonation["checks"][number] => ({
  group: "",
  resource,
  subresource: "",
  namespace: "",
  name,
});

function userCheck(name: string): Impersonation["checks"][number] {
  if (!name.startsWith(serviceAccountPrefix)) return subject("users", name);
  const [namespace = "", account = ""] = name.slice(serviceAccountPrefix.length).split(":");
  return { ...subject("serviceaccounts", account), namespace };
}

/** Service accounts bring their own groups when none are named; everybody but nobody is authenticated. */
function effectiveGroups(name: string, groups: readonly string[]): string[] {
  const effective = [...groups];
  if (groups.length === 0 && name.startsWith(serviceAccountPrefix)) {
    const [namespace = ""] = name.slice(serviceAccountPrefix.length).split(":");
    effective.push("system:serviceaccounts", `system:serviceaccounts:${namespace}`);
  }
  const last = name === "system:anonymous" ? "system:unauthenticated" : "system:authenticated";
  if (!effective.includes("system:authenticated") && !effective.includes("system:unauthenticated")) {
    effective.push(last);
  }
  return effective;
}

const extraPrefix = "impersonate-extra-";

/** `Impersonate-Extra-Scopes: a` → { scopes: ["a"] }; keys are lower case and may be escaped as in a URL. */
function extraOf(request: ApiRequest): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = {};
  for (const header of request.headerNames()) {
    if (!header.startsWith(extraPrefix)) continue;
    extra[unescape(header.slice(extraPrefix.length))] = listHeader(request, header);
  }
  return extra;
}

function unescape(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

function listHeader(request: ApiRequest, name: string): string[] {
  const value = request.header(name) ?? "";
  return value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
