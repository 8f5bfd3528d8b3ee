import type { AllocatedDeviceStatus, ResourceClaim } from "../../api/types/resource-v1.ts";
import { type FieldError, forbidden } from "../../apimachinery/field-error.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import type { AuthorizationAttributes, Authorizer } from "../../apiserver/authorization/authorizer.ts";
import { forbiddenError } from "../../apiserver/authorization/forbidden.ts";
import type { RequestContext, UserInfo } from "../../apiserver/request-context.ts";

type Status = NonNullable<ResourceClaim["status"]>;

const nodeNameExtra = "authentication.kubernetes.io/node-name";

/**
 * Who may write which part of a claim's status: what is allocated and for whom, whoever may write `resourceclaims/binding`
 * of all claims; what is told of devices, whoever may write `resourceclaims/driver` of their driver, for claims of his own
 * node or of any. Neither subresource is served; they exist for roles (mirrors pkg/registry/resource/utils.go).
 */
export async function statusErrors(
  authorizer: Authorizer,
  context: RequestContext,
  now: Status,
  old: Status,
): Promise<FieldError[]> {
  const errors = await bindingErrors(authorizer, context, now, old);
  // What is told of devices goes with the allocation, whoever takes that away.
  if (now.allocation === undefined) return errors;
  return [...errors, ...(await deviceErrors(authorizer, context, now, old))];
}

async function bindingErrors(
  authorizer: Authorizer,
  context: RequestContext,
  now: Status,
  old: Status,
): Promise<FieldError[]> {
  const isSame =
    deepEqual(now.allocation, old.allocation) && deepEqual(now.reservedFor ?? [], old.reservedFor ?? []);
  if (isSame) return [];
  const { verb } = context.info;
  const attributes = attributesOf(context, { verb, subresource: "binding", namespace: "", name: "" });
  const why = await refusal(authorizer, attributes);
  if (why === undefined) return [];
  const needed = `resource="resourceclaims/binding", verb="${verb}" permission`;
  return [
    forbidden(
      "status.allocation",
      `changing status.allocation or status.reservedFor requires ${needed}: ${why}`,
    ),
  ];
}

async function deviceErrors(
  authorizer: Authorizer,
  context: RequestContext,
  now: Status,
  old: Status,
): Promise<FieldError[]> {
  const { info, user } = context;
  const isAssociated = isOnNode(user, nodeOf(now.allocation));
  const verbs = [...(isAssociated ? ["associated-node"] : []), "arbitrary-node"].map(
    (prefix) => `${prefix}:${info.verb}`,
  );
  const errors: FieldError[] = [];
  for (const driver of changedDrivers(now.devices ?? [], old.devices ?? [])) {
    const why = await refusalOfAll(authorizer, context, verbs, driver);
    if (why === undefined) continue;
    const needed = `resource="resourceclaims/driver", verb="[${verbs.join(" ")}]" permission`;
    errors.push(forbidden("status.devices", `changing status.devices requires ${needed}: ${why}`));
  }
  return errors;
}

/** Why none of the verbs is allowed, by the first; undefined when one is. */
async function refusalOfAll(
  authorizer: Authorizer,
  context: RequestContext,
  verbs: readonly string[],
  driver: string,
): Promise<string | undefined> {
  let first: string | undefined;
  const { namespace } = context.info;
  for (const verb of verbs) {
    const attributes = attributesOf(context, { verb, subresource: "driver", namespace, name: driver });
    const why = await refusal(authorizer, attributes);
    if (why === undefined) return undefined;
    first ??= why;
  }
  return first;
}

function attributesOf(
  { info, user }: RequestContext,
  asked: Pick<AuthorizationAttributes, "verb" | "subresource" | "namespace" | "name">,
): AuthorizationAttributes {
  const { isResourceRequest, group, version, resource, path } = info;
  return { user, isResourceRequest, group, version, resource, path, ...asked };
}

async function refusal(
  authorizer: Authorizer,
  attributes: AuthorizationAttributes,
): Promise<string | undefined> {
  const { decision, reason } = await authorizer.authorize(attributes);
  return decision === "allow" ? undefined : forbiddenError(attributes, reason).message;
}

/** In order of their names. */
function changedDrivers(
  now: readonly AllocatedDeviceStatus[],
  old: readonly AllocatedDeviceStatus[],
): string[] {
  const keyOf = ({ driver, pool, device, shareID = "" }: AllocatedDeviceStatus): string =>
    JSON.stringify([driver, pool, device, shareID]);
  const left = new Map(old.map((device) => [keyOf(device), device]));
  const drivers = new Set<string>();
  for (const device of now) {
    const key = keyOf(device);
    const before = left.get(key);
    left.delete(key);
    if (!deepEqual(before, device)) drivers.add(device.driver);
  }
  for (const { driver } of left.values()) drivers.add(driver);
  return [...drivers].toSorted();
}

/** The one node that an allocation is for; undefined when it is not for one alone. */
function nodeOf(allocation: Status["allocation"]): string | undefined {
  const terms = allocation?.nodeSelector?.nodeSelectorTerms ?? [];
  const [term] = terms;
  if (term === undefined || terms.length !== 1 || (term.matchExpressions ?? []).length > 0) return undefined;
  const [field, ...others] = term.matchFields ?? [];
  if (field === undefined || others.length > 0) return undefined;
  const isByName = field.key === "metadata.name" && field.operator === "In" && field.values?.length === 1;
  return isByName ? field.values?.[0] : undefined;
}

/** Whether the user is a service account whose token was made for a pod of the node. */
function isOnNode({ name, extra }: UserInfo, node: string | undefined): boolean {
  const nodes = extra[nodeNameExtra] ?? [];
  return (
    node !== undefined && name.startsWith("system:serviceaccount:") && nodes.length === 1 && nodes[0] === node
  );
}
