import { dns1123LabelErrors, dns1123SubdomainErrors } from "../../apimachinery/names.ts";
import { CelPending } from "../errors.ts";
import type { CelType } from "../types.ts";
import { CelErr, CelOpaque, type CelValue } from "../values.ts";
import { type FunctionDeclaration, type Implementation, noSuchOverload, Signatures } from "./declare.ts";

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

const struct = (name: string): CelType => ({
  kind: "struct",
  name: `kubernetes.authorization.${name}`,
  params: [],
});

/** The type to declare the variable `authorizer` with. */
export const authorizerType = struct("Authorizer");
const pathCheckType = struct("PathCheck");
const groupCheckType = struct("GroupCheck");
/** The type to declare the variable `authorizer.requestResource` with. */
export const resourceCheckType = struct("ResourceCheck");
const decisionType = struct("Decision");

const s = new Signatures({
  authorizer: authorizerType,
  path: pathCheckType,
  group: groupCheckType,
  resource: resourceCheckType,
  decision: decisionType,
});

const none = { group: "", resource: "", subresource: "", namespace: "", name: "" };

/** An authorizer, or a request that is being put together. */
export class CheckValue extends CelOpaque {
  readonly type: CelType;
  readonly answers: Answers;
  readonly request: Omit<CelAuthorizationRequest, "verb">;

  constructor(type: CelType, answers: Answers, request: Omit<CelAuthorizationRequest, "verb">) {
    super();
    this.type = type;
    this.answers = answers;
    this.request = request;
  }

  override equals(other: CelValue): boolean | CelErr {
    return other instanceof CheckValue ? other === this : noSuchOverload;
  }

  with(type: CelType, request: Partial<CelAuthorizationRequest>): CheckValue {
    return new CheckValue(type, this.answers, { ...this.request, ...request });
  }
}

type Answer = { readonly decision?: CelDecision; readonly error?: string };

/** The answers of one evaluation. One that is not there yet ends the evaluation with `CelPending`; it is then repeated. */
export class Answers {
  readonly #authorizer: CelAuthorizer;
  readonly #known = new Map<string, Answer>();

  constructor(authorizer: CelAuthorizer) {
    this.#authorizer = authorizer;
  }

  get(request: CelAuthorizationRequest): Answer {
    const key = JSON.stringify(request);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    throw new CelPending(
      this.#authorizer.authorize(request).then(
        (decision) => void this.#known.set(key, { decision }),
        (error: unknown) =>
          void this.#known.set(key, { error: error instanceof Error ? error.message : String(error) }),
      ),
    );
  }
}

/** The value of the variable `authorizer` for one evaluation. */
export function authorizerValue(authorizer: CelAuthorizer): CheckValue {
  return new CheckValue(authorizerType, new Answers(authorizer), none);
}

/** The value of the variable `authorizer.requestResource`: a check of the resource that a request names. */
export function requestResource(
  authorizer: CelAuthorizer,
  request: Pick<CelAuthorizationRequest, "group" | "resource" | "subresource" | "namespace" | "name">,
): CelValue {
  return new CheckValue(resourceCheckType, new Answers(authorizer), request);
}

class DecisionValue extends CelOpaque {
  readonly type = decisionType;
  readonly answer: Answer;

  constructor(answer: Answer) {
    super();
    this.answer = answer;
  }

  override equals(other: CelValue): boolean | CelErr {
    return other instanceof DecisionValue ? other.answer === this.answer : noSuchOverload;
  }
}

/** A step that adds a text to the request. */
const step =
  (
    from: CelType,
    to: CelType,
    add: (text: string) => Partial<CelAuthorizationRequest> | CelErr,
  ): Implementation =>
  (check, text) => {
    if (!(check instanceof CheckValue) || check.type !== from || typeof text !== "string")
      return noSuchOverload;
    const added = add(text);
    return added instanceof CelErr ? added : check.with(to, added);
  };

const notEmpty =
  (name: "path" | "resource") =>
  (text: string): Partial<CelAuthorizationRequest> | CelErr =>
    text.trim() === "" ? new CelErr(`${name} must not be empty`) : { [name]: text };

const onResource = (
  name: "subresource" | "namespace" | "name" | "fieldSelector" | "labelSelector",
): Implementation => step(resourceCheckType, resourceCheckType, (text) => ({ [name]: text }));

const serviceAccount: Implementation = (authorizer, namespace, name) => {
  if (!(authorizer instanceof CheckValue) || typeof namespace !== "string" || typeof name !== "string") {
    return noSuchOverload;
  }
  if (dns1123SubdomainErrors(name).length > 0) return new CelErr("Invalid service account name");
  if (dns1123LabelErrors(namespace).length > 0) return new CelErr("Invalid service account namespace");
  return authorizer.with(authorizerType, { serviceAccount: { namespace, name } });
};

const check: Implementation = (request, verb) => {
  if (!(request instanceof CheckValue) || typeof verb !== "string") return noSuchOverload;
  return new DecisionValue(request.answers.get({ ...request.request, verb }));
};

const onDecision =
  (of: (answer: Answer) => CelValue): Implementation =>
  (decision) =>
    decision instanceof DecisionValue ? of(decision.answer) : noSuchOverload;

export const authorizationFunctions: readonly FunctionDeclaration[] = [
  s.fn("path", {
    "authorizer_path: authorizer.(string) -> path": step(authorizerType, pathCheckType, notEmpty("path")),
  }),
  s.fn("group", {
    "authorizer_group: authorizer.(string) -> group": step(authorizerType, groupCheckType, (group) => ({
      group,
    })),
  }),
  s.fn("serviceAccount", {
    "authorizer_serviceaccount: authorizer.(string, string) -> authorizer": serviceAccount,
  }),
  s.fn("resource", {
    "groupcheck_resource: group.(string) -> resource": step(
      groupCheckType,
      resourceCheckType,
      notEmpty("resource"),
    ),
  }),
  s.fn("subresource", {
    "resourcecheck_subresource: resource.(string) -> resource": onResource("subresource"),
  }),
  s.fn("namespace", { "resourcecheck_namespace: resource.(string) -> resource": onResource("namespace") }),
  s.fn("name", { "resourcecheck_name: resource.(string) -> resource": onResource("name") }),
  s.fn("check", {
    "pathcheck_check: path.(string) -> decision": check,
    "resourcecheck_check: resource.(string) -> decision": check,
  }),
  s.fn("errored", {
    "decision_errored: decision.() -> bool": onDecision(({ error }) => error !== undefined),
  }),
  s.fn("error", { "decision_error: decision.() -> string": onDecision(({ error }) => error ?? "") }),
  s.fn("allowed", {
    "decision_allowed: decision.() -> bool": onDecision(({ decision }) => decision?.allowed ?? false),
  }),
  s.fn("reason", {
    "decision_reason: decision.() -> string": onDecision(({ decision }) => decision?.reason ?? ""),
  }),
];

export const selectorFunctions: readonly FunctionDeclaration[] = [
  s.fn("fieldSelector", {
    "authorizer_fieldselector: resource.(string) -> resource": onResource("fieldSelector"),
  }),
  s.fn("labelSelector", {
    "authorizer_labelselector: resource.(string) -> resource": onResource("labelSelector"),
  }),
];
