import { expect, test } from "vitest";
import type { ClusterTrustBundle } from "../../api/types/certificates-v1beta1.ts";
import { trustAnchors } from "./trust-anchors.ts";

const body = (letter: string): string => Buffer.from(letter.repeat(60)).toString("base64");
const pem = (letter: string): string =>
  `-----BEGIN CERTIFICATE-----\n${body(letter).slice(0, 64)}\n${body(letter).slice(64)}\n-----END CERTIFICATE-----\n`;
const bundle = (
  name: string,
  trustBundle: string,
  signerName?: string,
  labels: Record<string, string> = {},
): ClusterTrustBundle => ({
  apiVersion: "certificates.k8s.io/v1beta1",
  kind: "ClusterTrustBundle",
  metadata: { name, labels },
  spec: { trustBundle, ...(signerName === undefined ? {} : { signerName }) },
});
const bundles = [
  bundle("z", `a note\n${pem("a")}\n${pem("b")}`),
  bundle("x.com:s:live", pem("b") + pem("c"), "x.com/s", { state: "live" }),
  bundle("x.com:s:more", pem("c") + pem("a"), "x.com/s", { state: "live" }),
  bundle("x.com:s:old", pem("d"), "x.com/s", { state: "old" }),
  bundle("y.com:s:live", pem("e"), "y.com/s", { state: "live" }),
];
const of = (projection: object): string =>
  trustAnchors({ path: "ca.pem", ...projection }, bundles).toString();

test.each<[object, string[]]>([
  [{ name: "z" }, ["a", "b"]],
  [{ signerName: "x.com/s", labelSelector: { matchLabels: { state: "live" } } }, ["b", "c", "a"]],
  [{ signerName: "x.com/s", labelSelector: {} }, ["b", "c", "a", "d"]],
  [{ name: "gone", optional: true }, []],
  // No selector chooses nothing, one that is empty everything.
  [{ signerName: "x.com/s", optional: true }, []],
])("%j gives each certificate once, without notes", (projection, letters) => {
  expect(of(projection)).toBe(letters.map(pem).join(""));
});

test.each<[object, string]>([
  [{ name: "gone" }, 'clustertrustbundle.certificates.k8s.io "gone" not found'],
  [{ signerName: "x.com/s" }, "combination of signerName and labelSelector matched zero ClusterTrustBundles"],
  [{}, "requires either name or signerName to be set"],
])("%j is told of", (projection, message) => {
  expect(() => of(projection)).toThrow(message);
});
