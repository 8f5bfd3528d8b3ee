import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { kubectlBinaries, Processes, run } from "../../../test/harness/kubectl.ts";
import type { ConfigMap } from "../../api/types/core-v1.ts";
import { WebhookServer } from "../../apiserver/webhook/testing/webhook-server.ts";
import { resources } from "../../client/resources.ts";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";
import type { CreateClusterOptions } from "./options.ts";

const [kubectl] = kubectlBinaries(["1.33"]);
const open: EmbeddedCluster[] = [];
function opened(cluster: EmbeddedCluster): EmbeddedCluster {
  open.push(cluster);
  return cluster;
}
const start = async (options: CreateClusterOptions = {}): Promise<EmbeddedCluster> =>
  opened(await createCluster({ clock: "virtual", seed: 1, ...options }));
afterEach(async () => {
  for (const cluster of open.splice(0)) await cluster.close();
});

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: nginx }] }
`;

const configMap = (name: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
});

const statusOf = async (
  cluster: EmbeddedCluster,
  resource: string,
  name: string,
): Promise<Record<string, unknown>> => (await cluster.get(resource, name)).status ?? {};
const isReady = async (cluster: EmbeddedCluster): Promise<boolean> =>
  (await statusOf(cluster, "deployment", "web"))["readyReplicas"] === 3;
const podsOf = async (cluster: EmbeddedCluster): Promise<{ name: string; uid: string; node: string }[]> =>
  (await cluster.client.resource(resources.pods).list({ namespace: "default" })).items.map(
    ({ metadata, spec }) => ({
      name: metadata.name ?? "",
      uid: metadata.uid ?? "",
      node: spec?.nodeName ?? "",
    }),
  );

describe("createCluster()", { timeout: 60_000 }, () => {
  it("runs what is applied, with hardly any time passing", async () => {
    const cluster = await start();
    const startMs = cluster.clock.now();
    await cluster.apply(web);
    await cluster.until(() => isReady(cluster));
    expect(cluster.clock.now() - startMs).toBeLessThan(5_000);
    expect(await podsOf(cluster)).toHaveLength(3);
  });

  it("follows the machine's clock unless told otherwise", async () => {
    const cluster = opened(await createCluster());
    await cluster.apply(web);
    await cluster.until(() => isReady(cluster), { timeout: "30s" });
    await expect(cluster.clock.advance("1m")).rejects.toThrow('createCluster({ clock: "virtual" })');
  });

  it("applies definitions and what they define, and leaves what is there alone", async () => {
    const cluster = await start();
    const manifests = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: cats.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { plural: cats, kind: Cat }
  versions:
    - name: v1
      served: true
      storage: true
      schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: { lives: { type: integer, default: 9 } } } } } }
---
apiVersion: example.com/v1
kind: Cat
metadata: { name: tom }
spec: {}
`;
    const [, tom] = await cluster.apply(manifests);
    expect(tom?.spec).toEqual({ lives: 9 });
    const again = await cluster.apply(manifests);
    expect(again[1]?.metadata.resourceVersion).toBe(tom?.metadata.resourceVersion);
    await cluster.delete("cats", "tom");
    await expect(cluster.get("cat", "tom")).rejects.toMatchObject({ reason: "NotFound" });
  });

  it("lets clients act as others, with the rights that they have", async () => {
    const cluster = await start({ nodes: 0 });
    const jane = cluster.clientOf({ name: "jane", groups: ["developers"] });
    await expect(jane.resource(resources.pods).list({ namespace: "default" })).rejects.toMatchObject({
      reason: "Forbidden",
      message: expect.stringContaining('User "jane" cannot list resource "pods"'),
    });
  });

  it("runs the controllers that it is told to, and starts and stops them", async () => {
    const cluster = await start({ controllers: ["deployment-controller"] });
    await cluster.apply(web);
    await cluster.clock.advance("1m");
    expect(await cluster.list("replicasets")).toHaveLength(1);
    expect(await podsOf(cluster)).toHaveLength(0);
    cluster.startController("replicaset-controller");
    await cluster.clock.advance("1m");
    expect(await podsOf(cluster)).toHaveLength(0);
    // Admission waits for the namespace's ServiceAccount.
    cluster.startController("serviceaccount-controller");
    await cluster.until(async () => (await podsOf(cluster)).length === 3, { timeout: "30m" });
  });

  it.each([
    [
      { controllers: ["deploymentcontroller"] },
      /no controller is named "deploymentcontroller"; there are .*deployment-controller/,
    ],
    [{ startTime: "soon" }, /startTime: "soon" is no time/],
    [{ clock: "real", startTime: 0 }, /needs a clock that can be set/],
  ] satisfies [CreateClusterOptions, RegExp][])("refuses %j", async (options, message) => {
    await expect(start({ nodes: 0, ...options })).rejects.toThrow(message);
  });

  it.skipIf(kubectl === undefined)(
    "serves programs in other languages when it is asked to (needs kubectl)",
    async () => {
      const cluster = await start();
      await cluster.apply(web);
      const kubeconfig = await cluster.kubeconfig();
      await cluster.until(() => isReady(cluster));
      const processes = new Processes();
      const options = { env: { KUBECONFIG: kubeconfig }, cwd: dirname(kubeconfig), processes };
      const shown = await run(kubectl?.path ?? "", ["get", "deploy", "web"], options);
      expect(shown.stdout).toMatch(/web +3\/3 +3 +3/);
      await cluster.close();
      expect(existsSync(kubeconfig)).toBe(false);
    },
  );
});

describe("time", { timeout: 60_000 }, () => {
  const cronJob = `
apiVersion: batch/v1
kind: CronJob
metadata: { name: report }
spec:
  schedule: "*/10 * * * *"
  jobTemplate: { spec: { template: { spec: { restartPolicy: Never, containers: [{ name: c, image: busybox }] } } } }
`;

  it("passes as fast as it is told to", async () => {
    const cluster = await start({ startTime: "2026-03-01T12:00:00Z" });
    await cluster.apply(cronJob);
    await cluster.clock.advance("31m");
    expect(cluster.clock.now()).toBe(Date.UTC(2026, 2, 1, 12, 31));
    const jobs = await cluster.list("jobs");
    expect(jobs.map(({ metadata }) => metadata.creationTimestamp)).toEqual([
      "2026-03-01T12:10:00Z",
      "2026-03-01T12:20:00Z",
      "2026-03-01T12:30:00Z",
    ]);
  });

  it("runs until the cluster rests, or says what does not let it", async () => {
    const cluster = await start();
    await cluster.apply(web);
    expect(await cluster.clock.runUntilIdle()).toBeGreaterThanOrEqual(60_000);
    expect(await isReady(cluster)).toBe(true);
    await cluster.apply(cronJob);
    await expect(cluster.clock.runUntilIdle({ quietFor: "15m", limit: "1h" })).rejects.toThrow(
      /did not come to rest within 1h: the last change was system:serviceaccount:kube-system:\S+ \w+ /,
    );
  });

  it("runs until a condition holds, and no further", async () => {
    const cluster = await start();
    const startMs = cluster.clock.now();
    const tenMinutes = (): boolean => cluster.clock.now() - startMs >= 600_000;
    expect(await cluster.clock.runUntil(tenMinutes)).toBeGreaterThanOrEqual(600_000);
    expect(cluster.clock.now() - startMs).toBeLessThan(620_000);
    await expect(cluster.clock.runUntil(() => false, { limit: "90s" })).rejects.toThrow("within 1m30s of");
    await expect(cluster.clock.advance("soon")).rejects.toThrow('"soon" is no duration');
  });

  it("until() tells what it saw when it gives up", async () => {
    const cluster = await start();
    await cluster.apply(
      web.replace("nginx", "nginx").replace("containers:", "nodeSelector: { disk: ssd }, containers:"),
    );
    const waiting = cluster.until(
      async () => (await isReady(cluster)) || statusOf(cluster, "deploy", "web").then(() => 0),
      {
        what: "the web server",
      },
    );
    await expect(waiting).rejects.toThrow(
      /gave up waiting for the web server after 1m of the cluster's time: the last answer was 0\nwhat the cluster tells[^]*FailedScheduling Pod default\/web-/,
    );
    await expect(cluster.until(() => cluster.get("pod", "none"), { timeout: "1s" })).rejects.toThrow(
      'StatusError: pods "none" not found',
    );
  });

  it("stands still while a webhook answers in its own time", async () => {
    const cluster = await start({ nodes: 0 });
    const hook = await WebhookServer.listen((review, response) => {
      const { uid } = (review as { request: { uid: string } }).request;
      const answer = { uid, allowed: false, status: { message: "not today" } };
      setTimeout(
        () =>
          response.end(
            JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: answer }),
          ),
        200,
      );
    });
    await cluster.apply({
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingWebhookConfiguration",
      metadata: { name: "slow" },
      webhooks: [
        {
          name: "slow.example.com",
          admissionReviewVersions: ["v1"],
          sideEffects: "None",
          timeoutSeconds: 1,
          clientConfig: { url: hook.url(), caBundle: hook.caBundle },
          rules: [
            { operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] },
          ],
        },
      ],
    });
    const refused = cluster.apply(configMap("a")).catch((error: unknown) => String(error));
    // Ten seconds pass here, and none for who waits for the webhook.
    await cluster.clock.advance("10s");
    expect(await refused).toContain('admission webhook "slow.example.com" denied the request: not today');
    await hook.close();
  });

  it("repeats a seed byte for byte, and differs for another", async () => {
    const digest = async (seed: number): Promise<string> => {
      const cluster = await start({ seed, nodes: 3 });
      const hash = createHash("sha256");
      void (async () => {
        for await (const batch of cluster.changes()) {
          for (const { revision, key, value } of batch)
            hash.update(`${revision} ${key} `).update(value ?? "gone");
        }
      })();
      await cluster.apply(web);
      await cluster.clock.advance("1m");
      await cluster.nodes.crash("node-2");
      await cluster.clock.advance("7m");
      return hash.copy().digest("hex");
    };
    const first = await digest(7);
    expect(await digest(7)).toBe(first);
    expect(await digest(8)).not.toBe(first);
  });
});

describe("faults", { timeout: 60_000 }, () => {
  it("fail the requests that they match, so many times", async () => {
    const cluster = await start({ nodes: 0 });
    const maps = cluster.client.resource(resources.configmaps);
    const fault = cluster.faults.add({
      verb: "create",
      resource: "configmaps",
      after: 1,
      times: 2,
      error: "Conflict",
    });
    await maps.create(configMap("a"));
    const conflict = {
      code: 409,
      reason: "Conflict",
      message: expect.stringMatching(/^Operation cannot be fulfilled/),
    };
    await expect(maps.create(configMap("b"))).rejects.toMatchObject(conflict);
    await expect(maps.create(configMap("b"))).rejects.toMatchObject(conflict);
    await maps.create(configMap("b"));
    expect(fault.hits).toBe(2);
  });

  it("can lose the answer and not the request", async () => {
    const cluster = await start({ nodes: 0 });
    const maps = cluster.client.resource(resources.configmaps);
    cluster.faults.add({ verb: "create", name: "a", resource: "*", error: 504, afterEffect: true });
    const lost = cluster.faults.add({
      verb: "create",
      resource: "configmaps",
      error: "Timeout",
      afterEffect: true,
    });
    await expect(maps.create(configMap("a"))).rejects.toMatchObject({ code: 504, reason: "Timeout" });
    lost.remove();
    await expect(maps.create(configMap("a"))).rejects.toMatchObject({ reason: "AlreadyExists" });
  });

  it("hit the cluster's own parts, which get over them", async () => {
    const cluster = await start();
    const unlucky = cluster.faults.add({
      verb: ["create", "update", "patch"],
      user: "system:serviceaccount:kube-system:*",
      probability: 0.3,
      error: "InternalError",
    });
    await cluster.apply(web);
    await cluster.until(() => isReady(cluster), { timeout: "10m" });
    expect(unlucky.hits).toBeGreaterThan(0);
  });

  it("make requests late, in the cluster's time", async () => {
    const cluster = await start({ nodes: 0 });
    cluster.faults.add({ verb: "get", resource: "configmaps", delay: "20s" });
    let isThere = false;
    void cluster.get("configmap", "kube-root-ca.crt").then(() => {
      isThere = true;
    });
    await cluster.clock.advance("19s");
    expect(isThere).toBe(false);
    await cluster.clock.advance("2s");
    expect(isThere).toBe(true);
  });

  it("let events of a watch come late, and none after its end", async () => {
    const cluster = await start({ nodes: 0 });
    cluster.faults.add({ verb: "watch", resource: "configmaps", namespace: "default", delay: "30s" });
    const seen: string[] = [];
    const { metadata } = await cluster.client.resource(resources.configmaps).list({ namespace: "default" });
    const watching = (async () => {
      const options = { namespace: "default", resourceVersion: metadata.resourceVersion ?? "" };
      for await (const { object } of cluster.client.resource(resources.configmaps).watch(options)) {
        seen.push(object.metadata.name ?? "");
      }
    })();
    await cluster.clock.settle();
    await cluster.apply(configMap("a"));
    await cluster.clock.advance("29s");
    expect(seen).toEqual([]);
    await cluster.clock.advance("2s");
    expect(seen).toEqual(["a"]);
    await cluster.apply(configMap("b"));
    expect(cluster.faults.dropWatches({ resource: "configmaps", namespace: "default" })).toBe(1);
    await watching;
    await cluster.clock.advance("1m");
    expect(seen).toEqual(["a"]);
  });

  it("end watches, which are taken up again without loss", async () => {
    const cluster = await start();
    expect(cluster.faults.dropWatches({}, { expired: true })).toBeGreaterThan(20);
    await cluster.apply(web);
    await cluster.until(() => isReady(cluster));
    expect(cluster.faults.dropWatches({ resource: "deployments.apps" })).toBeGreaterThan(0);
    await cluster.apply(web.replace("replicas: 3", "replicas: 5"));
    await cluster.until(async () => (await statusOf(cluster, "deploy", "web"))["readyReplicas"] === 5);
  });

  it.each([
    [{ verb: "get" }, "the fault does nothing"],
    [{ error: "Conflicts" as "Conflict" }, '"Conflicts" is no reason: BadRequest'],
    [{ error: 200 }, "200 is no code of a refusal"],
    [{ delay: "long" }, '"long" is no duration'],
  ])("that make no sense are refused: %j", async (rule, message) => {
    const cluster = await start({ nodes: 0, controllers: "none", scheduler: false });
    expect(() => cluster.faults.add(rule)).toThrow(message);
  });

  it("a node that crashes loses its pods to others, and may come back", async () => {
    const cluster = await start({ nodes: 2 });
    await cluster.apply(web);
    await cluster.until(() => isReady(cluster));
    const before = await podsOf(cluster);
    await cluster.nodes.crash("node-1");
    const { name: lost = "" } = before.find(({ node }) => node === "node-1") ?? {};
    await expect(
      cluster.client.resource(resources.pods).getSubresource(lost, "log", { namespace: "default" }),
    ).rejects.toThrow("node-1");
    // The pods of a dead node are on their way out until it is back or its object is deleted.
    await cluster.until(
      async () =>
        (await podsOf(cluster)).filter(({ node }) => node === "node-2").length === 3 &&
        (await isReady(cluster)),
      { timeout: "15m" },
    );
    await cluster.nodes.add({ name: "node-1", labels: { disk: "ssd" } });
    await cluster.until(async () => (await podsOf(cluster)).length === 3);
    const { metadata } = await cluster.get("node", "node-1");
    expect(metadata.labels?.["disk"]).toBe("ssd");
    expect(before.some(({ node }) => node === "node-1")).toBe(true);
    await expect(cluster.nodes.crash("node-9")).rejects.toThrow(
      'no node "node-9" runs; there are node-2, node-1',
    );
  });

  it("a node that is cut off is taken for dead, and its pods go on when it is back in time", async () => {
    const cluster = await start({ nodes: 1 });
    await cluster.apply(web);
    await cluster.until(() => isReady(cluster));
    const before = await podsOf(cluster);
    cluster.nodes.partition("node-1");
    const ready = async (): Promise<string> =>
      (await cluster.client.resource(resources.nodes).get("node-1")).status?.conditions?.find(
        ({ type }) => type === "Ready",
      )?.status ?? "";
    await cluster.until(async () => (await ready()) === "Unknown", { timeout: "5m" });
    cluster.nodes.heal("node-1");
    await cluster.until(async () => (await ready()) === "True", { timeout: "5m" });
    await cluster.until(() => isReady(cluster), { timeout: "5m" });
    expect(await podsOf(cluster)).toEqual(before);
  });
});

describe("fork()", { timeout: 60_000 }, () => {
  it("goes on from the same state, and neither sees the other from then on", async () => {
    const cluster = await start({ nodes: 2 });
    await cluster.apply(
      web.replace(
        "metadata: { labels",
        "metadata: { annotations: { simulated.sampan.dev/run-duration: 1h }, labels",
      ),
    );
    await cluster.until(() => isReady(cluster));
    await cluster.clock.advance("10m");
    const branch = opened(await cluster.fork());
    expect(branch.clock.now()).toBe(cluster.clock.now());
    expect(await podsOf(branch)).toEqual(await podsOf(cluster));
    await branch.clock.advance("10m");
    const restarts = async (of: EmbeddedCluster): Promise<number[]> =>
      (await of.client.resource(resources.pods).list({ namespace: "default" })).items.map(
        ({ status }) => status?.containerStatuses?.[0]?.restartCount ?? -1,
      );
    expect(await restarts(branch)).toEqual([0, 0, 0]);
    // The containers are as old in the fork as they were.
    await branch.clock.advance("41m");
    expect(await restarts(branch)).toEqual([1, 1, 1]);
    expect(await restarts(cluster)).toEqual([0, 0, 0]);
    await branch.apply(web.replace("replicas: 3", "replicas: 1"));
    await branch.until(async () => (await podsOf(branch)).length === 1);
    await cluster.apply(configMap("here"));
    await expect(branch.get("configmap", "here")).rejects.toMatchObject({ reason: "NotFound" });
    expect(await podsOf(cluster)).toHaveLength(3);
  });

  it("can be closed before or after the cluster that it came from", async () => {
    const cluster = await start();
    const [first, second] = [await cluster.fork(), await cluster.fork()];
    await first.close();
    await cluster.close();
    await second.apply(web);
    expect(await second.until(() => isReady(second))).toBe(true);
    await second.close();
    await second.close();
  });
});

it("a process that forgets to close its clusters ends all the same", () => {
  const script = `import { createCluster } from "./src/cluster/index.ts";
    await createCluster({ nodes: 2 }); console.log("made");`;
  const printed = execFileSync(process.execPath, ["--input-type=module-typescript", "-e", script], {
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(printed).toBe("made\n");
});
