import { describe, expect, test } from "vitest";
import type { AlternativeNames } from "./alternative-names.ts";
import { CertificateAuthority } from "./authority.ts";
import { parseCertificate } from "./certificate.ts";
import { generateKey } from "./keys.ts";
import { certificatesOf } from "./pem.ts";
import { isClusterSigner, signFor } from "./signers.ts";
import { createSigningRequest } from "./signing-request.ts";

const nowMs = Date.UTC(2026, 4, 1);
const dayMs = 86_400_000;
const authority = CertificateAuthority.create("kubernetes", nowMs);
const none: AlternativeNames = { dnsNames: [], ipAddresses: [] };
const someNames: AlternativeNames = { dnsNames: ["n1"], ipAddresses: ["10.0.0.1"] };

function ask(
  signer: string,
  {
    commonName = "system:node:n1",
    organizations = ["system:nodes"],
    names = none,
    usages = ["digital signature", "client auth"],
    expirationSeconds,
  }: {
    commonName?: string;
    organizations?: string[];
    names?: AlternativeNames;
    usages?: string[];
    expirationSeconds?: number;
  } = {},
) {
  const request = createSigningRequest(generateKey(), { commonName, organizations }, names);
  return signFor(
    authority,
    { signerName: `kubernetes.io/${signer}`, request, usages, expirationSeconds },
    nowMs,
  );
}

const serving = ["digital signature", "server auth"];

describe("signFor()", () => {
  test.each<[string, Parameters<typeof ask>[1], string | undefined]>([
    ["kube-apiserver-client", { commonName: "jane", organizations: ["dev"] }, undefined],
    ["kube-apiserver-client", { commonName: "jane", usages: ["client auth"] }, undefined],
    [
      "kube-apiserver-client",
      { commonName: "jane", usages: serving },
      "invalid usage for client certificate: server auth",
    ],
    [
      "kube-apiserver-client",
      { commonName: "jane", usages: ["client auth", "cert sign"] },
      "invalid usage for client certificate: cert sign",
    ],
    [
      "kube-apiserver-client",
      { commonName: "jane", usages: ["digital signature"] },
      "missing required usage for client certificate: client auth",
    ],
    [
      "kube-apiserver-client-kubelet",
      { usages: ["client auth"] },
      "usages did not match [digital signature client auth]",
    ],
    ["kube-apiserver-client-kubelet", {}, undefined],
    [
      "kube-apiserver-client-kubelet",
      { usages: ["digital signature", "key encipherment", "client auth"] },
      undefined,
    ],
    [
      "kube-apiserver-client-kubelet",
      { organizations: ["system:nodes", "system:masters"] },
      "subject organization is not system:nodes",
    ],
    [
      "kube-apiserver-client-kubelet",
      { commonName: "jane" },
      "subject common name does not begin with system:node:",
    ],
    ["kube-apiserver-client-kubelet", { names: someNames }, "DNS subjectAltNames are not allowed"],
    ["kubelet-serving", { names: someNames, usages: serving }, undefined],
    ["kubelet-serving", { usages: serving }, "DNS or IP subjectAltName is required"],
    [
      "kubelet-serving",
      { names: { ...someNames, uris: ["spiffe://x"] }, usages: serving },
      "URI subjectAltNames are not allowed",
    ],
    ["kubelet-serving", { names: someNames }, "usages did not match [digital signature server auth]"],
    ["legacy-unknown", { commonName: "x", organizations: [], usages: ["any"] }, undefined],
    ["legacy-unknown", { usages: ["nonsense"] }, "unrecognized usage values: nonsense"],
  ])("%s %j", (signer, parts, refused) => {
    const answer = ask(signer, parts);
    expect(answer !== undefined && "refused" in answer ? answer.refused : undefined).toBe(refused);
  });

  test.each([
    [undefined, 365 * dayMs - 300_000],
    [3600, 3_600_000],
    [1, 600_000],
    [8 * 3600 - 1, 8 * 3_600_000 - 1000],
    [8 * 3600, 8 * 3_600_000 - 300_000],
    [10 * 365 * 86_400, 365 * dayMs - 300_000],
  ])("a lifetime of %s seconds", (expirationSeconds, lifetimeMs) => {
    const answer = ask("legacy-unknown", expirationSeconds === undefined ? {} : { expirationSeconds });
    const pem = answer !== undefined && "certificate" in answer ? answer.certificate : "";
    expect(parseCertificate(certificatesOf(pem)[0] ?? Buffer.alloc(0)).notAfterMs).toBe(nowMs + lifetimeMs);
  });

  test("leaves other signers' requests alone", () => {
    expect(
      signFor(authority, { signerName: "example.com/x", request: "", usages: [] }, nowMs),
    ).toBeUndefined();
    expect(isClusterSigner("example.com/x")).toBe(false);
    expect(isClusterSigner("kubernetes.io/kubelet-serving")).toBe(true);
  });

  test("refuses what is no request", () => {
    const answer = signFor(
      authority,
      { signerName: "kubernetes.io/legacy-unknown", request: "x", usages: [] },
      nowMs,
    );
    expect(answer).toEqual({ refused: expect.stringMatching(/^unable to parse csr/) });
  });
});
