import type { GroupVersionKind } from "../apimachinery/gvk.ts";
import { isObject } from "../apimachinery/json.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";

/**
 * Field selectors of the built-in kinds, beyond metadata.name and metadata.namespace, which every resource has.
 * Mirrors the field label conversions in pkg/apis and the SelectableFields of the strategies in pkg/registry.
 */
type Getter = (object: UnstructuredObject) => string;

/** The value at a dotted path as a selector sees it: absent is "", unless the type has another zero value. */
function at(path: string, zero = ""): Getter {
  const steps = path.split(".");
  return (object) => {
    let value: unknown = object;
    for (const step of steps) value = isObject(value) ? value[step] : undefined;
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? String(value)
      : zero;
  };
}

function paths(...names: string[]): Record<string, Getter> {
  return Object.fromEntries(names.map((name) => [name, at(name)]));
}

/** Where an event comes from: the component that reported it under either of its names. */
const eventSource: Getter = (object) => {
  const source = object["source"] ?? object["deprecatedSource"];
  const component = isObject(source) ? source["component"] : undefined;
  if (typeof component === "string" && component !== "") return component;
  const reporting = object["reportingComponent"] ?? object["reportingController"];
  return typeof reporting === "string" ? reporting : "";
};

function podAddress(object: UnstructuredObject): string {
  const status = object["status"];
  const addresses = isObject(status) ? status["podIPs"] : undefined;
  const first: unknown = Array.isArray(addresses) ? addresses[0] : undefined;
  return isObject(first) && typeof first["ip"] === "string" ? first["ip"] : at("status.podIP")(object);
}

const references = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];

const fields: Readonly<Record<string, Readonly<Record<string, Getter>>>> = {
  "v1/Pod": {
    ...paths(
      "spec.nodeName",
      "spec.restartPolicy",
      "spec.schedulerName",
      "spec.serviceAccountName",
      "status.phase",
      "status.nominatedNodeName",
    ),
    "spec.host": at("spec.nodeName"),
    "spec.hostNetwork": at("spec.hostNetwork", "false"),
    "status.podIP": podAddress,
    "status.podIPs": podAddress,
  },
  "v1/Node": { "spec.unschedulable": at("spec.unschedulable", "false") },
  "v1/Namespace": { ...paths("status.phase"), name: at("metadata.name") },
  "v1/Secret": paths("type"),
  "v1/Service": paths("spec.clusterIP", "spec.type"),
  "v1/ReplicationController": { "status.replicas": at("status.replicas", "0") },
  "v1/PersistentVolume": { name: at("metadata.name") },
  "v1/PersistentVolumeClaim": { name: at("metadata.name") },
  "v1/Event": {
    ...Object.fromEntries(references.map((name) => [`involvedObject.${name}`, at(`involvedObject.${name}`)])),
    ...paths("reason", "reportingComponent", "type"),
    source: eventSource,
  },
  "events.k8s.io/v1/Event": {
    ...Object.fromEntries(references.map((name) => [`regarding.${name}`, at(`regarding.${name}`)])),
    ...paths("reason", "reportingController", "type"),
    source: eventSource,
  },
  "apps/v1/ReplicaSet": { "status.replicas": at("status.replicas", "0") },
  "batch/v1/Job": { "status.successful": at("status.succeeded", "0") },
  "certificates.k8s.io/v1/CertificateSigningRequest": paths("spec.signerName"),
  "certificates.k8s.io/v1beta1/ClusterTrustBundle": paths("spec.signerName"),
  "certificates.k8s.io/v1beta1/PodCertificateRequest": paths(
    "spec.signerName",
    "spec.podName",
    "spec.nodeName",
  ),
  "resource.k8s.io/v1/ResourceSlice": paths("spec.nodeName", "spec.driver"),
  "resource.k8s.io/v1beta1/ResourceSlice": paths("spec.nodeName", "spec.driver"),
  "resource.k8s.io/v1beta2/ResourceSlice": paths("spec.nodeName", "spec.driver"),
};

const metadata: Readonly<Record<string, Getter>> = paths("metadata.name", "metadata.namespace");

/** How to read the field that a selector names, or undefined when the kind does not support it. */
export function selectableField(kind: GroupVersionKind, field: string): Getter | undefined {
  if (Object.hasOwn(metadata, field)) return metadata[field];
  const prefix = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  const own = fields[`${prefix}/${kind.kind}`];
  return own !== undefined && Object.hasOwn(own, field) ? own[field] : undefined;
}
