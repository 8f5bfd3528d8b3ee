import type { CelType } from "../types.ts";

/** Who may do what, for the expression's `authorizer` variable. */
export interface CelAuthorizer {
  /** Called at most once per evaluation for the same request. A rejection becomes the decision's error. */
  authorize(request: CelAuthorizationRequest): Promise<CelDecision>;
}

/** What an expression asks: `authorizer.group('apps').resource('deployments').namespace('x').check('create')`. */
export interface CelAuthorizationRequest {
  /** Set by `authorizer.serviceAccount(namespace, name)`; otherwise the user of the request is meant. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
  readonly verb: string;
  /** Set for requests that name no resource; all below are then empty. */
  readonly path?: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface CelDecision {
  readonly allowed: boolean;
  readonly reason: string;
}

/** The type to declare the variable `authorizer` with. */
export const authorizerType: CelType = {
  kind: "struct",
  name: "kubernetes.authorization.Authorizer",
  params: [],
};
