import type { PodCertificateRequest } from "../../api/types/certificates-v1beta1.ts";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/types/core-v1.ts";
import type { ResourceSlice } from "../../api/types/resource-v1.ts";
import type { VolumeAttachment } from "../../api/types/storage-v1.ts";
import { type KubernetesObject, keyOf } from "../../apimachinery/object.ts";
import { nodeNameOf } from "../authentication/users.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { UserInfo } from "../request-context.ts";
import type {
  AuthorizationAttributes,
  AuthorizationDecision,
  Authorizer,
  SubjectRules,
} from "./authorizer.ts";
import { nodeRules } from "./bootstrap-policy.ts";
import {
  claimNames,
  configMapNames,
  isMirrorPod,
  resourceClaimNames,
  secretNames,
  secretReferences,
} from "./pod-references.ts";
import { rulesAllow } from "./rules.ts";
import { noRules } from "./union.ts";

const core = (resource: string) => ({ group: "", resource });
const allow: AuthorizationDecision = { decision: "allow", reason: "" };
const no = (reason = ""): AuthorizationDecision => ({ decision: "noOpinion", reason });

/**
 * What a kubelet may do (plugin/pkg/auth/authorizer/node): read what pods bound to its node need and nothing else of
 * Secrets, ConfigMaps and volumes, write its own Node, Lease and CSINode, report on pods. The NodeRestriction plugin
 * looks into the bodies.
 */
export class NodeAuthorizer implements Authorizer {
  readonly #relations: NodeRelations;

  constructor(reader: ObjectReader) {
    this.#relations = new NodeRelations(reader);
  }

  async authorize(attributes: AuthorizationAttributes): Promise<AuthorizationDecision> {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return no();
    if (node === "") return no(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
    if (attributes.isResourceRequest) {
      const decided = this.#byResource(node, attributes);
      if (decided !== undefined) return decided;
    }
    return rulesAllow(attributes, nodeRules()) ? allow : no();
  }

  async rulesFor(user: UserInfo): Promise<SubjectRules> {
    // What a node may do follows from the pods on it, which no list of rules can say.
    return nodeNameOf(user) === undefined ? noRules : { ...noRules, incomplete: true };
  }

  #byResource(node: string, request: AuthorizationAttributes): AuthorizationDecision | undefined {
    const { namespace, name } = request;
    const relations = this.#relations;
    switch (`${request.resource}.${request.group}`) {
      case "secrets.":
        return readOne(node, request, () => relations.usesSecret(node, namespace, name));
      case "configmaps.":
        return readOne(node, request, () =>
          relations.podsIn(node, namespace, (pod) => configMapNames(pod).has(name)),
        );
      case "persistentvolumeclaims.":
        return request.subresource === "status"
          ? updateStatus(node, request, () => relations.usesClaim(node, namespace, name))
          : getOne(node, request, () => relations.usesClaim(node, namespace, name));
      case "persistentvolumes.":
        return getOne(node, request, () => relations.usesVolume(node, name));
      case "resourceclaims.resource.k8s.io":
        return getOne(node, request, () =>
          relations.podsIn(node, namespace, (pod) => resourceClaimNames(pod).has(name)),
        );
      case "volumeattachments.storage.k8s.io":
        return getOne(node, request, () => relations.ownsAttachment(node, name));
      case "serviceaccounts.":
        return serviceAccount(node, request, () =>
          relations.podsIn(node, namespace, (pod) => pod.spec?.serviceAccountName === name),
        );
      case "leases.coordination.k8s.io":
        return lease(node, request);
      case "csinodes.storage.k8s.io":
        return csiNode(node, request);
      case "resourceslices.resource.k8s.io":
        return resourceSlice(node, request, () => relations.ownsSlice(node, name));
      case "podcertificaterequests.certificates.k8s.io":
        return podCertificate(node, request, () => relations.asked(node, namespace, name));
      case "nodes.":
        return ownNode(node, request);
      case "pods.":
        return pods(node, request, () => relations.runsPod(node, namespace, name));
      default:
        return undefined;
    }
  }
}

function related(
  node: string,
  { name }: AuthorizationAttributes,
  isRelated: () => boolean,
): AuthorizationDecision {
  if (name === "") return no("No Object name found");
  return isRelated() ? allow : no(`no relationship found between node '${node}' and this object`);
}

function readOne(
  node: string,
  request: AuthorizationAttributes,
  isRelated: () => boolean,
): AuthorizationDecision {
  if (!["get", "list", "watch"].includes(request.verb)) return no("can only read resources of this type");
  if (request.subresource !== "") return no("cannot read subresource");
  if (request.namespace === "") return no("can only read namespaced object of this type");
  return related(node, request, isRelated);
}

function getOne(
  node: string,
  request: AuthorizationAttributes,
  isRelated: () => boolean,
): AuthorizationDecision {
  if (request.verb !== "get") return no("can only get individual resources of this type");
  if (request.subresource !== "") return no("cannot get subresource");
  return related(node, request, isRelated);
}

function updateStatus(
  node: string,
  request: AuthorizationAttributes,
  isRelated: () => boolean,
): AuthorizationDecision {
  if (request.verb !== "update" && request.verb !== "patch") return no("can only get/update/patch this type");
  return related(node, request, isRelated);
}

/** Read for those who give out credentials for images, and to make tokens of. */
function serviceAccount(
  node: string,
  request: AuthorizationAttributes,
  isRelated: () => boolean,
): AuthorizationDecision {
  if (request.verb === "get" && request.subresource === "") return readOne(node, request, isRelated);
  if (request.verb !== "create" || request.name === "") {
    return no("can only create tokens for individual service accounts");
  }
  if (request.subresource !== "token") return no("can only create token subresource of serviceaccount");
  return related(node, request, isRelated);
}

function lease(node: string, { verb, namespace, name }: AuthorizationAttributes): AuthorizationDecision {
  if (!["get", "create", "update", "patch", "delete"].includes(verb)) {
    return no("can only get, create, update, patch, or delete a node lease");
  }
  if (namespace !== "kube-node-lease") {
    return no('can only access leases in the "kube-node-lease" system namespace');
  }
  // A create does not name its object in the URL: NodeRestriction looks into the body.
  if (verb !== "create" && name !== node) {
    return no("can only access node lease with the same name as the requesting node");
  }
  return allow;
}

function csiNode(node: string, { verb, subresource, name }: AuthorizationAttributes): AuthorizationDecision {
  if (!["get", "create", "update", "patch", "delete"].includes(verb)) {
    return no("can only get, create, update, patch, or delete a CSINode");
  }
  if (subresource !== "") return no("cannot authorize CSINode subresources");
  if (verb !== "create" && name !== node) {
    return no("can only access CSINode with the same name as the requesting node");
  }
  return allow;
}

function selects({ fieldSelector = [] }: AuthorizationAttributes, field: string, value: string): boolean {
  return fieldSelector.some(
    (requirement) =>
      requirement.field === field && requirement.operator === "=" && requirement.value === value,
  );
}

function resourceSlice(
  node: string,
  request: AuthorizationAttributes,
  owns: () => boolean,
): AuthorizationDecision {
  if (request.subresource !== "") return no("cannot authorize ResourceSlice subresources");
  switch (request.verb) {
    case "create":
      return allow;
    case "get":
    case "update":
    case "patch":
    case "delete":
      return related(node, request, owns);
    case "watch":
    case "list":
    case "deletecollection":
      return selects(request, "nodeName", node) || selects(request, "spec.nodeName", node)
        ? allow
        : no("can only list/watch/deletecollection resourceslices with nodeName field selector");
    default:
      return no(
        "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection",
      );
  }
}

function podCertificate(
  node: string,
  request: AuthorizationAttributes,
  asked: () => boolean,
): AuthorizationDecision {
  if (request.subresource !== "") {
    return no("nodes may not access the status subresource of PodCertificateRequests");
  }
  switch (request.verb) {
    case "create":
      return allow;
    case "get":
      return related(node, request, asked);
    case "list":
    case "watch":
      return selects(request, "spec.nodeName", node)
        ? allow
        : no("can only list/watch podcertificaterequests with nodeName field selector");
    default:
      return no(`nodes may not ${request.verb} podcertificaterequests`);
  }
}

function ownNode(node: string, { verb, subresource, name }: AuthorizationAttributes): AuthorizationDecision {
  if (subresource === "status") return verb === "update" || verb === "patch" ? allow : no();
  if (subresource !== "") return no();
  if (["create", "update", "patch"].includes(verb)) return allow;
  if (!["get", "list", "watch"].includes(verb)) return no();
  if (name === node) return allow;
  return no(
    name === ""
      ? `node '${node}' cannot read all nodes, only its own Node object`
      : `node '${node}' cannot read '${name}', only its own Node object`,
  );
}

function pods(node: string, request: AuthorizationAttributes, runs: () => boolean): AuthorizationDecision {
  const { verb, subresource, name } = request;
  if (subresource === "status") return verb === "update" || verb === "patch" ? allow : no();
  if (subresource === "eviction") return verb === "create" ? allow : no();
  if (subresource !== "") return no();
  if (verb === "get") return related(node, request, runs);
  if (verb === "create" || verb === "delete") return allow;
  if (verb !== "list" && verb !== "watch") return no();
  if (selects(request, "spec.nodeName", node)) return allow;
  return name === ""
    ? no("can only list/watch pods with spec.nodeName field selector")
    : related(node, request, runs);
}

/** Which objects the pods of a node use. Pods are indexed by node; what they refer to is read when it is asked for. */
class NodeRelations {
  readonly #reader: ObjectReader;
  /** Node → key → pod, for pods that are bound. Absent until first used, then kept up with each change. */
  #podsByNode: Map<string, Map<string, Pod>> | undefined;

  constructor(reader: ObjectReader) {
    this.#reader = reader;
    reader.onChange(core("pods"), (object, old) => this.#change(object, old));
  }

  podsIn(node: string, namespace: string, uses: (pod: Pod) => boolean): boolean {
    for (const pod of this.#podsOn(node)) {
      if (pod.metadata.namespace === namespace && !isMirrorPod(pod) && uses(pod)) return true;
    }
    return false;
  }

  runsPod(node: string, namespace: string, name: string): boolean {
    return this.#reader.get<Pod>(core("pods"), namespace, name)?.spec?.nodeName === node;
  }

  usesClaim(node: string, namespace: string, name: string): boolean {
    return this.podsIn(node, namespace, (pod) => claimNames(pod).has(name));
  }

  usesVolume(node: string, name: string): boolean {
    const volume = this.#reader.get<PersistentVolume>(core("persistentvolumes"), "", name);
    const claim = volume?.spec?.claimRef;
    return claim !== undefined && this.usesClaim(node, claim.namespace ?? "", claim.name ?? "");
  }

  usesSecret(node: string, namespace: string, name: string): boolean {
    if (this.podsIn(node, namespace, (pod) => secretNames(pod).has(name))) return true;
    for (const volume of this.#volumesOf(node)) {
      const references = secretReferences(volume.spec ?? {});
      if (references.some((reference) => reference.namespace === namespace && reference.name === name))
        return true;
    }
    return false;
  }

  ownsAttachment(node: string, name: string): boolean {
    const attachments = { group: "storage.k8s.io", resource: "volumeattachments" };
    return this.#reader.get<VolumeAttachment>(attachments, "", name)?.spec.nodeName === node;
  }

  asked(node: string, namespace: string, name: string): boolean {
    const requests = { group: "certificates.k8s.io", resource: "podcertificaterequests" };
    return this.#reader.get<PodCertificateRequest>(requests, namespace, name)?.spec.nodeName === node;
  }

  ownsSlice(node: string, name: string): boolean {
    const slices = { group: "resource.k8s.io", resource: "resourceslices" };
    return this.#reader.get<ResourceSlice>(slices, "", name)?.spec.nodeName === node;
  }

  *#volumesOf(node: string): Iterable<PersistentVolume> {
    for (const pod of this.#podsOn(node)) {
      const namespace = pod.metadata.namespace ?? "";
      for (const name of isMirrorPod(pod) ? [] : claimNames(pod)) {
        const claim = this.#reader.get<PersistentVolumeClaim>(
          core("persistentvolumeclaims"),
          namespace,
          name,
        );
        const volume = this.#reader.get<PersistentVolume>(
          core("persistentvolumes"),
          "",
          claim?.spec?.volumeName ?? "",
        );
        if (volume !== undefined) yield volume;
      }
    }
  }

  #podsOn(node: string): Iterable<Pod> {
    if (this.#podsByNode === undefined) {
      this.#podsByNode = new Map();
      for (const pod of this.#reader.list<Pod>(core("pods"))) this.#add(pod);
    }
    return this.#podsByNode.get(node)?.values() ?? [];
  }

  #change(object: KubernetesObject | undefined, old: KubernetesObject | undefined): void {
    if (this.#podsByNode === undefined) return;
    if (old !== undefined) this.#podsByNode.get((old as Pod).spec?.nodeName ?? "")?.delete(keyOf(old));
    if (object !== undefined) this.#add(object as Pod);
  }

  #add(pod: Pod): void {
    const node = pod.spec?.nodeName ?? "";
    if (node === "") return;
    const onNode = this.#podsByNode?.get(node) ?? new Map<string, Pod>();
    this.#podsByNode?.set(node, onNode.set(keyOf(pod), pod));
  }
}
