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
const eventSource: Getter = (object) => at("source.component")(object) || at("reportingComponent")(object);

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
    // Accepted, and yet nothing fills it in: no pod has a value.
    "status.podIPs": () => "",
  },
  "v1/Node": { "spec.unschedulable": at("spec.unschedulable", "false") },
  "v1/Namespace": paths("status.phase"),
  "v1/Secret": paths("type"),
  "v1/Service": paths("spec.clusterIP", "spec.type"),
  "v1/ReplicationController": { "status.replicas": at("status.replicas", "0") },
  "v1/Event": {
    ...Object.fromEntries(references.map((name) => [`involvedObject.${name}`, at(`involvedObject.${name}`)])),
    ...paths("reason", "reportingComponent", "type"),
    source: eventSource,
  },
  "events.k8s.io/v1/Event": {
    ...Object.fromEntries(references.map((name) => [`regarding.${name}`, at(`regarding.${name}`)])),
    ...paths("reason", "reportingController", "type"),
  },
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

/** Kinds that list what they support, and leave the namespace out. */
const withoutNamespace: ReadonlySet<string> = new Set([
  "v1/Node",
  "v1/Namespace",
  "certificates.k8s.io/v1/CertificateSigningRequest",
  "certificates.k8s.io/v1beta1/ClusterTrustBundle",
  "certificates.k8s.io/v1beta1/PodCertificateRequest",
  "resource.k8s.io/v1/ResourceSlice",
  "resource.k8s.io/v1beta1/ResourceSlice",
  "resource.k8s.io/v1beta2/ResourceSlice",
]);

/** How to read the field that a selector names, or undefined when the kind does not support it. */
export function selectableField(kind: GroupVersionKind, field: string): Getter | undefined {
  const key = keyOf(kind);
  if (field === "metadata.namespace" && withoutNamespace.has(key)) return undefined;
  if (Object.hasOwn(metadata, field)) return metadata[field];
  const own = fields[key];
  return own !== undefined && Object.hasOwn(own, field) ? own[field] : undefined;
}

/** What a client is told of a field that the built-in kind does not support: most kinds with fields of their own say it alike. */
export function unsupportedField(kind: GroupVersionKind, field: string): string {
  const quoted = JSON.stringify(field);
  if (fields[keyOf(kind)] === undefined) {
    return `${quoted} is not a known field selector: only "metadata.name", "metadata.namespace"`;
  }
  if (kind.kind === "Job") return `field label ${quoted} not supported for Job`;
  if (kind.kind === "ResourceSlice") {
    return `field label not supported for ${kind.group}/${kind.version}, Kind=${kind.kind}: ${field}`;
  }
  return `field label not supported: ${field}`;
}

const keyOf = ({ group, version, kind }: GroupVersionKind): string =>
  group === "" ? `${version}/${kind}` : `${group}/${version}/${kind}`;
