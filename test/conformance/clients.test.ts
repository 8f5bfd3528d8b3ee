import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import {
  AppsV1Api,
  CoreV1Api,
  Exec,
  KubeConfig,
  makeInformer,
  type V1ConfigMap,
  type V1Status,
  Watch,
} from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RealClock } from "../../src/apimachinery/clock.ts";
import { createPki } from "../../src/pki/index.ts";
import { SqliteStorage } from "../../src/storage/sqlite/sqlite-storage.ts";
import { eventually, TestCluster } from "../harness/cluster.ts";

/** The official JavaScript client, which shares no code with ours. */
const clock = new RealClock();
const pki = createPki({ clock });
const folder = mkdtempSync(join(tmpdir(), "sampan-clients-"));
const namespace = "default";
let cluster: TestCluster;
let config: KubeConfig;
let core: CoreV1Api;

/** Starts the cluster, or starts it again with the keys, the port and the state that it had. */
async function start(port = 0): Promise<void> {
  const storage = await SqliteStorage.open({ file: join(folder, "state.db"), clock });
  cluster = await TestCluster.start({ storage, pki, clock, port });
}

beforeAll(async () => {
  await start();
  config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig(namespace));
  core = config.makeApiClient(CoreV1Api);
  await eventually(() => core.readNamespacedServiceAccount({ name: "default", namespace }));
});

afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
});

const configMap = (name: string, data: Record<string, string> = {}): V1ConfigMap => ({
  metadata: { name },
  data,
});

describe("the JavaScript client", () => {
  test("creates, reads, lists, replaces, patches and deletes", async () => {
    const made = await core.createNamespacedConfigMap({ namespace, body: configMap("a", { k: "1" }) });
    expect(made.metadata?.uid).toMatch(/^[-0-9a-f]{36}$/);
    const read = await core.readNamespacedConfigMap({ namespace, name: "a" });
    expect(read.data).toEqual({ k: "1" });
    expect(read.metadata?.creationTimestamp).toBeInstanceOf(Date);
    const list = await core.listNamespacedConfigMap({ namespace, fieldSelector: "metadata.name=a" });
    expect(list.items.map(({ metadata }) => metadata?.name)).toEqual(["a"]);
    const replaced = await core.replaceNamespacedConfigMap({
      namespace,
      name: "a",
      body: configMap("a", { k: "2" }),
    });
    expect(replaced.data).toEqual({ k: "2" });
    const patched = await core.patchNamespacedConfigMap({
      namespace,
      name: "a",
      body: [{ op: "add", path: "/data/l", value: "3" }],
    });
    expect(patched.data).toEqual({ k: "2", l: "3" });
    await expect(core.replaceNamespacedConfigMap({ namespace, name: "a", body: read })).rejects.toMatchObject(
      { code: 409 },
    );
    await core.deleteNamespacedConfigMap({ namespace, name: "a" });
    await expect(core.readNamespacedConfigMap({ namespace, name: "a" })).rejects.toMatchObject({ code: 404 });
  });

  test("pages through lists", async () => {
    for (const name of ["p1", "p2", "p3"]) {
      await core.createNamespacedConfigMap({
        namespace,
        body: { metadata: { name, labels: { paged: "yes" } } },
      });
    }
    const names: (string | undefined)[] = [];
    let next: string | undefined;
    do {
      const page = await core.listNamespacedConfigMap({
        namespace,
        labelSelector: "paged=yes",
        limit: 1,
        ...(next === undefined ? {} : { _continue: next }),
      });
      expect(page.items).toHaveLength(1);
      names.push(...page.items.map(({ metadata }) => metadata?.name));
      next = page.metadata?._continue;
    } while (next !== undefined && next !== "");
    expect(names).toEqual(["p1", "p2", "p3"]);
  });

  test("watches", async () => {
    const seen: string[] = [];
    const controller = await new Watch(config).watch(
      `/api/v1/namespaces/${namespace}/configmaps`,
      { labelSelector: "watched=yes" },
      (phase: string, object: V1ConfigMap) =>
        seen.push(`${phase} ${object.metadata?.name} ${object.data?.["k"] ?? ""}`),
      () => {},
    );
    const watched = (k: string): V1ConfigMap => ({
      metadata: { name: "w", labels: { watched: "yes" } },
      data: { k },
    });
    await core.createNamespacedConfigMap({ namespace, body: watched("1") });
    await core.replaceNamespacedConfigMap({ namespace, name: "w", body: watched("2") });
    await core.deleteNamespacedConfigMap({ namespace, name: "w" });
    await eventually(async () => expect(seen).toEqual(["ADDED w 1", "MODIFIED w 2", "DELETED w 2"]));
    controller.abort();
  });

  test("runs a Deployment to its end state, and reads its logs", async () => {
    const apps = config.makeApiClient(AppsV1Api);
    const labels = { app: "js" };
    await apps.createNamespacedDeployment({
      namespace,
      body: {
        metadata: { name: "js" },
        spec: {
          replicas: 2,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              containers: [{ name: "c", image: "x", command: ["sh", "-c", "echo up; sleep infinity"] }],
            },
          },
        },
      },
    });
    await eventually(async () => {
      expect((await apps.readNamespacedDeployment({ namespace, name: "js" })).status?.availableReplicas).toBe(
        2,
      );
    });
    const [pod] = (await core.listNamespacedPod({ namespace, labelSelector: "app=js" })).items;
    expect(await core.readNamespacedPodLog({ namespace, name: pod?.metadata?.name ?? "" })).toBe("up\n");
  });

  test("runs commands in containers", async () => {
    const [pod] = (await core.listNamespacedPod({ namespace, labelSelector: "app=js" })).items;
    const stdout = new PassThrough();
    let output = "";
    stdout.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
    const status = await new Promise<V1Status>((resolve, reject) => {
      new Exec(config)
        .exec(
          namespace,
          pod?.metadata?.name ?? "",
          "c",
          ["sh", "-c", "echo one; exit 7"],
          stdout,
          null,
          null,
          false,
          resolve,
        )
        .catch(reject);
    });
    expect(output).toBe("one\n");
    expect(status).toMatchObject({
      status: "Failure",
      reason: "NonZeroExitCode",
      details: { causes: [{ reason: "ExitCode", message: "7" }] },
    });
  });

  test("an informer goes on after the server was away", async () => {
    const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: "kept=yes" });
    const informer = makeInformer<V1ConfigMap>(
      config,
      `/api/v1/namespaces/${namespace}/configmaps`,
      list,
      "kept=yes",
    );
    const names = (): string[] =>
      informer
        .list(namespace)
        .map(({ metadata }) => metadata?.name ?? "")
        .sort();
    const add = (name: string): Promise<unknown> =>
      core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels: { kept: "yes" } } } });
    let errors = 0;
    informer.on("error", () => {
      errors++;
      // As the client's examples do: start again, until the server is back.
      setTimeout(() => void informer.start().catch(() => {}), 100);
    });
    await add("before");
    await informer.start();
    await eventually(async () => expect(names()).toEqual(["before"]));
    const { port } = cluster;
    await cluster.stop();
    await start(port);
    await eventually(() => add("after"));
    await eventually(async () => expect(names()).toEqual(["after", "before"]));
    await core.deleteNamespacedConfigMap({ namespace, name: "before" });
    await eventually(async () => expect(names()).toEqual(["after"]));
    await informer.stop();
    expect(errors).toBeLessThan(100);
  });
});
