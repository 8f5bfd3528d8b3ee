import type { PodCertificateRequest } from "../../api/types/certificates-v1beta1.ts";
import type { Node, Pod, ServiceAccount } from "../../api/types/core-v1.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { newInternalError } from "../../apimachinery/status.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { AdmissionAttributes } from "./admission.ts";
import { objectOf, refuse } from "./attributes.ts";

const mirrorAnnotation = "kubernetes.io/config.mirror";
const quoted = (text: string): string => JSON.stringify(text);

/**
 * A node asks for certificates of pods that run on it, and says truly what they are (mirrors NodeRestriction). What may be
 * true a moment later is no refusal: it is tried again.
 */
export function admitPodCertificateRequest(
  node: string,
  attributes: AdmissionAttributes,
  reader: ObjectReader,
): void {
  const { operation, subresource, namespace } = attributes;
  if (operation !== "CREATE") throw refuse(attributes, `unexpected operation ${operation}`);
  if (subresource !== "") throw refuse(attributes, `unexpected subresource ${subresource}`);
  const spec = objectOf<PodCertificateRequest>(attributes)?.spec;
  if (spec === undefined) return;
  if (spec.nodeName !== node) {
    const detail = `PodCertificateRequest.Spec.NodeName=${quoted(spec.nodeName)}, which is not the requesting node ${quoted(node)}`;
    throw refuse(attributes, detail);
  }
  const find = <T extends KubernetesObject>(
    resource: string,
    what: string,
    within: string,
    name: string,
  ): T => {
    const found = reader.get<T>({ group: "", resource }, within, name);
    if (found !== undefined) return found;
    const shown = within === "" ? name : `${within}/${name}`;
    throw newInternalError(
      `while retrieving ${what} ${quoted(shown)} named in the PodCertificateRequest: ${resource.replace(/s$/, "")} ${quoted(name)} not found`,
    );
  };
  const podKey = quoted(`${namespace}/${spec.podName}`);
  const of = `PodCertificateRequest for pod ${podKey}`;
  const asker = find<Node>("nodes", "node", "", spec.nodeName);
  if (asker.metadata.uid !== spec.nodeUID) {
    const actual = quoted(asker.metadata.uid ?? "");
    throw newInternalError(
      `${of} names node UID ${quoted(spec.nodeUID)}, inconsistent with the running node (${actual})`,
    );
  }
  const pod = find<Pod>("pods", "pod", namespace, spec.podName);
  if (pod.metadata.uid !== spec.podUID) {
    const actual = quoted(pod.metadata.uid ?? "");
    throw newInternalError(
      `${of} contains pod UID (${quoted(spec.podUID)}) which differs from running pod ${actual}`,
    );
  }
  if (pod.spec?.nodeName !== spec.nodeName) {
    const detail = `pod ${podKey} is not running on node ${quoted(spec.nodeName)} named in the PodCertificateRequest`;
    throw refuse(attributes, detail);
  }
  if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) {
    throw refuse(attributes, `pod ${podKey} is a mirror pod`);
  }
  const account = pod.spec.serviceAccountName ?? "";
  if (spec.serviceAccountName !== account) {
    const detail = `${of} contains serviceAccountName (${quoted(spec.serviceAccountName)}) that differs from running pod (${quoted(account)})`;
    throw refuse(attributes, detail);
  }
  const found = find<ServiceAccount>("serviceaccounts", "service account", namespace, account);
  if (found.metadata.uid === spec.serviceAccountUID) return;
  const actual = quoted(found.metadata.uid ?? "");
  throw newInternalError(
    `${of} names service account UID ${quoted(spec.serviceAccountUID)}, which differs from the running service account (${actual})`,
  );
}
