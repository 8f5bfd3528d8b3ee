import { describe, expect, test } from "vitest";
import { builtinScheme } from "./builtin-scheme.ts";

const scheme = builtinScheme();

/** What encoding/json of Go 1.26 says of the types of k8s.io/api 0.36. */
test.each([
  [
    "core.v1.Pod",
    { spec: { restartPolicy: 5 } },
    "number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy",
  ],
  [
    "core.v1.Pod",
    { spec: { containers: [{ livenessProbe: { exec: 5 } }] } },
    "number into Go struct field Probe.spec.containers.livenessProbe.ProbeHandler.exec of type v1.ExecAction",
  ],
  [
    "core.v1.Pod",
    { spec: { containers: [{ livenessProbe: { exec: { command: 5 } } }] } },
    "number into Go struct field ExecAction.spec.containers.livenessProbe.ProbeHandler.exec.command of type []string",
  ],
  [
    "core.v1.Pod",
    { spec: { volumes: [{ configMap: { name: 5 } }] } },
    "number into Go struct field ConfigMapVolumeSource.spec.volumes.VolumeSource.configMap.LocalObjectReference.name of type string",
  ],
  [
    "core.v1.Pod",
    { spec: { volumes: [{ configMap: 5 }] } },
    "number into Go struct field Volume.spec.volumes.VolumeSource.configMap of type v1.ConfigMapVolumeSource",
  ],
  [
    "core.v1.PersistentVolumeClaim",
    { spec: { accessModes: 5 } },
    "number into Go struct field PersistentVolumeClaimSpec.spec.accessModes of type []v1.PersistentVolumeAccessMode",
  ],
  [
    "core.v1.PersistentVolumeClaim",
    { spec: { accessModes: [5] } },
    "number into Go struct field PersistentVolumeClaimSpec.spec.accessModes of type v1.PersistentVolumeAccessMode",
  ],
  [
    "core.v1.PersistentVolumeClaim",
    { spec: { resources: { requests: 5 } } },
    "number into Go struct field VolumeResourceRequirements.spec.resources.requests of type v1.ResourceList",
  ],
  [
    "core.v1.Pod",
    { metadata: { uid: 5 } },
    "number into Go struct field ObjectMeta.metadata.uid of type types.UID",
  ],
  [
    "core.v1.Pod",
    { metadata: { labels: { a: 5 } } },
    "number into Go struct field ObjectMeta.metadata.labels of type string",
  ],
  [
    "core.v1.Pod",
    { spec: { ephemeralContainers: [{ image: 5 }] } },
    "number into Go struct field EphemeralContainer.spec.ephemeralContainers.EphemeralContainerCommon.image of type string",
  ],
  [
    "apps.v1.Deployment",
    { spec: { replicas: "1" } },
    "string into Go struct field DeploymentSpec.spec.replicas of type int32",
  ],
])("of %s %j it says %s", (name, value, message) => {
  const decode = (): unknown => scheme.decode(`io.k8s.api.${name}`, value);
  expect(decode).toThrow(`json: cannot unmarshal ${message}`);
});

test.each([
  ["items", { items: { anyOf: ["x"] } }],
  ["a list of items", { items: [{ anyOf: ["x"] }] }],
  ["additional properties", { additionalProperties: { properties: { a: 5 } } }],
])("a schema in the %s of another is held to its type", (_where, schema) => {
  const name = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
  expect(() => scheme.decode(name, schema)).toThrow(/cannot unmarshal .* of type v1\.JSONSchemaProps/);
});

describe("where a schema or true or false may stand", () => {
  const name = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
  const decode = (value: unknown) => () => scheme.decode(name, { additionalProperties: value });

  test.each([1, "x", 9007199254740991, []])("%j is neither", (value) => {
    expect(decode(value)).toThrow("boolean or JSON schema expected");
  });

  test.each([null, false, true, {}])("%j is taken", (value) => {
    expect(decode(value)).not.toThrow();
  });
});
