import type { ParamKind, ParamRef } from "../../api/types/admissionregistration-v1.ts";
import { same } from "../../api/validation/basics.ts";
import { type FieldError, forbidden } from "../../apimachinery/field-error.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { AuthorizationAttributes } from "../../apiserver/authorization/authorizer.ts";
import type { RegistryDependencies } from "../../apiserver/registry/strategy.ts";
import type { UserInfo } from "../../apiserver/request-context.ts";

/**
 * Who writes a policy or a binding lets it read parameters, and its messages may quote them: so that nobody reads by a policy
 * what they may not read themselves, they must be allowed to. Mirrors authz.go in pkg/registry/admissionregistration.
 */
type Dependencies = Pick<RegistryDependencies, "authorizer" | "reader" | "scheme">;

export interface PolicyWithParams {
  readonly spec: { readonly paramKind?: ParamKind | undefined };
}

export interface BindingWithParams extends KubernetesObject {
  readonly spec: { readonly policyName: string; readonly paramRef?: ParamRef };
}

/** The kind of the parameters, as those may be asked for; `*` for what is not known. */
interface Params {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

const unknown: Params = { group: "*", version: "*", resource: "*" };

export async function policyParamErrors(
  { authorizer, scheme }: Dependencies,
  user: UserInfo,
  now: PolicyWithParams,
  old: PolicyWithParams | undefined,
): Promise<FieldError[]> {
  const { paramKind } = now.spec;
  if (paramKind === undefined || same(old?.spec.paramKind, paramKind) || isMaster(user)) return [];
  const params = paramsOf(scheme, paramKind);
  const attributes = attributesOf(user, "get", params, { namespace: "*", name: "*" });
  if ((await authorizer.authorize(attributes)).decision === "allow") return [];
  const { kind, apiVersion } = paramKind;
  const why = `user ${goUser(user)} must have "get" permission on all objects of the referenced paramKind (kind=${kind}, apiVersion=${apiVersion})`;
  return [forbidden("spec.paramKind", why)];
}

export async function bindingParamErrors(
  { authorizer, reader, scheme }: Dependencies,
  policies: string,
  user: UserInfo,
  now: BindingWithParams,
  old: BindingWithParams | undefined,
): Promise<FieldError[]> {
  const { paramRef, policyName } = now.spec;
  const isSame = old !== undefined && same(old.spec.paramRef, paramRef) && old.spec.policyName === policyName;
  if (paramRef === undefined || isSame || isMaster(user)) return [];
  const { name = "", namespace = "" } = paramRef;
  const verb = name === "" ? "list" : "get";
  const policy = reader.get<PolicyWithParams & KubernetesObject>(
    { group: "admissionregistration.k8s.io", resource: policies },
    "",
    policyName,
  );
  const kind = policy?.spec.paramKind;
  const params = kind === undefined ? unknown : paramsOf(scheme, kind);
  const attributes = attributesOf(user, verb, params, { namespace, name });
  if ((await authorizer.authorize(attributes)).decision === "allow") return [];
  const lacks = `user ${goUser(user)} does not have "${verb}" permission`;
  const forAll = `to determine minimum required permissions and ${lacks} for all groups, versions and resources`;
  const refuse = (why: string): FieldError[] => [forbidden("spec.paramRef", why)];
  if (policy === undefined) return refuse(`unable to get policy ${policyName} ${forAll}`);
  if (kind !== undefined && params.resource === "*")
    return refuse(`unable to resolve paramKind &{${kind.apiVersion} ${kind.kind}} ${forAll}`);
  // Kubernetes has the two the other way round here.
  if (policies === "mutatingadmissionpolicies")
    return refuse(
      `user ${verb} does not have "${goUser(user)}" permission on the object referenced by paramRef`,
    );
  return refuse(`${lacks} on the object referenced by paramRef`);
}

function paramsOf(scheme: Dependencies["scheme"], { apiVersion = "", kind = "" }: ParamKind): Params {
  const { group, version } = parseApiVersion(apiVersion);
  return { group, version, resource: scheme.resourceForKind({ group, version, kind })?.resource ?? "*" };
}

const attributesOf = (
  user: UserInfo,
  verb: string,
  params: Params,
  object: Pick<AuthorizationAttributes, "namespace" | "name">,
): AuthorizationAttributes => ({
  user,
  verb,
  isResourceRequest: true,
  ...params,
  ...object,
  subresource: "",
  path: "",
});

const isMaster = ({ groups }: UserInfo): boolean => groups.includes("system:masters");

/** As Go prints the user. */
function goUser({ name, uid, groups, extra }: UserInfo): string {
  const more = Object.entries(extra)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, values]) => `${key}:[${values.join(" ")}]`);
  return `&{${name} ${uid} [${groups.join(" ")}] map[${more.join(" ")}]}`;
}
