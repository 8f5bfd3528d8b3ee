import { newForbidden, type StatusError } from "../../apimachinery/status.ts";
import type { AuthorizationAttributes } from "./authorizer.ts";

/** The 403 for a request that no authorizer allows, in the words of Kubernetes (endpoints/handlers/responsewriters). */
export function forbiddenError(attributes: AuthorizationAttributes, reason = ""): StatusError {
  const message = escape(describe(attributes));
  const { group, resource, name } = attributes.isResourceRequest
    ? attributes
    : { group: "", resource: "", name: "" };
  return newForbidden({ group, resource }, name, reason === "" ? message : `${message}: ${reason}`);
}

function describe({ user, verb, ...request }: AuthorizationAttributes): string {
  const who = `User ${JSON.stringify(user.name)} cannot ${verb}`;
  if (!request.isResourceRequest) return `${who} path ${JSON.stringify(request.path)}`;
  const resource =
    request.subresource === "" ? request.resource : `${request.resource}/${request.subresource}`;
  const what = `${who} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(request.group)}`;
  return request.namespace === ""
    ? `${what} at the cluster scope`
    : `${what} in the namespace ${JSON.stringify(request.namespace)}`;
}

/** The message repeats what a client sent; a browser that shows it must not find markup in it. */
const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
