import { type FieldSelector, parseFieldSelector } from "../../apimachinery/fields.ts";
import type {
  AuthorizationAttributes,
  AuthorizationDecision,
  Authorizer,
} from "../authorization/authorizer.ts";
import { forbiddenError } from "../authorization/forbidden.ts";
import type { ApiResponse, Filter, Handler, RequestState } from "../endpoints/api-request.ts";

/** May this user do this? 403 otherwise, in the words of k8s.io/apiserver/…/responsewriters.ForbiddenStatusError. */
export function authorization(authorizer: Authorizer): Filter {
  return (state, next) => {
    const attributes = attributesOf(state);
    const decision = authorizer.authorize(attributes);
    if (decision instanceof Promise) return later(state, attributes, decision, next);
    enforce(state, attributes, decision);
    return next(state);
  };
}

async function later(
  state: RequestState,
  attributes: AuthorizationAttributes,
  decision: Promise<AuthorizationDecision>,
  next: Handler,
): Promise<ApiResponse> {
  enforce(state, attributes, await decision);
  return next(state);
}

function enforce(
  state: RequestState,
  attributes: AuthorizationAttributes,
  { decision, reason }: AuthorizationDecision,
): void {
  state.audit?.annotate("authorization.k8s.io/decision", decision === "allow" ? "allow" : "forbid");
  state.audit?.annotate("authorization.k8s.io/reason", reason);
  if (decision === "allow") return;
  state.isForbidden = true;
  throw forbiddenError(attributes, reason);
}

/** What the request does, as authorizers are asked about it. */
export function attributesOf({ user, info, request }: RequestState): AuthorizationAttributes {
  const { verb, isResourceRequest, namespace, group, version, resource, subresource, name, path } = info;
  const fieldSelector = requirementsOf(request.query.get("fieldSelector"));
  const about = {
    user,
    verb,
    isResourceRequest,
    namespace,
    group,
    version,
    resource,
    subresource,
    name,
    path,
  };
  return fieldSelector === undefined ? about : { ...about, fieldSelector };
}

/** A selector that cannot be read narrows nothing here; the endpoint will refuse it. */
function requirementsOf(text: string | null): FieldSelector["requirements"] | undefined {
  if (text === null || text === "") return undefined;
  try {
    return parseFieldSelector(text).requirements;
  } catch {
    return undefined;
  }
}
