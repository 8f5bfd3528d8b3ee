import { deepEqual } from "../../apimachinery/json.ts";
import type { OwnerReference } from "../../apimachinery/meta-v1.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { refuse } from "./attributes.ts";

/** Finds the resources of a kind: `Scheme.resources` filtered, or discovery. */
export type KindMapper = (
  apiVersion: string,
  kind: string,
) => readonly { readonly group: string; readonly resource: string; readonly namespaced: boolean }[];

/**
 * Who sets owner references must be allowed to delete the object, and whoever makes an object block its owner's
 * deletion must be allowed to change the owner's finalizers. Off by default, as in kube-apiserver.
 */
export class OwnerReferencesPermissionEnforcement implements AdmissionPlugin {
  readonly name = "OwnerReferencesPermissionEnforcement";
  readonly #authorizer: Authorizer;
  readonly #resourcesOf: KindMapper;

  constructor(authorizer: Authorizer, resourcesOf: KindMapper) {
    this.#authorizer = authorizer;
    this.#resourcesOf = resourcesOf;
  }

  handles({ operation, resource, subresource }: AdmissionAttributes): boolean {
    // A binding carries no owner references of its own: the scheduler need not be allowed to delete pods.
    const isPodBinding = resource.group === "" && resource.resource === "pods" && subresource !== "";
    return (operation === "CREATE" || operation === "UPDATE") && !(isPodBinding && isUnchecked(subresource));
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const owners = ownersOf(attributes.object);
    const old = ownersOf(attributes.oldObject);
    if (deepEqual(owners, old)) return;
    const { resource, subresource, name } = attributes;
    const own = await this.#may(attributes, "delete", { ...resource, subresource, name });
    if (!own.allowed) {
      throw refuse(attributes, `cannot set an ownerRef on a resource you can't delete: ${own.reason}, <nil>`);
    }
    for (const owner of newlyBlocking(owners, old)) await this.#checkOwner(attributes, owner);
  }

  async #checkOwner(attributes: AdmissionAttributes, owner: OwnerReference): Promise<void> {
    const targets = this.#resourcesOf(owner.apiVersion, owner.kind);
    if (targets.length === 0) {
      throw refuse(
        attributes,
        `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${owner.apiVersion} Kind ${owner.kind}`,
      );
    }
    for (const target of targets) {
      const wanted = { ...target, subresource: "finalizers", name: owner.name };
      const answer = await this.#may(attributes, "update", wanted, target.namespaced);
      if (answer.allowed) continue;
      throw refuse(
        attributes,
        `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${answer.reason}, <nil>`,
      );
    }
  }

  async #may(
    { user, namespace }: AdmissionAttributes,
    verb: string,
    target: { group: string; resource: string; subresource: string; name: string },
    namespaced = true,
  ): Promise<{ allowed: boolean; reason: string }> {
    const { decision, reason } = await this.#authorizer.authorize({
      user,
      verb,
      isResourceRequest: true,
      namespace: namespaced ? namespace : "",
      group: target.group,
      version: "*",
      resource: target.resource,
      subresource: target.subresource,
      name: target.name,
      path: "",
    });
    return { allowed: decision === "allow", reason };
  }
}

const isUnchecked = (subresource: string): boolean => subresource === "binding" || subresource === "eviction";

const ownersOf = (object: AdmissionAttributes["object"]): readonly OwnerReference[] =>
  (object as { metadata?: { ownerReferences?: OwnerReference[] } } | undefined)?.metadata?.ownerReferences ??
  [];

/** Those that block deletion now and did not before. */
function newlyBlocking(owners: readonly OwnerReference[], old: readonly OwnerReference[]): OwnerReference[] {
  return owners.filter(
    (owner) =>
      owner.blockOwnerDeletion === true &&
      !old.some((known) => known.uid === owner.uid && known.blockOwnerDeletion === true),
  );
}
