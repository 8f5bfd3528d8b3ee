import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newServiceUnavailable } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { namespaceController } from "./index.ts";

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([namespaceController], { podDeletion: "graceful" });
  run.transport.seed({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "work" },
    spec: { finalizers: ["kubernetes"] },
    status: { phase: "Active" },
  });
});
afterEach(async () => run.stop());

const configMap = (finalizers: string[] = []) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings", namespace: "work", finalizers },
});
const pod = (extra: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "work" },
  spec: { nodeName: "n1", containers: [], terminationGracePeriodSeconds: 30 },
  status: { phase: "Running" },
  ...extra,
});

const remove = async (): Promise<void> => {
  await run.client.resource(resources.namespaces).delete("work");
  await run.settle();
};
const namespace = () => run.transport.get(resources.namespaces, "work");
const bad = () =>
  (namespace()?.status?.conditions ?? [])
    .filter(({ status }) => status === "True")
    .map(({ type, reason, message }) => `${type} ${reason} ${message}`);

describe("a namespace", () => {
  it("that is not being deleted keeps what it holds", async () => {
    run.transport.seed(configMap());
    await run.settle(60_000);
    expect(run.transport.list(resources.configmaps)).toHaveLength(1);
  });

  it("is emptied of every kind, and goes; others keep theirs", async () => {
    const other = { ...configMap(), metadata: { name: "settings", namespace: "default" } };
    run.transport.seed(configMap(), other, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", namespace: "work" },
    });
    await remove();
    expect(namespace()).toBeUndefined();
    expect(run.transport.list(resources.deployments)).toEqual([]);
    expect(run.transport.list(resources.configmaps).map(({ metadata }) => metadata.namespace)).toEqual([
      "default",
    ]);
  });

  it("waits for its pods to wind down before it touches anything else", async () => {
    run.transport.seed(pod(), configMap());
    await remove();
    expect(bad()).toEqual([
      "NamespaceContentRemaining SomeResourcesRemain Some resources are remaining: pods. has 1 resource instances",
    ]);
    expect(run.transport.list(resources.configmaps)).toHaveLength(1);
    await run.client.resource(resources.pods).delete("p", { namespace: "work", gracePeriodSeconds: 0 });
    await run.settle(11_000);
    expect(namespace()).toBeUndefined();
    expect(run.transport.list(resources.configmaps)).toEqual([]);
  });

  it("says when pods stay longer than they may", async () => {
    run.transport.seed(pod());
    await remove();
    await run.settle(45_000);
    expect(bad()[0]).toBe(
      "NamespaceDeletionContentFailure ContentDeletionFailed Failed to delete all resource types, 1 remaining: unexpected items still remain in namespace: work for gvr: /v1, Resource=pods",
    );
  });

  it("says which finalizers hold it up, and goes once they are gone", async () => {
    run.transport.seed(configMap(["example.com/keep"]));
    await remove();
    expect(namespace()?.status?.phase).toBe("Terminating");
    expect(bad()).toEqual([
      "NamespaceContentRemaining SomeResourcesRemain Some resources are remaining: configmaps. has 1 resource instances",
      "NamespaceFinalizersRemaining SomeFinalizersRemain Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances",
    ]);
    run.transport.remove(resources.configmaps, "settings", "work");
    await run.settle(11_000);
    expect(namespace()).toBeUndefined();
  });

  it("has five conditions when all went well but another finalizer stays", async () => {
    run.transport.modify(resources.namespaces, "work", ({ spec }) => {
      spec.finalizers = ["kubernetes", "example.com/other"];
    });
    await remove();
    expect(namespace()?.spec.finalizers).toEqual(["example.com/other"]);
    expect(namespace()?.status?.conditions).toMatchObject([
      {
        type: "NamespaceDeletionDiscoveryFailure",
        status: "False",
        reason: "ResourcesDiscovered",
        message: "All resources successfully discovered",
      },
      { type: "NamespaceDeletionGroupVersionParsingFailure", reason: "ParsedGroupVersions" },
      {
        type: "NamespaceDeletionContentFailure",
        reason: "ContentDeleted",
        message: "All content successfully deleted, may be waiting on finalization",
      },
      { type: "NamespaceContentRemaining", reason: "ContentRemoved" },
      { type: "NamespaceFinalizersRemaining", reason: "ContentHasNoFinalizers" },
    ]);
  });

  it("stays while a group cannot be asked, and empties the rest", async () => {
    run.transport.seed(configMap());
    const restore = run.transport.react(({ path }) => {
      if (path === "/apis/apps/v1")
        throw newServiceUnavailable("the server is currently unable to handle the request");
    });
    await remove();
    expect(bad()).toEqual([
      "NamespaceDeletionDiscoveryFailure DiscoveryFailed Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: apps/v1: stale GroupVersion discovery: apps/v1",
    ]);
    expect(run.transport.list(resources.configmaps)).toEqual([]);
    restore();
    await run.settle(11_000);
    expect(namespace()).toBeUndefined();
  });

  it("says what could not be deleted", async () => {
    run.transport.seed(configMap());
    run.transport.react(({ method, path }) => {
      if (method === "DELETE" && path.endsWith("/configmaps")) throw newServiceUnavailable("no");
    });
    await remove();
    expect(bad()).toEqual([
      "NamespaceDeletionContentFailure ContentDeletionFailed Failed to delete all resource types, 1 remaining: no",
    ]);
  });

  it("is not looked at without a pause when what keeps it is worded otherwise each time", async () => {
    run.transport.seed(configMap());
    let refused = 0;
    run.transport.react(({ method, path }) => {
      if (method === "DELETE" && path.includes("/configmaps"))
        throw newServiceUnavailable(`refusal ${++refused}`);
    });
    await remove();
    await run.settle(60_000);
    expect(bad().join()).toContain(`refusal ${refused}`);
    expect(refused).toBeLessThan(30);
  });
});
