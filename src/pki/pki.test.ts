import { execFileSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync, type webcrypto, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer, type TLSSocket } from "node:tls";
import "reflect-metadata";
import * as oracle from "@peculiar/x509";
import { afterEach, describe, expect, test } from "vitest";
import { RealClock, VirtualClock } from "../apimachinery/clock.ts";
import { ipOctets, sameAlternativeNames } from "./alternative-names.ts";
import { CertificateAuthority } from "./authority.ts";
import { isSignedBy, parseCertificate } from "./certificate.ts";
import { DerError } from "./der.ts";
import { generateKey } from "./keys.ts";
import { certificatesOf, decodePem, encodePem } from "./pem.ts";
import { createPki } from "./pki.ts";
import { loadOrCreatePki } from "./pki-directory.ts";
import { createSigningRequest, parseSigningRequest } from "./signing-request.ts";

const nowMs = Date.UTC(2026, 4, 1);
const dayMs = 86_400_000;
const directories: string[] = [];

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "sampan-pki-"));
  directories.push(directory);
  return directory;
}

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

const derOf = (pem: string): Buffer => certificatesOf(pem)[0] ?? Buffer.alloc(0);

describe("CertificateAuthority", () => {
  const authority = CertificateAuthority.create("kubernetes", nowMs);
  const names = { dnsNames: ["localhost", "a.example"], ipAddresses: ["127.0.0.1", "fd00::1"] };
  const server = authority.issueServer("kube-apiserver", names, nowMs);

  test("the authority's own certificate reads as one with an independent parser", () => {
    const certificate = new oracle.X509Certificate(authority.certificate);
    const constraints = certificate.getExtension(oracle.BasicConstraintsExtension);
    const usage = certificate.getExtension(oracle.KeyUsagesExtension);
    expect(certificate.subject).toBe("CN=kubernetes");
    expect(constraints).toMatchObject({ ca: true, critical: true });
    expect(usage).toMatchObject({ critical: true });
    expect((usage?.usages ?? 0) & oracle.KeyUsageFlags.keyCertSign).not.toBe(0);
    expect(certificate.getExtension(oracle.SubjectKeyIdentifierExtension)?.keyId).toMatch(/^[0-9a-f]{40}$/);
    expect(certificate.notAfter.getTime()).toBe(nowMs + 3650 * dayMs);
  });

  test("a server certificate carries its names, usages and key identifiers", () => {
    const certificate = new oracle.X509Certificate(server.certificate);
    const extended = certificate.getExtension(oracle.ExtendedKeyUsageExtension);
    const san = certificate.getExtension(oracle.SubjectAlternativeNameExtension);
    expect(extended?.usages).toEqual([oracle.ExtendedKeyUsage.serverAuth]);
    expect(san?.names.toJSON()).toEqual([
      { type: "dns", value: "localhost" },
      { type: "dns", value: "a.example" },
      { type: "ip", value: "127.0.0.1" },
      { type: "ip", value: "fd00::1" },
    ]);
    expect(certificate.getExtension(oracle.AuthorityKeyIdentifierExtension)?.keyId).toBe(
      new oracle.X509Certificate(authority.certificate).getExtension(oracle.SubjectKeyIdentifierExtension)
        ?.keyId,
    );
    expect(certificate.getExtension(oracle.BasicConstraintsExtension)).toMatchObject({ ca: false });
  });

  test("an independent verifier accepts the chain", async () => {
    const certificate = new oracle.X509Certificate(server.certificate);
    const issuer = new oracle.X509Certificate(authority.certificate);
    expect(await certificate.verify({ publicKey: issuer, date: new Date(nowMs) })).toBe(true);
  });

  test("certificates start a little in the past, never before their authority", () => {
    const late = authority.issueClient({ commonName: "jane", organizations: [] }, nowMs + dayMs);
    expect(parseCertificate(derOf(late.certificate)).notBeforeMs).toBe(nowMs + dayMs - 300_000);
    expect(parseCertificate(derOf(server.certificate)).notBeforeMs).toBe(authority.parsed.notBeforeMs);
  });

  test("a certificate never outlives its authority", () => {
    const client = authority.issueClient({ commonName: "jane", organizations: [] }, nowMs, 9999 * dayMs);
    expect(parseCertificate(derOf(client.certificate)).notAfterMs).toBe(authority.parsed.notAfterMs);
  });

  test("serials differ", () => {
    const serials = Array.from({ length: 50 }, () =>
      parseCertificate(
        derOf(authority.issueClient({ commonName: "x", organizations: [] }, nowMs).certificate),
      ),
    ).map((certificate) => certificate.serial);
    expect(new Set(serials).size).toBe(50);
  });

  test("a subject with several organisations is read back, whatever its characters", () => {
    const subject = { commonName: "jäne, O=system:masters", organizations: ["dev", "system:nodes\nO=x"] };
    const { certificate } = authority.issueClient(subject, nowMs);
    expect(parseCertificate(derOf(certificate)).subject).toMatchObject(subject);
  });

  test("isSignedBy() tells this authority from another of the same name", () => {
    const other = CertificateAuthority.create("kubernetes", nowMs);
    const certificate = parseCertificate(derOf(server.certificate));
    expect(isSignedBy(certificate, authority.parsed)).toBe(true);
    expect(isSignedBy(certificate, other.parsed)).toBe(false);
  });

  test("load() refuses a key of another authority", () => {
    const other = CertificateAuthority.create("kubernetes", nowMs);
    expect(() => CertificateAuthority.load({ certificate: authority.certificate, key: other.key })).toThrow(
      /do not belong together/,
    );
  });

  test("made anew from its key, the authority still vouches for what it signed", () => {
    const renewed = CertificateAuthority.create("kubernetes", nowMs + dayMs, createPrivateKey(authority.key));
    expect(
      new X509Certificate(server.certificate).verify(new X509Certificate(renewed.certificate).publicKey),
    ).toBe(true);
    expect(isSignedBy(parseCertificate(derOf(server.certificate)), renewed.parsed)).toBe(true);
  });
});

describe("signing requests", () => {
  const subject = { commonName: "system:node:a", organizations: ["system:nodes"] };

  test("a request is read back and signed", () => {
    const authority = CertificateAuthority.create("kubernetes", nowMs);
    const pem = createSigningRequest(generateKey(), subject, { dnsNames: ["a"], ipAddresses: ["10.0.0.1"] });
    const request = parseSigningRequest(pem);
    expect(request.subject).toMatchObject(subject);
    expect(request.alternativeNames).toMatchObject({ dnsNames: ["a"], ipAddresses: ["10.0.0.1"] });
    const signed = parseCertificate(
      derOf(authority.sign(request, ["digital signature", "client auth"], nowMs, dayMs)),
    );
    expect(signed.subject).toMatchObject(subject);
    expect(signed.usages).toEqual(["digital signature", "client auth"]);
    expect(signed.notAfterMs).toBe(nowMs + dayMs);
    expect(signed.publicKey.equals(request.publicKey)).toBe(true);
  });

  test("an independent parser accepts our request", async () => {
    const request = new oracle.Pkcs10CertificateRequest(createSigningRequest(generateKey(), subject));
    expect(request.subject).toBe("O=system:nodes, CN=system:node:a");
    expect(await request.verify()).toBe(true);
  });

  test.each([
    ["EC P-384", { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" }],
    [
      "RSA",
      {
        name: "RSASSA-PKCS1-v1_5",
        hash: "SHA-256",
        publicExponent: new Uint8Array([1, 0, 1]),
        modulusLength: 2048,
      },
    ],
    ["Ed25519", { name: "Ed25519" }],
  ])("a request of another tool with %s is read and signed", async (_what, algorithm) => {
    const keys = (await crypto.subtle.generateKey(algorithm, true, [
      "sign",
      "verify",
    ])) as webcrypto.CryptoKeyPair;
    const request = await oracle.Pkcs10CertificateRequestGenerator.create({
      name: "CN=jane, O=dev",
      keys,
      signingAlgorithm: algorithm,
      extensions: [new oracle.SubjectAlternativeNameExtension([{ type: "dns", value: "x.example" }])],
    });
    const parsed = parseSigningRequest(request.toString("pem"));
    expect(parsed.subject).toMatchObject({ commonName: "jane", organizations: ["dev"] });
    expect(parsed.alternativeNames.dnsNames).toEqual(["x.example"]);
    const authority = CertificateAuthority.create("kubernetes", nowMs);
    const pem = authority.sign(parsed, ["client auth"], nowMs, dayMs);
    expect(new X509Certificate(pem).verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
  });

  test("a request whose content was changed is refused", () => {
    const der = Buffer.from(decodePem(createSigningRequest(generateKey(), subject))[0]?.der ?? []);
    const at = der.indexOf("system:node:a");
    der[at + 12] = "b".charCodeAt(0);
    expect(() => parseSigningRequest(encodePem("CERTIFICATE REQUEST", der))).toThrow(
      "x509: ECDSA verification failure",
    );
  });

  test.each([
    "",
    "nonsense",
    encodePem("CERTIFICATE", Buffer.from([0x30, 0])),
    encodePem("CERTIFICATE REQUEST", Buffer.from([1])),
  ])("%j is refused with DerError", (pem) => {
    expect(() => parseSigningRequest(pem)).toThrow(DerError);
  });
});

describe("alternative names", () => {
  test.each([
    ["10.1.2.3", "0a010203"],
    ["::", "0".repeat(32)],
    ["::1", `${"0".repeat(31)}1`],
    ["fd00::1:0:2", "fd000000000000000000000100000002"],
    ["::ffff:1.2.3.4", "00000000000000000000ffff01020304"],
  ])("ipOctets(%s)", (address, hex) => {
    expect(ipOctets(address).toString("hex")).toBe(hex);
  });

  test("the same names in another order and spelling are the same", () => {
    const a = { dnsNames: ["a", "b"], ipAddresses: ["::1", "127.0.0.1"] };
    const b = { dnsNames: ["b", "a"], ipAddresses: ["127.0.0.1", "0:0::1"] };
    expect(sameAlternativeNames(a, b)).toBe(true);
    expect(sameAlternativeNames(a, { ...b, dnsNames: ["b"] })).toBe(false);
  });
});

describe("TLS", () => {
  test("node accepts server and client certificates of the PKI", async () => {
    const pki = createPki({ clock: new RealClock() });
    const server = createServer({
      cert: pki.server.certificate,
      key: pki.server.key,
      ca: pki.authority.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const seen = new Promise<TLSSocket>((resolve) => server.once("secureConnection", resolve));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const client = connect({
      port,
      host: "127.0.0.1",
      servername: "kubernetes.default.svc",
      ca: pki.authority.certificate,
      cert: pki.admin.certificate,
      key: pki.admin.key,
    });
    await new Promise<void>((resolve, reject) => {
      client.once("secureConnect", resolve);
      client.once("error", reject);
    });
    expect(client.authorized).toBe(true);
    const socket = await seen;
    expect(socket.authorized).toBe(true);
    expect(parseCertificate(socket.getPeerCertificate(true).raw).subject).toMatchObject({
      commonName: "kubernetes-admin",
      organizations: ["system:masters"],
    });
    client.destroy();
    socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});

function hasOpenssl(): boolean {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!hasOpenssl())("openssl", () => {
  test("verifies every certificate in strict mode", async () => {
    const directory = temporaryDirectory();
    await loadOrCreatePki(directory, { clock: new RealClock() });
    const verify = (authority: string, purpose: string, file: string): string =>
      execFileSync("openssl", [
        "verify",
        "-x509_strict",
        "-purpose",
        purpose,
        "-CAfile",
        join(directory, authority),
        join(directory, file),
      ]).toString();
    expect(verify("ca.crt", "sslserver", "apiserver.crt")).toContain("OK");
    expect(verify("ca.crt", "sslclient", "admin.crt")).toContain("OK");
    expect(verify("ca.crt", "sslclient", "apiserver-kubelet-client.crt")).toContain("OK");
    expect(verify("front-proxy-ca.crt", "sslclient", "front-proxy-client.crt")).toContain("OK");
  });
});

describe("loadOrCreatePki()", () => {
  const clock = new VirtualClock(nowMs);

  test("keeps its directory 0700 and its files 0600", async () => {
    const directory = temporaryDirectory();
    await loadOrCreatePki(directory, { clock });
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const file of ["ca.key", "ca.crt", "apiserver.key", "sa.key", "admin.key"]) {
      expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600);
    }
  });

  test("a restart finds everything as it was", async () => {
    const directory = temporaryDirectory();
    const first = await loadOrCreatePki(directory, { clock });
    const second = await loadOrCreatePki(directory, { clock });
    expect(second.server).toEqual(first.server);
    expect(second.admin).toEqual(first.admin);
    expect(second.authority.certificate).toBe(first.authority.certificate);
    expect([...second.serviceAccountKeys.keys()]).toEqual([...first.serviceAccountKeys.keys()]);
  });

  test("the server's certificate is renewed when its names change, the authority stays", async () => {
    const directory = temporaryDirectory();
    const first = await loadOrCreatePki(directory, { clock });
    const serverNames = { dnsNames: [], ipAddresses: ["10.96.0.1"] };
    const second = await loadOrCreatePki(directory, { clock, serverNames });
    expect(second.server.certificate).not.toBe(first.server.certificate);
    expect(second.authority.certificate).toBe(first.authority.certificate);
    expect(new X509Certificate(second.server.certificate).checkIP("10.96.0.1")).toBe("10.96.0.1");
  });

  test("certificates about to end are renewed", async () => {
    const directory = temporaryDirectory();
    const later = new VirtualClock(nowMs + 340 * dayMs);
    const first = await loadOrCreatePki(directory, { clock });
    const second = await loadOrCreatePki(directory, { clock: later });
    expect(second.server.certificate).not.toBe(first.server.certificate);
    expect(second.admin.certificate).not.toBe(first.admin.certificate);
    expect(second.authority.certificate).toBe(first.authority.certificate);
  });

  test("an authority about to end is renewed with its own key", async () => {
    const directory = temporaryDirectory();
    const later = new VirtualClock(nowMs + 3640 * dayMs);
    const first = await loadOrCreatePki(directory, { clock });
    const second = await loadOrCreatePki(directory, { clock: later });
    expect(second.authority.certificate).not.toBe(first.authority.certificate);
    expect(second.authority.key).toBe(first.authority.key);
  });

  test("a key beside a certificate of another key is replaced", async () => {
    const directory = temporaryDirectory();
    await loadOrCreatePki(directory, { clock });
    const stray = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    writeFileSync(join(directory, "admin.key"), stray.export({ type: "pkcs8", format: "pem" }));
    const { admin } = await loadOrCreatePki(directory, { clock });
    expect(new X509Certificate(admin.certificate).checkPrivateKey(createPrivateKey(admin.key))).toBe(true);
    expect(readFileSync(join(directory, "admin.crt"), "utf8")).toBe(admin.certificate);
  });

  test("a lost authority key is an error, never a new cluster", async () => {
    const directory = temporaryDirectory();
    await loadOrCreatePki(directory, { clock });
    rmSync(join(directory, "ca.key"));
    await expect(loadOrCreatePki(directory, { clock })).rejects.toThrow(/ca\.key is missing/);
  });

  test("a damaged authority key is an error", async () => {
    const directory = temporaryDirectory();
    await loadOrCreatePki(directory, { clock });
    writeFileSync(join(directory, "ca.key"), "damaged");
    await expect(loadOrCreatePki(directory, { clock })).rejects.toThrow(/DECODER|unsupported|PEM/);
  });
});
