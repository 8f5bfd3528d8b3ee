import type { Namespace } from "../../../api/types/core-v1.ts";
import { type CelAuthorizer, requestResource } from "../../../cel/index.ts";
import { newUser, serviceAccountGroups, serviceAccountUserName } from "../../authentication/users.ts";
import type { Authorizer } from "../../authorization/authorizer.ts";
import type { AdmissionAttributes } from "../admission.ts";
import { requestOf, type VersionedRequest } from "../webhooks/admission-review.ts";

/** What expressions see of a request, by the names of the variables. Values are made when an expression reads them. */
export function expressionInputs(
  attributes: AdmissionAttributes,
  versioned: VersionedRequest,
  others: {
    readonly namespace?: Namespace | undefined;
    readonly params?: unknown;
    readonly authorizer?: Authorizer;
  },
): Record<string, unknown> {
  const { authorizer } = others;
  return {
    object: versioned.object ?? null,
    oldObject: versioned.oldObject ?? null,
    request: () => requestOf(attributes, versioned),
    namespaceObject: () => namespaceValue(others.namespace),
    params: others.params ?? null,
    ...(authorizer === undefined ? {} : authorizerInputs(attributes, authorizer)),
  };
}

function authorizerInputs(attributes: AdmissionAttributes, authorizer: Authorizer): Record<string, unknown> {
  const asked = new RequestAuthorizer(attributes, authorizer);
  const { resource, subresource, namespace, name } = attributes;
  const own = { group: resource.group, resource: resource.resource, subresource, namespace, name };
  return { authorizer: asked, "authorizer.requestResource": requestResource(asked, own) };
}

/** Owner references and managed fields are nobody's business here. */
function namespaceValue(namespace: Namespace | undefined): object | null {
  if (namespace === undefined) return null;
  const { metadata, spec, status } = namespace;
  const { ownerReferences: _, managedFields: __, selfLink: ___, ...shown } = metadata;
  return { metadata: shown, spec: spec ?? {}, status: status ?? {} };
}

/** Answers an expression's checks for the user of the request, or for the service account that it names. */
class RequestAuthorizer implements CelAuthorizer {
  readonly #attributes: AdmissionAttributes;
  readonly #authorizer: Authorizer;

  constructor(attributes: AdmissionAttributes, authorizer: Authorizer) {
    this.#attributes = attributes;
    this.#authorizer = authorizer;
  }

  async authorize(request: Parameters<CelAuthorizer["authorize"]>[0]) {
    const { serviceAccount, verb, path } = request;
    const { decision, reason } = await this.#authorizer.authorize({
      user: serviceAccount === undefined ? this.#attributes.user : accountUser(serviceAccount),
      verb,
      isResourceRequest: path === undefined,
      namespace: request.namespace,
      group: request.group,
      version: "*",
      resource: request.resource,
      subresource: request.subresource,
      name: request.name,
      path: path ?? "",
    });
    return { allowed: decision === "allow", reason };
  }
}

/** As kube-apiserver asks for accounts that an expression names: they are in the groups of accounts, and in no other. */
function accountUser({ namespace, name }: { readonly namespace: string; readonly name: string }) {
  return newUser(serviceAccountUserName(namespace, name), serviceAccountGroups(namespace));
}
