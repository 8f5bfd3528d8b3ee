import { execFile } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { statSync, writeFileSync } from "node:fs";
import { type ClientHttp2Session, connect as openSession } from "node:http2";
import { join } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { StatusError } from "../../apimachinery/status.ts";
import { type Client, newClient } from "../../client/client.ts";
import { HttpsTransport } from "../../client/https-transport.ts";
import { loadKubeconfig, resolveContext, writeContext } from "../../client/kubeconfig.ts";
import { resources } from "../../client/resources.ts";
import { CertificateAuthority, createSigningRequest } from "../../pki/index.ts";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";

const few = { clock: "virtual", nodes: 0, scheduler: false } as const;
const namespaceCount = 4;

/** A client over a socket, of whoever the kubeconfig names. */
function clientOf(kubeconfig: string): Client & Disposable {
  const { transport } = resolveContext(loadKubeconfig([kubeconfig]));
  const https = new HttpsTransport({ ...transport, clock: new RealClock() });
  return Object.assign(newClient(https), { [Symbol.dispose]: () => https.close() });
}

/** How many namespaces a client over a new socket sees; the code when it is refused. */
async function seenWith(kubeconfig: string): Promise<number> {
  using client = clientOf(kubeconfig);
  try {
    return (await client.resource(resources.namespaces).list()).items.length;
  } catch (error) {
    if (error instanceof StatusError) return error.code;
    throw error;
  }
}

/** What the server shows to those who come now. */
async function shown(cluster: EmbeddedCluster): Promise<X509Certificate> {
  const { port } = new URL((await cluster.serve()).url);
  const socket = connect({ host: "127.0.0.1", port: Number(port), rejectUnauthorized: false });
  try {
    await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
    return new X509Certificate(socket.getPeerCertificate().raw);
  } finally {
    socket.destroy();
  }
}

/** The code of an answer on a connection that is open. */
async function codeOn(session: ClientHttp2Session): Promise<unknown> {
  const stream = session.request({ ":path": "/api/v1/namespaces" });
  return await new Promise((resolve, reject) => {
    stream.on("response", (headers) => resolve(headers[":status"])).on("error", reject);
    stream.resume();
  });
}

function expectGood({ validFrom, validTo }: X509Certificate, ...timesMs: readonly number[]): void {
  for (const ms of timesMs) {
    expect(Date.parse(validFrom)).toBeLessThan(ms);
    expect(Date.parse(validTo)).toBeGreaterThan(ms);
  }
}

const administrator = (text: string): X509Certificate =>
  new X509Certificate(Buffer.from(/client-certificate-data: (\S+)/.exec(text)?.[1] ?? "", "base64"));

describe("certificates on the virtual clock", { timeout: 180_000 }, () => {
  it("are renewed, year after year: the kubeconfig is written anew, and the old one is good until its end", async () => {
    await using cluster = await createCluster(few);
    const kubeconfig = await cluster.kubeconfig();
    const { text: first } = await cluster.serve();
    const firstServer = await shown(cluster);
    const old = join(kubeconfig, "..", "old");
    writeFileSync(old, first, { mode: 0o600 });
    await cluster.clock.leap("340d");
    const { text: second } = await cluster.serve();
    expect(second).not.toBe(first);
    expect([await seenWith(kubeconfig), await seenWith(old)]).toEqual([namespaceCount, namespaceCount]);
    for (let time = 0; time < 2; time++) {
      await cluster.clock.leap("400d");
      expect(await seenWith(kubeconfig)).toBe(namespaceCount);
      expect(await seenWith(old)).toBe(401);
      expectGood(await shown(cluster), cluster.clock.now(), new RealClock().now());
      expectGood(administrator((await cluster.serve()).text), cluster.clock.now());
      expect(statSync(kubeconfig).mode & 0o777).toBe(0o600);
      expect((await cluster.list("namespaces")).length).toBe(namespaceCount);
    }
    expect((await shown(cluster)).fingerprint256).not.toBe(firstServer.fingerprint256);
  });

  it("do not break connections that there are", async () => {
    await using cluster = await createCluster({
      ...few,
      controllers: "none",
      startTime: "2100-01-01T00:00:00Z",
    });
    const { ca, clientCertificate, clientKey, server } = resolveContext(
      loadKubeconfig([await cluster.kubeconfig()]),
    ).transport;
    const session = openSession(server, { ca, cert: clientCertificate, key: clientKey });
    try {
      expect(await codeOn(session)).toBe(200);
      const before = await shown(cluster);
      await cluster.clock.leap("340d");
      // Others are shown what is new; the administrator's old certificate is good yet.
      expect((await shown(cluster)).serialNumber).not.toBe(before.serialNumber);
      expect(await codeOn(session)).toBe(200);
      expect(session.closed).toBe(false);
    } finally {
      session.destroy();
    }
  });

  it.each(["1960-01-01T00:00:00Z", "2001-01-01T00:00:00Z", "2150-01-01T00:00:00Z"])(
    "are good for clients outside whatever the time in the cluster: %s",
    async (startTime) => {
      await using cluster = await createCluster({ ...few, controllers: "none", startTime });
      expect(await seenWith(await cluster.kubeconfig())).toBe(namespaceCount);
      expectGood(await shown(cluster), cluster.clock.now(), new RealClock().now());
      const { certificate } = cluster.server.cluster.pki.authority;
      expectGood(new X509Certificate(certificate), cluster.clock.now(), new RealClock().now());
    },
  );

  it("are renewed after a crash for what fell due during it", async () => {
    await using cluster = await createCluster({ ...few, controllers: "none" });
    const kubeconfig = await cluster.kubeconfig();
    await cluster.clock.leap("200d");
    await cluster.server.restart();
    expect(await seenWith(kubeconfig)).toBe(namespaceCount);
    await cluster.server.crash();
    await cluster.clock.leap("200d");
    await cluster.server.restart();
    expect(await seenWith(kubeconfig)).toBe(namespaceCount);
    expectGood(await shown(cluster), cluster.clock.now());
    await cluster.clock.leap("340d");
    expect(await seenWith(kubeconfig)).toBe(namespaceCount);
  });

  it("leave the log of a seed as it is", async () => {
    const logOf = async (): Promise<string> => {
      await using cluster = await createCluster({
        ...few,
        seed: 7,
        controllers: ["root-ca-certificate-publisher-controller"],
      });
      await cluster.kubeconfig();
      await cluster.clock.leap("400d");
      await cluster.clock.leap("3650d");
      const log: string[] = [];
      for await (const batch of cluster.changes({ follow: false }))
        for (const { type, key, revision, value } of batch)
          log.push(`${revision} ${type} ${key} ${Buffer.from(value ?? []).toString("base64")}`);
      return log.join("\n");
    };
    expect(await logOf()).toBe(await logOf());
  });

  it("that kubelets ask for are approved, signed, end and are cleared away by the cluster's time", async () => {
    await using cluster = await createCluster({
      ...few,
      authorization: "AlwaysAllow",
      controllers: ["approving", "signing", "cleaner"].map(
        (part) => `certificatesigningrequest-${part}-controller`,
      ),
    });
    await cluster.kubeconfig();
    await cluster.clock.leap("400d");
    const node = { name: "system:node:node-1", groups: ["system:nodes"] };
    const requests = cluster.clientOf(node).resource(resources.certificatesigningrequests);
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const request = createSigningRequest(privateKey, { commonName: node.name, organizations: node.groups });
    await requests.create({
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: { name: "node-1" },
      spec: {
        request: Buffer.from(request).toString("base64"),
        signerName: "kubernetes.io/kube-apiserver-client-kubelet",
        usages: ["digital signature", "client auth"],
        expirationSeconds: 24 * 3600,
      },
    });
    const signed = await cluster.until(async () => (await requests.get("node-1")).status?.certificate);
    const pem = Buffer.from(signed, "base64").toString();
    const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expectGood(new X509Certificate(pem), cluster.clock.now(), cluster.clock.now() + 23 * 3_600_000);
    const kubeconfig = await cluster.kubeconfig();
    const own = join(kubeconfig, "..", "node-1");
    const encode = (text: string): string => Buffer.from(text).toString("base64");
    const { text } = await cluster.serve();
    writeFileSync(
      own,
      text
        .replace(/client-certificate-data: \S+/, `client-certificate-data: ${encode(pem)}`)
        .replace(/client-key-data: \S+/, `client-key-data: ${encode(key)}`),
    );
    expect(await seenWith(own)).toBe(namespaceCount);
    await cluster.clock.leap("25h");
    expect(await seenWith(own)).toBe(401);
    expect((await requests.list()).items).toEqual([]);
  });

  it.each([
    ["good by the machine's time", 0],
    ["long past its end", 20 * 365],
    ["not good before next year", -400],
  ])("of another authority let nobody in: one that is %s", async (_how, daysAgo) => {
    await using cluster = await createCluster(few);
    const atMs = Date.now() - daysAgo * 86_400_000;
    const foreign = CertificateAuthority.create("kubernetes", atMs);
    const { certificate, key } = foreign.issueClient(
      { commonName: "kubernetes-admin", organizations: ["system:masters"] },
      atMs,
    );
    const own = await cluster.kubeconfig();
    const forged = `${own}.forged`;
    const { url } = await cluster.serve();
    writeContext(forged, {
      name: "forged",
      server: url,
      ca: cluster.server.cluster.pki.authority.certificate,
      clientCertificate: certificate,
      clientKey: key,
    });
    expect(await seenWith(forged)).toBe(401);
    expect(await seenWith(own)).toBe(namespaceCount);
  });

  it("let kubectl in, before and after", async ({ skip }) => {
    const run = promisify(execFile);
    const names = (kubeconfig: string): Promise<{ readonly stdout: string }> =>
      run("kubectl", ["--kubeconfig", kubeconfig, "get", "namespaces", "-o", "name"], { timeout: 120_000 });
    await run("kubectl", ["version", "--client"]).catch(() => skip("kubectl is not on this machine"));
    await using cluster = await createCluster({
      ...few,
      controllers: "none",
      startTime: "2040-01-01T00:00:00Z",
    });
    const before = (await names(await cluster.kubeconfig())).stdout;
    expect(before).toContain("namespace/kube-system");
    await cluster.clock.leap("400d");
    expect((await names(await cluster.kubeconfig())).stdout).toBe(before);
  });
});
