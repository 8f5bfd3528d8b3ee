import { newForbidden, newStatusError } from "../../apimachinery/status.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorization/authorizer.ts";
import type { Filter } from "../endpoints/api-request.ts";
import type { RequestInfo, UserInfo } from "../request-context.ts";

/** May this user do this? 403 otherwise, in the words of k8s.io/apiserver/…/responsewriters.ForbiddenStatusError. */
export function authorization(authorizer: Authorizer): Filter {
  return async (state, next) => {
    const { decision, reason } = await authorizer.authorize(attributesOf(state.user, state.info));
    if (decision !== "allow") throw forbidden(state.user, state.info, reason);
    return next(state);
  };
}

function attributesOf(user: UserInfo, info: RequestInfo): AuthorizationAttributes {
  const { verb, isResourceRequest, namespace, group, version, resource, subresource, name, path } = info;
  return { user, verb, isResourceRequest, namespace, group, version, resource, subresource, name, path };
}

function forbidden(user: UserInfo, info: RequestInfo, reason: string): Error {
  const why = `${describe(user, info)}${reason === "" ? "" : `: ${reason}`}`;
  if (info.isResourceRequest) return newForbidden(info, info.name, why);
  return newStatusError(403, "Forbidden", `forbidden: ${why}`, { details: {} });
}

/** `User "jane" cannot list resource "pods" in API group "" in the namespace "default"`. */
export function describe(user: UserInfo, info: RequestInfo): string {
  const who = `User ${JSON.stringify(user.name)} cannot ${info.verb}`;
  if (!info.isResourceRequest) return `${who} path ${JSON.stringify(info.path)}`;
  const resource = info.subresource === "" ? info.resource : `${info.resource}/${info.subresource}`;
  const what = `${who} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(info.group)}`;
  if (info.namespace !== "") return `${what} in the namespace ${JSON.stringify(info.namespace)}`;
  return `${what} at the cluster scope`;
}
