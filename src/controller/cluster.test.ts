import { createPrivateKey } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { SeededRandom } from "../apimachinery/random.ts";
import type { Client, ResourceReference } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import { Cluster } from "../cluster/cluster.ts";
import { createSigningRequest } from "../pki/index.ts";

/** Controllers with the real API server: what they write passes validation, admission, and their roles. */
let clock: VirtualClock;
let cluster: Cluster;
let client: Client;
const problems: string[] = [];
const note = (message: string, fields?: Record<string, unknown>): void =>
  void problems.push(`${message} ${JSON.stringify(fields)}`);
const logger = { ...silentLogger, warn: note, error: note, named: () => logger };

beforeEach(async () => {
  problems.length = 0;
  clock = new VirtualClock();
  cluster = new Cluster({
    clock,
    random: new SeededRandom(3),
    logger,
    scheduler: false,
    controllers: (name) => name !== "node-lifecycle-controller",
    localVolumes: {
      nodeName: "n1",
      create: async (volume) => `/volumes/${volume}`,
      remove: async () => undefined,
    },
  });
  await cluster.startApi();
  await cluster.bootstrap();
  await cluster.startControllers();
  client = cluster.client();
  await clock.advance(1000);
});
afterEach(async () => cluster.stop());

const namespace = "default";
const create = async <T extends KubernetesObject>(
  reference: ResourceReference<T>,
  object: object,
): Promise<T> => {
  const { group, version, kind } = reference;
  const apiVersion = group === "" ? version : `${group}/${version}`;
  const created = await client
    .resource(reference)
    .create({ apiVersion, kind, ...object } as T, reference.namespaced ? { namespace } : {});
  await clock.advance(2000);
  return created;
};
const get = async <T extends KubernetesObject>(reference: ResourceReference<T>, name: string): Promise<T> =>
  await client.resource(reference).get(name, reference.namespaced ? { namespace } : {});
const list = async <T extends KubernetesObject>(reference: ResourceReference<T>): Promise<T[]> =>
  (await client.resource(reference).list({ namespace })).items;

it("every new namespace has its account and the CA, and goes with all that it holds", async () => {
  const work = { namespace: "work" };
  await create(resources.namespaces, { metadata: { name: "work" } });
  expect((await client.resource(resources.serviceaccounts).list(work)).items).toHaveLength(1);
  const published = await client.resource(resources.configmaps).get("kube-root-ca.crt", work);
  expect(published.data?.["ca.crt"]).toContain("BEGIN CERTIFICATE");
  await client.resource(resources.namespaces).delete("work");
  await clock.advance(5000);
  const names = (await client.resource(resources.namespaces).list()).items.map(
    ({ metadata }) => metadata.name,
  );
  expect(names).not.toContain("work");
  expect(problems).toEqual([]);
});

it("a Service has slices and Endpoints; those written by hand are mirrored", async () => {
  await create(resources.services, {
    metadata: { name: "web" },
    spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
  });
  await create(resources.services, { metadata: { name: "by-hand" }, spec: { ports: [{ port: 80 }] } });
  await create(resources.endpoints, {
    metadata: { name: "by-hand" },
    subsets: [{ addresses: [{ ip: "192.0.2.1" }], ports: [{ port: 80 }] }],
  });
  const slices = await list(resources.endpointslices);
  const managers = slices.map(
    ({ metadata }) =>
      `${metadata.labels?.["kubernetes.io/service-name"]} ${metadata.labels?.["endpointslice.kubernetes.io/managed-by"]}`,
  );
  expect(managers).toEqual(
    expect.arrayContaining([
      "web endpointslice-controller.k8s.io",
      "by-hand endpointslicemirroring-controller.k8s.io",
    ]),
  );
  await client.resource(resources.services).delete("web", { namespace });
  await client.resource(resources.endpoints).delete("by-hand", { namespace });
  await clock.advance(5000);
  expect(await list(resources.endpointslices)).toEqual([]);
  expect(problems).toEqual([]);
});

it("a claim of the default class is bound to a volume, and both are let go", async () => {
  await create(resources.storageclasses, {
    metadata: { name: "now" },
    provisioner: "sampan.dev/local",
    volumeBindingMode: "Immediate",
  });
  await create(resources.persistentvolumeclaims, {
    metadata: { name: "data" },
    spec: {
      accessModes: ["ReadWriteOnce"],
      storageClassName: "now",
      resources: { requests: { storage: "1Gi" } },
    },
  });
  const claim = await get(resources.persistentvolumeclaims, "data");
  expect(claim.status).toMatchObject({ phase: "Bound", capacity: { storage: "1Gi" } });
  expect(claim.metadata.finalizers).toEqual(["kubernetes.io/pvc-protection"]);
  await client.resource(resources.persistentvolumeclaims).delete("data", { namespace });
  await clock.advance(5000);
  expect(await list(resources.persistentvolumeclaims)).toEqual([]);
  expect((await client.resource(resources.persistentvolumes).list()).items).toEqual([]);
  expect(problems).toEqual([]);
});

it("a Secret for a token is filled with one that the server accepts", async () => {
  await create(resources.serviceaccounts, { metadata: { name: "robot" } });
  await create(resources.secrets, {
    metadata: { name: "token", annotations: { "kubernetes.io/service-account.name": "robot" } },
    type: "kubernetes.io/service-account-token",
  });
  const secret = await get(resources.secrets, "token");
  const token = Buffer.from(secret.data?.["token"] ?? "", "base64").toString();
  const review = await client.resource(resources.tokenreviews).create({
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    metadata: {},
    spec: { token },
  });
  expect(review.status).toMatchObject({
    authenticated: true,
    user: { username: "system:serviceaccount:default:robot" },
  });
  expect(problems).toEqual([]);
});

it("a signing request that somebody approves is signed", async () => {
  const pem = createSigningRequest(createPrivateKey(cluster.pki.server.key), {
    commonName: "jane",
    organizations: ["dev"],
  });
  const request = await create(resources.certificatesigningrequests, {
    metadata: { name: "jane" },
    spec: {
      request: Buffer.from(pem).toString("base64"),
      signerName: "kubernetes.io/kube-apiserver-client",
      usages: ["client auth"],
    },
  });
  const approved = { type: "Approved", status: "True", reason: "Test", message: "" };
  await client
    .resource(resources.certificatesigningrequests)
    .putSubresource("jane", "approval", { ...request, status: { conditions: [approved] } });
  await clock.advance(2000);
  const signed = await get(resources.certificatesigningrequests, "jane");
  expect(Buffer.from(signed.status?.certificate ?? "", "base64").toString()).toContain("BEGIN CERTIFICATE");
  expect(problems).toEqual([]);
});

it("a CronJob makes Jobs, whose pods go with them", async () => {
  const containers = [{ name: "main", image: "app" }];
  await create(resources.cronjobs, {
    metadata: { name: "tick" },
    spec: {
      schedule: "* * * * *",
      concurrencyPolicy: "Replace",
      jobTemplate: { spec: { template: { spec: { restartPolicy: "Never", containers } } } },
    },
  });
  await clock.advance(60_000);
  expect(await list(resources.jobs)).toHaveLength(1);
  expect(await list(resources.pods)).toHaveLength(1);
  await clock.advance(60_000);
  expect(await list(resources.jobs)).toHaveLength(1);
  await client.resource(resources.cronjobs).delete("tick", { namespace, propagationPolicy: "Foreground" });
  await clock.advance(10_000);
  expect([await list(resources.cronjobs), await list(resources.jobs), await list(resources.pods)]).toEqual([
    [],
    [],
    [],
  ]);
  expect(problems).toEqual([]);
});

it("a budget counts pods, and an old Event goes", async () => {
  await create(resources.poddisruptionbudgets, {
    metadata: { name: "pdb" },
    spec: { minAvailable: 1, selector: { matchLabels: { app: "web" } } },
  });
  expect((await get(resources.poddisruptionbudgets, "pdb")).status).toMatchObject({
    expectedPods: 0,
    disruptionsAllowed: 0,
  });
  expect((await list(resources.events)).length).toBeGreaterThan(0);
  await clock.advance(2 * 3_600_000);
  expect(await list(resources.events)).toEqual([]);
  expect(problems).toEqual([]);
});
