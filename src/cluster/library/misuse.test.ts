import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCluster } from "./create-cluster.ts";
import type { EmbeddedCluster } from "./embedded-cluster.ts";

let cluster: EmbeddedCluster;
beforeAll(async () => {
  cluster = await createCluster({ clock: "virtual", nodes: 0 });
}, 60_000);
afterAll(() => cluster.close());

/** As somebody would call it in JavaScript; what is thrown at once is a refusal too. */
const call = async (owner: object, method: string, ...given: readonly unknown[]): Promise<unknown> =>
  await Reflect.apply(Reflect.get(owner, method), owner, given);

describe("what is called in a way that means nothing is refused at once:", () => {
  it.each<[string, readonly unknown[], string | RegExp]>([
    ["until", [true], "until: true is no question: give it a function"],
    ["until", [Promise.resolve()], "is no question: give it a function"],
    ["until", [() => true, 5000], "until: 5000 is no object; there are timeout, what"],
    ["get", ["deployment"], "name: undefined is no text"],
    ["get", ["deployment", "web", { namespace: "a" }], 'namespace: {"namespace":"a"} is no text'],
    ["get", [undefined, "web"], "resource: undefined is no text"],
    ["get", ["deploymnt", "web"], 'the cluster serves no resource "deploymnt". Did you mean "deployment"?'],
    ["list", ["pods", { ns: "a" }], /"ns" is nothing that list may say; there are namespace, /],
    ["list", ["pods", "a"], /list: "a" is no object/],
    ["delete", ["pod", "web", { grace: 0 }], /"grace" is nothing that delete may say/],
    ["clientOf", ["jane"], 'a user: "jane" is no object'],
    ["clientOf", [{}], "a user's name: undefined is no text"],
    ["clientOf", [{ name: "jane", groups: "dev" }], `a user's groups: "dev" is no list`],
    ["crashController", ["job-controller", { afterWrites: -1 }], "afterWrites: -1 is no number of times"],
    ["stopController", ["deployment"], 'Did you mean "deployment-controller"?'],
    ["diff", [{}], "from: undefined is no revision; cluster.revision() gives one"],
    ["diff", [{ from: 1, since: 2 }], /"since" is nothing that diff may say/],
    ["rewind", [{ to: "1" }], 'to: "1" is no revision'],
    ["rewind", [{ to: 1, dryrun: true }], 'Did you mean "dryRun"?'],
  ])("cluster.%s(...%j)", async (method, given, message) => {
    await expect(call(cluster, method, ...given)).rejects.toThrow(message);
  });

  it.each<[string, readonly unknown[], string]>([
    ["advance", [Number.NaN], "NaN is no duration"],
    ["advance", ["-5m"], '"-5m" is no duration'],
    ["advance", ["1y"], '"1y" is no duration'],
    ["advance", [new Date(0)], "1970-01-01T00:00:00.000Z is no duration"],
    ["advance", [Infinity], "advance: it would never end"],
    ["runUntil", [() => true, "5m"], 'runUntil: "5m" is no object; there are limit'],
    ["runUntil", [() => true, { timeout: "5m" }], '"timeout" is nothing that runUntil may say'],
    ["runUntil", [true], "runUntil: the condition is no function"],
    ["runUntilIdle", [{ quiet: "5m" }], 'Did you mean "quietFor"?'],
  ])("clock.%s(...%j)", async (method, given, message) => {
    await expect(call(cluster.clock, method, ...given)).rejects.toThrow(message);
  });

  it.each<[unknown, string]>(
    [
      ["pod", 'resource: "pod" is none. Did you mean "pods"?'],
      [["pods", "deployments"], 'resource: "deployments" is none. Did you mean "deployments.apps"?'],
      ["Deployment", 'Did you mean "deployments.apps"?'],
      ["hpa", 'Did you mean "horizontalpodautoscalers.autoscaling"?'],
      ["deployment.apps", 'resource: "deployment.apps" is none. Did you mean "deployments.apps"?'],
      ["confgmaps", 'Did you mean "configmaps"?'],
      ["pods/statuss", /pods has no subresource "statuss"; there are .*status.* Did you mean "status"\?/],
      ["configmaps/status", 'configmaps has no subresource "status"; it has none'],
      [3, "resource: 3 is no text"],
    ].map(([resource, message]) => [resource, message] as [unknown, string]),
  )("a fault of the resource %j", async (resource, message) => {
    await expect(
      call(cluster.faults, "add", { resource: asList(resource), error: "Conflict" }),
    ).rejects.toThrow(message);
    await expect(call(cluster.faults, "dropWatches", { resource: asList(resource) })).rejects.toThrow(
      message,
    );
  });

  it.each([
    "pods",
    "pods/eviction",
    "serviceaccounts/token",
    "deployments.apps/scale",
    "events.events.k8s.io",
    "leases.coordination.k8s.io",
    "sites.example.dev/status",
    "*",
    "*.apps",
    "pods*",
  ])("and not a fault of %s, which is there, or may be defined later", (resource) => {
    const fault = cluster.faults.add({ resource, error: "Conflict" });
    expect(fault.hits).toBe(0);
    fault.remove();
  });

  it.each<[unknown, string]>([
    [{ nam: "web-*" }, 'pods are not told apart by "nam", but by namespace, name, labels, container'],
    ["web-*", 'script: "web-*" does not say which pods'],
  ])("a script of the pods %j", async (pods, message) => {
    await expect(call(cluster.pods, "script", pods, {})).rejects.toThrow(message);
  });

  it.each<[object, string]>([
    [{ scripts: { pods: {} } }, 'scripts: {"pods":{}} is no list'],
    [{ scripts: [{ pod: {}, script: {} }] }, 'Did you mean "pods"?'],
    [{ store: {} }, "store: that is no Storage"],
    [{ from: 3 }, "from: 3 is neither what cluster.save() gave nor the path of its file"],
  ])("createCluster(%j)", async (options, message) => {
    await expect(call({ createCluster }, "createCluster", options)).rejects.toThrow(message);
  });
});

const asList = (resource: unknown): unknown => (typeof resource === "number" ? [resource] : resource);

describe("a cluster that is closed", () => {
  let closed: EmbeddedCluster;
  beforeAll(async () => {
    closed = await createCluster({ clock: "virtual", nodes: 1 });
    await closed.close();
  }, 60_000);

  it.each<[string, readonly unknown[]]>([
    ["until", [() => true]],
    ["fork", []],
    ["save", []],
    ["artifact", ["/nowhere/failure.sampan"]],
    // It would open a port, and leave a folder.
    ["serve", []],
    ["kubeconfig", []],
    ["revision", []],
    ["changes", []],
  ])("refuses %s(...%j), and says why", async (method, given) => {
    await expect(call(closed, method, ...given)).rejects.toThrow(/^\w+\(\): the cluster is closed; /);
  });

  it.each<[string, readonly unknown[]]>([
    ["get", ["pod", "web"]],
    ["list", ["pods"]],
    ["apply", [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "late" } }]],
    ["why", ["pod/web"]],
  ])("cannot be reached by %s(...%j)", async (method, given) => {
    await expect(call(closed, method, ...given)).rejects.toThrow(
      "cannot reach the cluster's server: the cluster is closed",
    );
  });
});
