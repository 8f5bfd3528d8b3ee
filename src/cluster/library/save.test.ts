import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createCluster, type EmbeddedCluster, resources } from "../index.ts";
import { cronManifest } from "../snapshot/testing/cron-manifest.ts";
import { restoreCluster } from "./restore.ts";

const open: EmbeddedCluster[] = [];
let folder: string | undefined;
afterEach(async () => {
  await Promise.all(open.splice(0).map((cluster) => cluster.close()));
  if (folder !== undefined) rmSync(folder, { recursive: true });
  folder = undefined;
});

const kept = (cluster: EmbeddedCluster): EmbeddedCluster => {
  open.push(cluster);
  return cluster;
};

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata:
      labels: { app: web }
      annotations: { simulated.sampan.dev/logs: "hello" }
    spec: { containers: [{ name: web, image: nginx }] }
`;

async function loaded(seed?: number): Promise<EmbeddedCluster> {
  const cluster = kept(
    await createCluster({ clock: "virtual", nodes: 2, ...(seed !== undefined && { seed }) }),
  );
  await cluster.apply(deployment);
  await cluster.apply(cronManifest);
  await cluster.until(async () => (await cluster.get("deployment", "web"))["status"]?.readyReplicas === 2);
  return cluster;
}

const uidOf = async (cluster: EmbeddedCluster, resource: string, name: string): Promise<string> =>
  (await cluster.get(resource, name)).metadata.uid ?? "";

const podsOf = async (cluster: EmbeddedCluster): Promise<unknown[]> =>
  (await cluster.client.resource(resources.pods).list({ namespace: "default" })).items.map(
    ({ metadata, status }) => [
      metadata.name,
      metadata.uid,
      metadata.ownerReferences,
      status?.podIP,
      status?.containerStatuses?.[0]?.containerID,
      status?.containerStatuses?.[0]?.restartCount,
    ],
  );

describe("a saved cluster", () => {
  it("goes on with its objects, custom resources, running containers and its time", async () => {
    const cluster = await loaded();
    await cluster.clock.advance("10m");
    const before = [
      await podsOf(cluster),
      cluster.clock.now(),
      (await cluster.get("crons", "nightly")).metadata,
    ];
    const bytes = await cluster.save();
    await cluster.close();
    const restored = kept(await createCluster({ from: bytes }));
    expect([
      await podsOf(restored),
      restored.clock.now(),
      (await restored.get("crons", "nightly")).metadata,
    ]).toEqual(before);
    await restored.clock.advance("10m");
    expect(await podsOf(restored)).toEqual(before[0]);
    await restored.apply(deployment.replace("replicas: 2", "replicas: 3"));
    await restored.until(
      async () => (await restored.get("deployment", "web"))["status"]?.readyReplicas === 3,
    );
  });

  it("is a file that only its owner may read, from which as many clusters start as one likes", async () => {
    folder = mkdtempSync(join(tmpdir(), "sampan-save-"));
    const file = join(folder, "loaded.sampan");
    const cluster = await loaded();
    await cluster.save(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "latin1").split("\n")[0]).toBe("SAMPAN snapshot 1");
    const [one, two] = await Promise.all([createCluster({ from: file }), createCluster({ from: file })]);
    open.push(one, two);
    await one.delete("deployment", "web");
    expect(await uidOf(two, "deployment", "web")).toBe(await uidOf(cluster, "deployment", "web"));
  });

  it("repeats itself when it has a seed, whichever copy of it goes on", async () => {
    const bytes = await (await loaded(7)).save();
    const names = async (): Promise<unknown> => {
      const cluster = kept(await createCluster({ from: bytes }));
      await cluster.apply(deployment.replace("replicas: 2", "replicas: 4"));
      await cluster.clock.runUntilIdle();
      return await podsOf(cluster);
    };
    expect(await names()).toEqual(await names());
  });

  it("believes with the same identities what it signed before, and with new ones nothing of it", async () => {
    const cluster = await loaded();
    const tokenOf = async (of: EmbeddedCluster): Promise<string> => {
      const { body } = await of.client.transport.request({
        method: "POST",
        path: "/api/v1/namespaces/default/serviceaccounts/default/token",
        body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {}, spec: {} },
      });
      return (body as { status: { token: string } }).status.token;
    };
    const isBelieved = async (by: EmbeddedCluster, token: string): Promise<boolean> => {
      const review = await by.client.resource(resources.tokenreviews).create({
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        metadata: {},
        spec: { token },
      });
      return review.status?.authenticated === true;
    };
    const token = await tokenOf(cluster);
    const bytes = await cluster.save();
    const same = kept(await createCluster({ from: bytes }));
    const other = kept(await createCluster({ from: bytes, identities: "new" }));
    expect(await isBelieved(same, token)).toBe(true);
    expect(await isBelieved(other, token)).toBe(false);
    expect(await isBelieved(cluster, await tokenOf(other))).toBe(false);
    for (const [resource, name] of [
      ["namespace", "kube-system"],
      ["node", "node-1"],
    ] as const) {
      expect(await uidOf(same, resource, name)).toBe(await uidOf(cluster, resource, name));
      expect(await uidOf(other, resource, name)).not.toBe(await uidOf(cluster, resource, name));
    }
    expect(await podsOf(other)).toEqual(await podsOf(cluster));
    const lease = await other.get("leases", "node-1", "kube-node-lease");
    expect(lease.metadata.ownerReferences?.[0]?.uid).toBe(await uidOf(other, "node", "node-1"));
  });

  it("gets new tokens without an end, and new bootstrap tokens, with new identities", async () => {
    const cluster = await loaded();
    await cluster.apply(`
apiVersion: v1
kind: Secret
metadata: { name: robot, annotations: { kubernetes.io/service-account.name: default } }
type: kubernetes.io/service-account-token
---
apiVersion: v1
kind: Secret
metadata: { name: bootstrap-token-abcdef, namespace: kube-system }
type: bootstrap.kubernetes.io/token
stringData: { token-id: abcdef, token-secret: "0123456789abcdef", usage-bootstrap-authentication: "true" }
`);
    const dataOf = async (of: EmbeddedCluster, name: string, namespace?: string): Promise<string[]> => {
      const secret = await of.get("secret", name, namespace);
      const data = new Map(Object.entries((secret["data"] ?? {}) as Record<string, string>));
      return ["token", "ca.crt", "token-secret", "token-id"].map((key) => data.get(key) ?? "");
    };
    await cluster.until(async () => (await dataOf(cluster, "robot"))[0]);
    const other = kept(await createCluster({ from: await cluster.save(), identities: "new" }));
    await other.until(async () => (await dataOf(other, "robot"))[0]);
    const [token, authority] = await dataOf(cluster, "robot");
    const [otherToken, otherAuthority] = await dataOf(other, "robot");
    expect(otherToken).not.toBe(token);
    expect(otherAuthority).not.toBe(authority);
    const bootstrap = await dataOf(other, "bootstrap-token-abcdef", "kube-system");
    expect(bootstrap[3]).toBe(Buffer.from("abcdef").toString("base64"));
    expect(Buffer.from(bootstrap[2] ?? "", "base64").toString()).toMatch(
      /^(?!0123456789abcdef)[0-9a-f]{16}$/,
    );
  });

  it("refuses by name what is no saved cluster, is cut short, damaged, or of a newer format", async () => {
    const bytes = await (await loaded()).save();
    const changed = (at: number, by: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ by;
      return copy;
    };
    const newer = Buffer.concat([Buffer.from("SAMPAN snapshot 2\n"), bytes.subarray(18)]);
    const artifact = Buffer.concat([Buffer.from("SAMPAN artifact 1\n"), bytes.subarray(18)]);
    await expect(createCluster({ from: Buffer.from("apiVersion: v1\nkind: List\n") })).rejects.toThrow(
      "the saved cluster is no snapshot of Sampan",
    );
    await expect(createCluster({ from: newer })).rejects.toThrow(
      "has format 2, this version of Sampan reads format 1",
    );
    await expect(createCluster({ from: artifact })).rejects.toThrow("is no snapshot, but a Sampan artifact");
    for (const length of [0, 10, 20, 1000, bytes.byteLength - 40, bytes.byteLength - 1]) {
      await expect(createCluster({ from: bytes.subarray(0, length) })).rejects.toThrow(
        /is cut short|is no snapshot/,
      );
    }
    for (const at of [30, Math.floor(bytes.byteLength / 2), bytes.byteLength - 1]) {
      await expect(createCluster({ from: changed(at, 1) })).rejects.toThrow(/is damaged|is cut short/);
    }
    folder = mkdtempSync(join(tmpdir(), "sampan-save-"));
    writeFileSync(join(folder, "short"), bytes.subarray(0, 2000));
    await expect(createCluster({ from: join(folder, "short") })).rejects.toThrow(
      `${folder}/short is cut short`,
    );
  });

  it.each([
    [{ nodes: 3 }, "nodes is what the saved cluster has: it cannot be given"],
    [{ startTime: 0 }, "startTime is what the saved cluster has: it cannot be given"],
    [{ identities: "other" as "new" }, 'identities: "other" is neither "same" nor "new"'],
  ])("refuses %o", async (options, message) => {
    const bytes = await kept(await createCluster({ nodes: 0, controllers: "none" })).save();
    await expect(restoreCluster(bytes, options)).rejects.toThrow(message);
  });

  it("is needed for identities to mean something", async () => {
    await expect(createCluster({ identities: "new" })).rejects.toThrow(
      "identities needs a cluster to go on from",
    );
  });
});
