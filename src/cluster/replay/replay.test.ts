import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Kubectl, kubectlBinaries, Processes, run } from "../../../test/harness/kubectl.ts";
import { writeContext } from "../../client/kubeconfig.ts";
import { createCluster, type EmbeddedCluster } from "../index.ts";
import { cronManifest } from "../snapshot/testing/cron-manifest.ts";
import { type Artifact, readArtifact } from "./artifact.ts";
import { ReplayServer, resolveMoment } from "./replay-server.ts";
import { Timeline } from "./timeline.ts";

const manifest = `${cronManifest}
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata:
      labels: { app: web }
    spec: { containers: [{ name: web, image: nginx }] }
---
apiVersion: v1
kind: Pod
metadata:
  name: keeper
  annotations: { simulated.sampan.dev/log: "hello from the past", simulated.sampan.dev/log-every: 10m }
spec: { containers: [{ name: keeper, image: nginx }] }
`;

let folder = "";
let file = "";
let artifact: Artifact;
let server: ReplayServer;
let url = "";
/** Revisions to come back to. */
const at = { deployed: 0, scaled: 0, end: 0 };
const processes = new Processes();

const revisionOf = async (cluster: EmbeddedCluster): Promise<number> =>
  Number((await cluster.get("deployment", "web")).metadata.resourceVersion);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sampan-replay-"));
  file = join(folder, "failure.sampan");
  const cluster = await createCluster({ clock: "virtual", seed: 5, record: true });
  await cluster.apply(manifest);
  await cluster.until(async () =>
    JSON.stringify(await cluster.get("deployment", "web")).includes('"readyReplicas":2'),
  );
  at.deployed = await revisionOf(cluster);
  // Beyond what history is kept for by itself.
  await cluster.clock.advance("30m");
  cluster.faults.add({ verb: "delete", resource: "configmaps", times: 1, error: "Conflict" });
  await cluster.delete("configmap", "nothing").catch(() => undefined);
  await cluster.apply(manifest.replace("replicas: 2", "replicas: 1"));
  await cluster.clock.runUntilIdle();
  at.scaled = await revisionOf(cluster);
  await cluster.delete("deployment", "web");
  await cluster.clock.runUntilIdle();
  await cluster.artifact(file, { test: "it scales", error: new Error("expected 1 to be 2") });
  await cluster.close();
  artifact = await readArtifact(file);
  at.end = artifact.header.revision;
  server = await ReplayServer.of(artifact);
  url = `https://127.0.0.1:${await server.listen(0)}`;
});

afterAll(async () => {
  await processes.end();
  await server.close();
  rmSync(folder, { recursive: true });
});

describe("an artifact", () => {
  it("is a file of its owner's with the failure, the seed, the options, the faults and the server's log", () => {
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(artifact.header).toMatchObject({
      test: "it scales",
      seed: 5,
      firstRevision: 0,
      options: { clock: "virtual", record: true },
    });
    expect(artifact.header.error).toContain("Error: expected 1 to be 2");
    expect(artifact.faults.map(({ what }) => what)).toEqual([expect.stringContaining("configmaps")]);
  });

  it("has every revision from the first on, each with its time, who wrote what", async () => {
    const { moments } = await Timeline.of(artifact);
    expect(moments.map(({ revision }) => revision)).toEqual(
      Array.from({ length: at.end }, (_, index) => index + 1),
    );
    expect(moments.every(({ atMs }, index) => atMs >= (moments[index - 1]?.atMs ?? 0))).toBe(true);
    const told = moments.map(({ who, verb, object }) => `${who} ${verb} ${object}`);
    expect(told).toContain("kubernetes-admin patch deployments.apps/web -n default");
    expect(
      told.some((line) => /^system:kube-scheduler create pods\/web-\S+\/binding -n default$/.test(line)),
    ).toBe(true);
    expect(
      told.some((line) =>
        /^system:node:node-1 (?:patch|update) pods\/web-\S+\/status -n default$/.test(line),
      ),
    ).toBe(true);
    expect(told).toContain("kubernetes-admin delete deployments.apps/web -n default");
  });

  it("is opened at a revision or a time, and says what it does not have", () => {
    const { timeline } = server;
    const endMs = timeline.moments.at(-1)?.atMs ?? 0;
    expect(resolveMoment(artifact, timeline, "7")).toBe(7);
    expect(resolveMoment(artifact, timeline, new Date(endMs).toISOString())).toBe(at.end);
    expect(resolveMoment(artifact, timeline, "2030-01-01T00:00:00Z")).toBe(at.end);
    for (const [asked, message] of [
      ["0", `there is no revision 0: the artifact has 1 to ${at.end}`],
      [String(at.end + 1), `there is no revision ${at.end + 1}`],
      ["2001-01-01T00:00:00Z", "there was nothing yet at 2001-01-01T00:00:00Z: the artifact begins at 2026"],
      ["yesterday", '"yesterday" is neither a revision nor a time such as'],
    ] as const) {
      expect(() => resolveMoment(artifact, timeline, asked)).toThrow(message);
    }
  });

  it("is written without a recorder too: the journal knows who wrote, and why", async () => {
    const cluster = await createCluster({ clock: "virtual" });
    await cluster.apply(manifest);
    await cluster.clock.runUntilIdle();
    const plain = join(folder, "plain.sampan");
    await cluster.artifact(plain);
    await cluster.close();
    const { moments } = await Timeline.of(await readArtifact(plain));
    const created = moments.find(({ object }) => object === "deployments.apps/web -n default");
    expect(created).toMatchObject({ verb: "patch", who: "kubernetes-admin" });
    const replicas = moments.find(({ object }) => object.startsWith("replicasets.apps/web-"));
    expect(replicas).toMatchObject({ verb: "create", cause: "deployment-controller for default/web" });
    expect(created?.atMs).toBeGreaterThan(Date.UTC(2025, 1));
  });

  it("says which revisions are there when those before are forgotten, and shows what was then", async () => {
    const cluster = await createCluster({ clock: "virtual" });
    await cluster.apply(manifest);
    await cluster.clock.advance("30m");
    await cluster.delete("deployment", "web");
    await cluster.clock.runUntilIdle();
    const later = join(folder, "later.sampan");
    await cluster.artifact(later);
    await cluster.close();
    const { header, storage } = await readArtifact(later);
    expect(header.firstRevision).toBeGreaterThan(0);
    const { items } = await storage.list("/registry/apps/deployments/", { revision: header.firstRevision });
    expect(items).toHaveLength(1);
    expect((await storage.list("/registry/apps/deployments/")).items).toHaveLength(0);
  });

  it("is refused when it is cut, changed, or a snapshot", async () => {
    const bytes = readFileSync(file);
    const other = join(folder, "other");
    writeFileSync(other, bytes.subarray(0, -10));
    await expect(readArtifact(other)).rejects.toThrow(`${other} is cut short`);
    bytes[bytes.byteLength - 5] = 1 ^ (bytes[bytes.byteLength - 5] ?? 0);
    writeFileSync(other, bytes);
    await expect(readArtifact(other)).rejects.toThrow(`${other} is damaged`);
  });
});

const binaries = kubectlBinaries(["1.27", "1.28", "1.29", "1.30", "1.31", "1.32", "1.33"]);
if (binaries.length === 0) console.log("skipped: replays read by kubectl (needs kubectl)");

describe.each(binaries.filter((_, index) => index === 0 || index === binaries.length - 1))(
  "kubectl $version at a replay",
  ({ path }) => {
    const kubectl = (moment: number | string): Kubectl => {
      const kubeconfig = join(folder, `kubeconfig-${moment}`);
      const { authority, admin } = server.pki;
      const server_ = moment === "" ? url : `${url}/at/${moment}`;
      writeContext(kubeconfig, {
        name: "replay",
        server: server_,
        ca: authority.certificate,
        clientCertificate: admin.certificate,
        clientKey: admin.key,
      });
      const env = { PATH: process.env["PATH"] ?? "", HOME: folder, KUBECONFIG: kubeconfig };
      return (args, options = {}) => run(path, args, { ...options, env, cwd: folder, processes });
    };

    it("sees what was there at each revision, with the ages of then", async () => {
      const then = (await kubectl(at.deployed)(["get", "deployment,pods"])).stdout;
      expect(then).toMatch(/deployment.apps\/web +2\/2 +2 +2 +\d+s\n/);
      expect(then.match(/pod\/web-\S+ +1\/1 +Running +0 +\d+s/g)).toHaveLength(2);
      const scaled = (await kubectl(at.scaled)(["get", "deployment,pods"])).stdout;
      expect(scaled).toMatch(/deployment.apps\/web +1\/1 +1 +1 +30m\n/);
      const end = (await kubectl("")(["get", "deployment,pods"])).stdout;
      expect(end).toMatch(/^NAME .*\npod\/keeper .*\n$/);
    });

    it("reads objects, custom ones too, as they were; describes them, with their events", async () => {
      const yaml = (await kubectl(at.deployed)(["get", "cron", "nightly", "-o", "yaml"])).stdout;
      expect(yaml).toContain("at: 0 3 * * *");
      const described = (await kubectl(at.deployed)(["describe", "deployment", "web"])).stdout;
      expect(described).toMatch(/Replicas: +2 desired/);
      expect(described).toMatch(/Events:[\s\S]*ScalingReplicaSet/);
      const events = (await kubectl(at.deployed)(["events"])).stdout;
      expect(events).toContain("Scheduled");
      expect((await kubectl(at.deployed)(["explain", "cron.spec"])).stdout).toContain("at");
      expect((await kubectl(3)(["get", "crons"])).stderr).toContain(
        `the server doesn't have a resource type "crons"`,
      );
    });

    it("reads what containers had printed by then, and is told of logs that went with their pods", async () => {
      const lines = async (moment: number, ...options: string[]): Promise<number> =>
        (await kubectl(moment)(["logs", "keeper", ...options])).stdout.split("hello from the past\n").length -
        1;
      expect(await lines(at.deployed)).toBe(1);
      expect(await lines(at.scaled)).toBe(4);
      expect(await lines(at.scaled, "--tail=2")).toBe(2);
      expect(await lines(at.scaled, "--since=15m")).toBe(2);
      const gone = await kubectl(at.deployed)(["logs", "deployment/web"]);
      expect(gone.stderr).toContain(
        'the log of container "web" is not in the replay: logs go with their pods',
      );
      const exec = await kubectl(at.deployed)(["exec", "keeper", "--", "date"]);
      expect(exec.stderr).toContain("this is a replay of what was");
    });

    it("is told why nothing can be changed", async () => {
      const why = `this is a replay of what was, at revision ${at.deployed}: it can be read, and nothing in it can be changed`;
      for (const args of [
        ["delete", "deployment", "web", "--wait=false"],
        ["scale", "deployment/web", "--replicas=3"],
        ["create", "configmap", "x"],
        ["label", "deployment", "web", "a=b"],
      ]) {
        const { code, stderr } = await kubectl(at.deployed)(args);
        expect(code).not.toBe(0);
        expect(stderr).toContain(why);
      }
      expect((await kubectl(at.deployed)(["auth", "can-i", "get", "pods"])).stdout).toBe("yes\n");
    });

    it("is told which revisions there are, and who may ask", async () => {
      const beyond = await kubectl(at.end + 1)(["get", "--raw", `/at/${at.end + 1}/version`]);
      expect(beyond.stderr).toContain(`there is no revision ${at.end + 1}: the artifact has 1 to ${at.end}`);
      const nobody = await run(
        path,
        ["get", "pods", "--server", url, "--insecure-skip-tls-verify", "--token", "x"],
        {
          env: { HOME: folder, KUBECONFIG: "/dev/null" },
          cwd: folder,
          processes,
        },
      );
      expect(nobody.stderr).toMatch(/logged in|Unauthorized/);
    });
  },
);
