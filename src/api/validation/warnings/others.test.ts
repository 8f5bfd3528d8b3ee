import { describe, expect, test } from "vitest";
import { warningsFor } from "./index.ts";

const warningsOf = (apiVersion: string, kind: string, object: object, old?: object): string[] => {
  const [version = "", group = ""] = apiVersion.split("/").toReversed();
  return warningsFor({ group, version, kind }, { apiVersion, kind, metadata: {}, ...object }, old as never);
};

describe("what is worth a word of kinds that are seldom written", () => {
  const mountable = { metadata: { annotations: { "kubernetes.io/enforce-mountable-secrets": "true" } } };

  test("an annotation of a service account that is no longer to be used, when it is set", () => {
    expect(warningsOf("v1", "ServiceAccount", mountable)).toEqual([
      "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets",
    ]);
    expect(warningsOf("v1", "ServiceAccount", mountable, mountable)).toEqual([]);
    expect(warningsOf("v1", "ServiceAccount", {})).toEqual([]);
  });

  test("an address of a network policy in an unusual spelling", () => {
    const block = { ipBlock: { cidr: "2001:DB8::/32", except: ["2001:db8:0::/48", "10.0.0.0/8"] } };
    const spec = { ingress: [{}, { from: [{}, block] }], egress: [{ to: [{ ipBlock: { cidr: "::/0" } }] }] };
    const where = "spec.ingress[1].from[1].ipBlock";
    expect(warningsOf("networking.k8s.io/v1", "NetworkPolicy", { spec })).toEqual([
      `${where}.cidr: IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format ("2001:db8::/32")`,
      `${where}.except[0]: IPv6 CIDR value "2001:db8:0::/48" should be in RFC 5952 canonical format ("2001:db8::/48")`,
    ]);
  });

  test.each<[string, string, object, string[]]>([
    [
      "node.k8s.io/v1",
      "RuntimeClass",
      { scheduling: { nodeSelector: { "beta.kubernetes.io/os": "linux", a: "b" } } },
      ['scheduling.nodeSelector: deprecated since v1.14; use "kubernetes.io/os" instead'],
    ],
    [
      "storage.k8s.io/v1",
      "CSIStorageCapacity",
      {
        nodeTopology: {
          matchLabels: { "beta.kubernetes.io/arch": "arm" },
          matchExpressions: [{ key: "beta.kubernetes.io/os", operator: "Exists" }],
        },
      },
      [
        'nodeTopology.matchExpressions[0].key: beta.kubernetes.io/os is deprecated since v1.14; use "kubernetes.io/os" instead',
        'nodeTopology.matchLabels.beta.kubernetes.io/arch: deprecated since v1.14; use "kubernetes.io/arch" instead',
      ],
    ],
    [
      "resource.k8s.io/v1",
      "ResourceSlice",
      { spec: { driver: "Gpu.example.com" } },
      ['spec.driver: driver names should be lowercase; "Gpu.example.com" contains uppercase characters'],
    ],
    [
      "admissionregistration.k8s.io/v1",
      "ValidatingAdmissionPolicy",
      { metadata: { name: "a.static.k8s.io" } },
      [
        'metadata.name: names ending with ".static.k8s.io" are reserved for static manifest-based configurations and cannot be managed via the API',
      ],
    ],
  ])("%s %s", (apiVersion, kind, object, warnings) => {
    expect(warningsOf(apiVersion, kind, object)).toEqual(warnings);
    expect(warningsOf(apiVersion, kind, { spec: {} })).toEqual([]);
  });
});
