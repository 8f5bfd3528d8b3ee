import { afterEach, describe, expect, it } from "vitest";
import { historyRows } from "../../history/client/table.ts";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";

const open: EmbeddedCluster[] = [];
afterEach(async () => {
  for (const cluster of open.splice(0)) await cluster.close();
});
async function start(): Promise<EmbeddedCluster> {
  const cluster = await createCluster({ clock: "virtual", seed: 1 });
  open.push(cluster);
  return cluster;
}

const web = (image: string, replicas: number): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: ${image} }] }
`;
const images = async (cluster: EmbeddedCluster): Promise<unknown[]> =>
  (await cluster.list("pods")).map(
    ({ spec }) => (spec as { containers: { image: string }[] }).containers[0]?.image,
  );

describe("the history of a cluster", { timeout: 60_000 }, () => {
  it("tells who changed what, and which reconcile a controller did it for", async () => {
    const cluster = await start();
    await cluster.apply(web("nginx:1", 1));
    await cluster.clock.advance("1m");
    await cluster.apply(web("nginx:2", 1));
    await cluster.clock.advance("1m");
    const rows = historyRows(await cluster.history("deploy/web"), cluster.clock.now()).map((row) =>
      row.slice(2),
    );
    expect(rows[1]).toEqual(["patch", "kubernetes-admin", "sampan", "-", "created"]);
    expect(rows).toContainEqual([
      "patch",
      "kubernetes-admin",
      "sampan",
      "-",
      ".spec.template.spec.containers[web].image",
    ]);
    const byController = rows.filter(([, who]) => who === "deployment-controller");
    expect(byController.length).toBeGreaterThan(2);
    for (const row of byController)
      expect(row[3]).toMatch(/^reconcile default\/web \((Deployment|ReplicaSet) web\S* at \d+\)$/);
    // What woke it is a change of the history too.
    const [pod] = await cluster.list("pods");
    const [made] = await cluster.history(`pod/${pod?.metadata.name ?? ""}`);
    const waker = made?.request?.cause?.wokenBy.at(-1);
    expect(waker?.kind).toBe("ReplicaSet");
    const ofSet = await cluster.history(`replicaset/${waker?.name ?? ""}`);
    expect(ofSet.map(({ revision }) => String(revision))).toContain(waker?.revision);
  });

  it("tells of what is gone, through whom it went, and where every change is accounted for", async () => {
    const cluster = await start();
    await cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: {a: '1'}}");
    await cluster.delete("configmap", "one");
    const changes = await cluster.history("cm/one");
    expect(changes.map(({ change, request }) => [change, request?.verb])).toEqual([
      ["created", "patch"],
      ["deleted", "delete"],
    ]);
    expect(changes[1]?.before).toMatchObject({ data: { a: "1" } });
  });

  it("knows the request of every write in a namespace", async () => {
    const cluster = await start();
    await cluster.apply(web("nginx:1", 3));
    await cluster.clock.advance("1m");
    await cluster.delete("deployment", "web");
    await cluster.clock.advance("2m");
    const { readChanges } = await import("../../history/client/read.ts");
    const { items } = await readChanges(cluster.client.transport, { namespace: "default" });
    expect(items.length).toBeGreaterThan(30);
    expect(items.filter(({ request }) => request === undefined)).toEqual([]);
  });

  it("shows what differs between two revisions", async () => {
    const cluster = await start();
    await cluster.apply(web("nginx:1", 1));
    await cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: old}}");
    await cluster.clock.advance("1m");
    const from = await cluster.revision();
    await cluster.apply(web("nginx:2", 1));
    await cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: new}}");
    await cluster.delete("cm", "old");
    await cluster.clock.advance("1m");
    const to = await cluster.revision();
    await cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: later}}");
    const found = await cluster.diff({ from, to, namespace: "default" });
    expect(found.map(({ resource, name, change }) => `${resource}/${name} ${change}`).toSorted()).toEqual([
      "configmaps/new added",
      "configmaps/old removed",
      "deployments/web changed",
    ]);
    await expect(cluster.diff({ from: 1 })).rejects.toThrow(
      /revision 1 is forgotten: the history begins at \d+/,
    );
    await expect(cluster.diff({ from: 1_000_000 })).rejects.toThrow("has not been written yet");
  });

  it("writes things back as they were, deleted ones too, and leaves the status and what controllers make to them", async () => {
    const cluster = await start();
    await cluster.apply(web("nginx:1", 2));
    await cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: '1'}}");
    await cluster.clock.advance("1m");
    const to = await cluster.revision();
    await cluster.apply(web("nginx:2", 1));
    await cluster.delete("cm", "settings");
    await cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: new}}");
    await cluster.clock.advance("1m");
    const wanted = [
      { name: "settings", outcome: "created" },
      { name: "new", outcome: "kept", why: expect.stringContaining("--delete-new") },
      {
        name: "web",
        outcome: "updated",
        fields: [".spec.replicas", ".spec.template.spec.containers[web].image"],
      },
    ];
    expect(await cluster.rewind({ to, namespace: "default", dryRun: true })).toMatchObject(wanted);
    expect(await images(cluster)).toEqual(["nginx:2"]);
    expect(await cluster.rewind({ to, namespace: "default" })).toMatchObject(wanted);
    await cluster.clock.advance("1m");
    expect(await images(cluster)).toEqual(["nginx:1", "nginx:1"]);
    expect(await cluster.get("cm", "settings")).toMatchObject({ data: { a: "1" } });
    expect(await cluster.rewind({ to, namespace: "default", deleteNew: true })).toMatchObject([
      { name: "settings", outcome: "unchanged" },
      { name: "new", outcome: "deleted" },
      { name: "web", outcome: "unchanged" },
    ]);
    await expect(cluster.get("cm", "new")).rejects.toMatchObject({ reason: "NotFound" });
  });

  it("names what cannot be written back, and what to do", async () => {
    const cluster = await start();
    await cluster.apply(
      "{apiVersion: v1, kind: Secret, metadata: {name: keys}, stringData: {token: hunter2}}",
    );
    await cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: fixed}, data: {a: '1'}}");
    const to = await cluster.revision();
    await cluster.apply(
      "{apiVersion: v1, kind: Secret, metadata: {name: keys}, stringData: {token: hunter3}}",
    );
    await cluster.apply(
      "{apiVersion: v1, kind: ConfigMap, metadata: {name: fixed}, data: {a: '2'}, immutable: true}",
    );
    const rewound = await cluster.rewind({ to, namespace: "default" });
    expect(rewound).toMatchObject([
      { name: "keys", outcome: "refused", why: "values of Secrets are not kept: write it yourself" },
      {
        name: "fixed",
        outcome: "refused",
        why: expect.stringMatching(
          /cannot be changed once it is there: delete it \(kubectl -n default delete configmap fixed\)/,
        ),
      },
    ]);
    expect(JSON.stringify(await cluster.history("secret/keys"))).not.toMatch(/hunter|aHVudGVy/);
  });

  it("is an administrator's to read; others need the path and the resource", async () => {
    const cluster = await start();
    await cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}");
    const jane = cluster.clientOf({ name: "jane" });
    const ask = (resource: string) =>
      jane.transport.request({
        method: "GET",
        path: "/sampan.dev/history",
        query: { resource, group: "", namespace: "default", name: "one" },
      });
    await expect(ask("configmaps")).rejects.toMatchObject({
      code: 403,
      message: 'forbidden: User "jane" cannot get path "/sampan.dev/history"',
    });
    const grant = (name: string, rules: string): string => `
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: ${name}}, rules: [${rules}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: ${name}}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${name}}, subjects: [{kind: User, name: jane, apiGroup: rbac.authorization.k8s.io}]}
`;
    await cluster.apply(grant("reads-history", "{nonResourceURLs: [/sampan.dev/history], verbs: [get]}"));
    await expect(ask("configmaps")).rejects.toMatchObject({
      code: 403,
      message:
        'configmaps "one" is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "default"',
    });
    await cluster.apply(grant("reads-maps", '{apiGroups: [""], resources: [configmaps], verbs: [list]}'));
    expect((await ask("configmaps")).body).toMatchObject({ kind: "History", items: [{ name: "one" }] });
  });
});
