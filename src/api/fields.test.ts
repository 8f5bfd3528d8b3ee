import { expect, test } from "vitest";
import { parseApiVersion } from "../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import { selectableField, unsupportedField } from "./fields.ts";

function select(apiVersion: string, kind: string, field: string, rest: object): string | undefined {
  const object: UnstructuredObject = { apiVersion, kind, metadata: { name: "x", namespace: "ns" }, ...rest };
  return selectableField({ ...parseApiVersion(apiVersion), kind }, field)?.(object);
}

test.each([
  ["v1", "Pod", "metadata.name", {}, "x"],
  ["v1", "Pod", "metadata.namespace", {}, "ns"],
  ["v1", "Pod", "spec.nodeName", { spec: { nodeName: "n" } }, "n"],
  ["v1", "Pod", "spec.host", { spec: { nodeName: "n" } }, "n"],
  ["v1", "Pod", "spec.nodeName", {}, ""],
  ["v1", "Pod", "spec.hostNetwork", {}, "false"],
  ["v1", "Pod", "spec.hostNetwork", { spec: { hostNetwork: true } }, "true"],
  ["v1", "Pod", "status.phase", { status: { phase: "Running" } }, "Running"],
  ["v1", "Pod", "status.podIP", { status: { podIPs: [{ ip: "10.0.0.1" }] } }, "10.0.0.1"],
  ["v1", "Pod", "status.podIP", { status: { podIP: "10.0.0.2" } }, "10.0.0.2"],
  ["v1", "Pod", "spec.image", {}, undefined],
  ["v1", "Pod", "toString", {}, undefined],
  ["v1", "Node", "spec.unschedulable", {}, "false"],
  ["v1", "Secret", "type", { type: "Opaque" }, "Opaque"],
  ["v1", "Namespace", "status.phase", { status: { phase: "Active" } }, "Active"],
  ["v1", "Service", "spec.clusterIP", { spec: { clusterIP: "None" } }, "None"],
  ["v1", "ConfigMap", "data", {}, undefined],
  ["v1", "Pod", "status.podIPs", { status: { podIPs: [{ ip: "10.0.0.1" }] } }, ""],
  ["v1", "Namespace", "name", {}, undefined],
  ["v1", "Namespace", "metadata.namespace", {}, undefined],
  ["v1", "PersistentVolume", "metadata.namespace", {}, "ns"],
  ["v1", "PersistentVolume", "name", {}, undefined],
  ["v1", "PersistentVolumeClaim", "name", {}, undefined],
  ["v1", "ReplicationController", "status.replicas", {}, "0"],
  ["apps/v1", "ReplicaSet", "status.replicas", {}, undefined],
  ["resource.k8s.io/v1", "ResourceSlice", "spec.driver", { spec: { driver: "d" } }, "d"],
  ["certificates.k8s.io/v1beta1", "PodCertificateRequest", "metadata.namespace", {}, undefined],
  ["batch/v1", "Job", "status.successful", { status: { succeeded: 2 } }, "2"],
  ["v1", "Event", "involvedObject.kind", { involvedObject: { kind: "Pod" } }, "Pod"],
  ["v1", "Event", "source", { source: { component: "kubelet" } }, "kubelet"],
  ["v1", "Event", "source", { source: {}, reportingComponent: "scheduler" }, "scheduler"],
  ["v1", "Event", "regarding.kind", {}, undefined],
  ["events.k8s.io/v1", "Event", "regarding.kind", { regarding: { kind: "Pod" } }, "Pod"],
  ["events.k8s.io/v1", "Event", "source", { deprecatedSource: { component: "kubelet" } }, undefined],
  ["events.k8s.io/v1", "Event", "reportingController", { reportingController: "c" }, "c"],
  [
    "certificates.k8s.io/v1",
    "CertificateSigningRequest",
    "spec.signerName",
    { spec: { signerName: "s" } },
    "s",
  ],
])("%s %s: %s of %j is %j", (apiVersion, kind, field, rest, expected) => {
  expect(select(apiVersion, kind, field, rest)).toBe(expected);
});

test.each([
  ["v1", "ConfigMap", '"x" is not a known field selector: only "metadata.name", "metadata.namespace"'],
  ["v1", "Pod", "field label not supported: x"],
  ["certificates.k8s.io/v1", "CertificateSigningRequest", "field label not supported: x"],
  ["batch/v1", "Job", 'field label "x" not supported for Job'],
  [
    "resource.k8s.io/v1",
    "ResourceSlice",
    "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: x",
  ],
])("%s %s refuses a field it does not have: %s", (apiVersion, kind, message) => {
  expect(unsupportedField({ ...parseApiVersion(apiVersion), kind }, "x")).toBe(message);
});
