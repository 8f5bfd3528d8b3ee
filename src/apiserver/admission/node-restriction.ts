import type { TokenRequest } from "../../api/types/authentication-v1.ts";
import type { CertificateSigningRequest } from "../../api/types/certificates-v1.ts";
import type { Node, PersistentVolumeClaim, Pod } from "../../api/types/core-v1.ts";
import type { ResourceSlice } from "../../api/types/resource-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { newNotFound } from "../../apimachinery/status.ts";
import { parseSigningRequest } from "../../pki/index.ts";
import { nodeNameOf } from "../authentication/users.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import {
  configMapNames,
  isMirrorPod,
  mirrorPodAnnotation,
  secretNames,
} from "../authorization/pod-references.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { objectOf, oldObjectOf, refuse } from "./attributes.ts";
import { podNeedsAudience } from "./pod-audiences.ts";
import { admitPodCertificateRequest } from "./pod-certificate-requests.ts";

const pods = { group: "", resource: "pods" };

/**
 * The part of the node authorizer that must see bodies: a kubelet writes its own Node, Lease and CSINode, mirror pods of
 * its own, and asks for tokens of pods it runs. Mirrors plugin/pkg/admission/noderestriction.
 */
export class NodeRestriction implements AdmissionPlugin {
  readonly name = "NodeRestriction";
  readonly #reader: ObjectReader;
  readonly #authorizer: Authorizer;

  constructor({ reader, authorizer }: { readonly reader: ObjectReader; readonly authorizer: Authorizer }) {
    this.#reader = reader;
    this.#authorizer = authorizer;
  }

  handles({ user, operation }: AdmissionAttributes): boolean {
    return operation !== "CONNECT" && nodeNameOf(user) !== undefined;
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    const node = nodeNameOf(attributes.user) ?? "";
    if (node === "") {
      throw refuse(attributes, `could not determine node from user ${JSON.stringify(attributes.user.name)}`);
    }
    switch (`${attributes.resource.resource}.${attributes.resource.group}`) {
      case "pods.":
        return this.#pod(node, attributes);
      case "nodes.":
        return admitNode(node, attributes);
      case "persistentvolumeclaims.":
        return admitClaim(node, attributes);
      case "serviceaccounts.":
        return await this.#serviceAccount(node, attributes);
      case "leases.coordination.k8s.io":
        return admitLease(node, attributes);
      case "csinodes.storage.k8s.io":
        return admitCsiNode(node, attributes);
      case "resourceslices.resource.k8s.io":
        return admitResourceSlice(node, attributes);
      case "certificatesigningrequests.certificates.k8s.io":
        return admitSigningRequest(node, attributes);
      case "podcertificaterequests.certificates.k8s.io":
        return admitPodCertificateRequest(node, attributes, this.#reader);
      default:
    }
  }

  #pod(node: string, attributes: AdmissionAttributes): void {
    switch (attributes.subresource) {
      case "":
        if (attributes.operation === "CREATE") return this.#createPod(node, attributes);
        if (attributes.operation === "DELETE") return this.#deletePod(node, attributes);
        throw refuse(
          attributes,
          `unexpected operation ${JSON.stringify(attributes.operation)}, node ${JSON.stringify(node)} can only create and delete mirror pods`,
        );
      case "status":
        return admitPodStatus(node, attributes);
      case "eviction":
        return this.#evictPod(node, attributes);
      default:
        throw refuse(
          attributes,
          `unexpected pod subresource ${JSON.stringify(attributes.subresource)}, only 'status' and 'eviction' are allowed`,
        );
    }
  }

  #createPod(node: string, attributes: AdmissionAttributes): void {
    const pod = objectOf<Pod>(attributes);
    const who = JSON.stringify(node);
    if (pod === undefined) return;
    if (!isMirrorPod(pod)) {
      throw refuse(
        attributes,
        `pod does not have "${mirrorPodAnnotation}" annotation, node ${who} can only create mirror pods`,
      );
    }
    if (pod.spec?.nodeName !== node) {
      throw refuse(attributes, `node ${who} can only create pods with spec.nodeName set to itself`);
    }
    const wrongOwner = this.#wrongOwner(node, pod);
    if (wrongOwner !== undefined) throw refuse(attributes, wrongOwner);
    const referred = referredBy(pod);
    if (referred !== undefined)
      throw refuse(attributes, `node ${who} can not create pods that reference ${referred}`);
  }

  #wrongOwner(node: string, { metadata }: Pod): string | undefined {
    const who = JSON.stringify(node);
    const owners = metadata.ownerReferences ?? [];
    const [owner] = owners;
    if (owners.length > 1)
      return `node ${who} can only create pods with a single owner reference set to itself`;
    if (owner === undefined || owner.apiVersion !== "v1" || owner.kind !== "Node" || owner.name !== node) {
      return `node ${who} can only create pods with an owner reference set to itself`;
    }
    if (owner.controller !== true) {
      return `node ${who} can only create pods with a controller owner reference set to itself`;
    }
    if (owner.blockOwnerDeletion === true) {
      return `node ${who} must not set blockOwnerDeletion on an owner reference`;
    }
    const current = this.#reader.get<Node>({ group: "", resource: "nodes" }, "", node);
    if (current === undefined) return `nodes ${who} not found`;
    return current.metadata.uid === owner.uid
      ? undefined
      : `node ${who} UID mismatch: expected ${owner.uid} got ${current.metadata.uid}`;
  }

  #deletePod(node: string, attributes: AdmissionAttributes): void {
    const pod = this.#existingPod(attributes, attributes.name);
    if (pod.spec?.nodeName === node) return;
    throw refuse(
      attributes,
      `node ${JSON.stringify(node)} can only delete pods with spec.nodeName set to itself`,
    );
  }

  #evictPod(node: string, attributes: AdmissionAttributes): void {
    const name = attributes.name === "" ? (attributes.object?.metadata.name ?? "") : attributes.name;
    if (name === "") throw refuse(attributes, "could not determine pod from request data");
    if (this.#existingPod(attributes, name).spec?.nodeName === node) return;
    throw refuse(attributes, `node ${node} can only evict pods with spec.nodeName set to itself`);
  }

  #existingPod({ namespace }: AdmissionAttributes, name: string): Pod {
    const pod = this.#reader.get<Pod>(pods, namespace, name);
    if (pod === undefined) throw newNotFound(pods, name);
    return pod;
  }

  async #serviceAccount(node: string, attributes: AdmissionAttributes): Promise<void> {
    if (attributes.operation !== "CREATE" || attributes.subresource !== "token") return;
    const { boundObjectRef: bound, audiences = [] } = objectOf<TokenRequest>(attributes)?.spec ?? {};
    if (bound?.apiVersion !== "v1" || bound.kind !== "Pod" || (bound.name ?? "") === "") {
      throw refuse(attributes, "node requested token not bound to a pod");
    }
    if ((bound.uid ?? "") === "") {
      throw refuse(attributes, "node requested token with a pod binding without a uid");
    }
    const pod = this.#existingPod(attributes, bound.name ?? "");
    if (pod.metadata.uid !== bound.uid) {
      throw refuse(
        attributes,
        `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    }
    if (pod.spec?.nodeName !== node) {
      throw refuse(attributes, "node requested token bound to a pod scheduled on a different node");
    }
    await this.#checkAudience(attributes, pod, audiences);
  }

  /** A node that is taken over must not get tokens of its pods for services that they have nothing to do with. */
  async #checkAudience(
    attributes: AdmissionAttributes,
    pod: Pod,
    [audience = "", ...others]: readonly string[],
  ): Promise<void> {
    if (others.length > 0) throw refuse(attributes, "node may only request 0 or 1 audiences");
    if (podNeedsAudience(this.#reader, pod, audience)) return;
    const { user, namespace, name } = attributes;
    const { decision } = await this.#authorizer.authorize({
      user,
      verb: "request-serviceaccounts-token-audience",
      isResourceRequest: true,
      namespace,
      group: "",
      version: "",
      resource: audience,
      subresource: "",
      name,
      path: "",
    });
    if (decision === "allow") return;
    throw refuse(
      attributes,
      `audience ${JSON.stringify(audience)} not found in pod spec volume, ${user.name} is not authorized to request tokens for this audience`,
    );
  }
}

function referredBy(pod: Pod): string | undefined {
  if ((pod.spec?.serviceAccountName ?? "") !== "") return "a service account";
  if (secretNames(pod).size > 0) return "secrets";
  if (configMapNames(pod).size > 0) return "configmaps";
  const volumes = pod.spec?.volumes ?? [];
  if (volumes.some((volume) => volume.projected?.sources?.some((source) => source.clusterTrustBundle))) {
    return "clustertrustbundles";
  }
  if (volumes.some((volume) => volume.persistentVolumeClaim !== undefined)) return "persistentvolumeclaims";
  return (pod.spec?.resourceClaims ?? []).length > 0 ? "resourceclaims" : undefined;
}

function admitPodStatus(node: string, attributes: AdmissionAttributes): void {
  const who = JSON.stringify(node);
  if (attributes.operation !== "UPDATE") {
    throw refuse(attributes, `unexpected operation ${JSON.stringify(attributes.operation)}`);
  }
  const pod = objectOf<Pod>(attributes);
  const old = oldObjectOf<Pod>(attributes);
  if (old?.spec?.nodeName !== node) {
    throw refuse(
      attributes,
      `node ${who} can only update pod status for pods with spec.nodeName set to itself`,
    );
  }
  if (!deepEqual(pod?.metadata.labels ?? {}, old.metadata.labels ?? {})) {
    throw refuse(attributes, `node ${who} cannot update labels through pod status`);
  }
  if (!deepEqual(pod?.status?.resourceClaimStatuses ?? [], old.status?.resourceClaimStatuses ?? [])) {
    throw refuse(attributes, `node ${who} cannot update resource claim statues`);
  }
}

function admitClaim(node: string, attributes: AdmissionAttributes): void {
  if (attributes.subresource !== "status") throw refuse(attributes, "may only update PVC status");
  if (attributes.operation !== "UPDATE") {
    throw refuse(attributes, `unexpected operation ${JSON.stringify(attributes.operation)}`);
  }
  const rest = (claim: PersistentVolumeClaim | undefined): unknown => ({
    ...claim,
    metadata: { ...claim?.metadata, resourceVersion: undefined, managedFields: undefined },
    status: {
      ...claim?.status,
      capacity: undefined,
      conditions: undefined,
      allocatedResourceStatuses: undefined,
      allocatedResources: undefined,
    },
  });
  if (deepEqual(rest(objectOf(attributes)), rest(oldObjectOf(attributes)))) return;
  throw refuse(
    attributes,
    `node ${JSON.stringify(node)} is not allowed to update fields other than status.capacity and status.conditions`,
  );
}

function admitNode(node: string, attributes: AdmissionAttributes): void {
  const who = JSON.stringify(node);
  const object = objectOf<Node>(attributes);
  const old = oldObjectOf<Node>(attributes);
  const requested = attributes.name === "" ? (object?.metadata.name ?? "") : attributes.name;
  if (requested !== node) {
    throw refuse(attributes, `node ${who} is not allowed to modify node ${JSON.stringify(requested)}`);
  }
  if (object === undefined) return;
  const labels = forbiddenLabels(object.metadata.labels, old?.metadata.labels);
  if (attributes.operation === "CREATE") {
    if (object.spec?.configSource !== undefined) {
      throw refuse(attributes, `node ${who} is not allowed to create pods with a non-nil configSource`);
    }
    if (labels.length > 0) {
      throw refuse(
        attributes,
        `node ${who} is not allowed to set the following labels: ${labels.join(", ")}`,
      );
    }
    return;
  }
  if (
    object.spec?.configSource !== undefined &&
    !deepEqual(object.spec.configSource, old?.spec?.configSource)
  ) {
    throw refuse(
      attributes,
      `node ${who} is not allowed to update configSource to a new non-nil configSource`,
    );
  }
  if (!deepEqual(object.spec?.taints ?? [], old?.spec?.taints ?? [])) {
    throw refuse(attributes, `node ${who} is not allowed to modify taints`);
  }
  if (!deepEqual(object.metadata.ownerReferences ?? [], old?.metadata.ownerReferences ?? [])) {
    throw refuse(attributes, `node ${who} is not allowed to modify ownerReferences`);
  }
  if (labels.length > 0) throw refuse(attributes, `is not allowed to modify labels: ${labels.join(", ")}`);
}

/** Labels of Kubernetes' own domains that a kubelet sets. Others there would let it draw pods to itself. */
const kubeletLabels = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/arch",
  "kubernetes.io/os",
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
  "node.kubernetes.io/instance-type",
  "beta.kubernetes.io/instance-type",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/arch",
]);
const kubeletDomains = ["kubelet.kubernetes.io", "node.kubernetes.io"];

const within = (domain: string, parent: string): boolean =>
  domain === parent || domain.endsWith(`.${parent}`);

function forbiddenLabels(labels: Record<string, string> = {}, old: Record<string, string> = {}): string[] {
  const changed = [...new Set([...Object.keys(labels), ...Object.keys(old)])].filter(
    (key) => labels[key] !== old[key],
  );
  return changed.filter(isForbiddenLabel).toSorted();
}

function isForbiddenLabel(label: string): boolean {
  const slash = label.indexOf("/");
  const domain = slash < 0 ? "" : label.slice(0, slash);
  if (within(domain, "node-restriction.kubernetes.io")) return true;
  if (!within(domain, "kubernetes.io") && !within(domain, "k8s.io")) return false;
  return !kubeletLabels.has(label) && !kubeletDomains.some((allowed) => within(domain, allowed));
}

const ownName = ({ operation, name, object }: AdmissionAttributes): string =>
  operation === "CREATE" ? (object?.metadata.name ?? "") : name;

function admitLease(node: string, attributes: AdmissionAttributes): void {
  if (attributes.namespace !== "kube-node-lease") {
    throw refuse(attributes, 'can only access leases in the "kube-node-lease" system namespace');
  }
  if (ownName(attributes) !== node) {
    throw refuse(attributes, "can only access node lease with the same name as the requesting node");
  }
}

function admitCsiNode(node: string, attributes: AdmissionAttributes): void {
  if (ownName(attributes) !== node) {
    throw refuse(attributes, "can only access CSINode with the same name as the requesting node");
  }
}

/** Other operations are the node authorizer's, which knows neither new objects nor each one of a collection. */
function admitResourceSlice(node: string, attributes: AdmissionAttributes): void {
  const { operation } = attributes;
  if (operation === "CREATE" && objectOf<ResourceSlice>(attributes)?.spec.nodeName !== node) {
    throw refuse(attributes, "can only create ResourceSlice with the same NodeName as the requesting node");
  }
  if (operation === "DELETE" && oldObjectOf<ResourceSlice>(attributes)?.spec.nodeName !== node) {
    throw refuse(attributes, "can only delete ResourceSlice with the same NodeName as the requesting node");
  }
}

const kubeletSigners = new Set([
  "kubernetes.io/kubelet-serving",
  "kubernetes.io/kube-apiserver-client-kubelet",
]);

/** A node asks for certificates in its own name only: whoever approves by the requester's name relies on it. */
function admitSigningRequest(node: string, attributes: AdmissionAttributes): void {
  if (attributes.operation !== "CREATE" || attributes.subresource !== "") return;
  const spec = objectOf<CertificateSigningRequest>(attributes)?.spec;
  if (spec === undefined || !kubeletSigners.has(spec.signerName)) return;
  let commonName: string;
  try {
    commonName = parseSigningRequest(Buffer.from(spec.request, "base64").toString()).subject.commonName;
  } catch (error) {
    throw refuse(
      attributes,
      `unable to parse csr: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (commonName === `system:node:${node}`) return;
  throw refuse(attributes, `can only create a node CSR with CN=system:node:${node}`);
}
