import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OwnerReference } from "../../apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceReference } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { garbageCollectorController } from "./index.ts";

const things: ResourceReference<UnstructuredObject> = {
  group: "example.com",
  version: "v1",
  resource: "things",
  kind: "Thing",
  namespaced: true,
};

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([garbageCollectorController], { references: [things] });
});
afterEach(async () => run.stop());

interface Extra {
  readonly namespace?: string;
  readonly finalizers?: string[];
}

const configMap = (name: string, owners: OwnerReference[] = [], extra: Extra = {}): UnstructuredObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: {
    name,
    uid: `uid-${name}`,
    namespace: "default",
    ...(owners.length === 0 ? {} : { ownerReferences: owners }),
    ...extra,
  },
});
const ownedBy = (name: string, blockOwnerDeletion = false, uid = `uid-${name}`): OwnerReference => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  name,
  uid,
  blockOwnerDeletion,
});

const names = (): string[] =>
  run.transport.list(resources.configmaps).map(({ metadata }) => metadata.name ?? "");
const get = (name: string) => run.transport.get(resources.configmaps, name);
const remove = async (
  name: string,
  propagationPolicy?: "Orphan" | "Background" | "Foreground",
): Promise<void> => {
  await run.client.resource(resources.configmaps).delete(name, {
    namespace: "default",
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
  });
  await run.settle();
};

async function seed(...objects: UnstructuredObject[]): Promise<void> {
  run.transport.seed(...objects);
  await run.settle();
}

describe("the garbage collector", () => {
  it("deletes what an owner leaves behind, down to the last", async () => {
    await seed(
      configMap("root"),
      configMap("child", [ownedBy("root")]),
      configMap("grandchild", [ownedBy("child")]),
      configMap("free"),
    );
    expect(names()).toHaveLength(4);
    await remove("root");
    expect(names()).toEqual(["free"]);
  });

  it("deletes what names an owner that never was", async () => {
    await seed(configMap("child", [ownedBy("nobody")]));
    expect(names()).toEqual([]);
  });

  it("deletes what names an owner that is gone and that another, which is held, still names", async () => {
    run.transport.seed(
      configMap("owner"),
      configMap("held", [ownedBy("owner")], { finalizers: ["example.com/hold"] }),
    );
    run.transport.seed(configMap("late"));
    await run.settle();
    await remove("owner");
    expect(names()).toEqual(["held", "late"]);
    run.transport.modify(resources.configmaps, "late", ({ metadata }) => {
      metadata.ownerReferences = [ownedBy("owner")];
    });
    await run.settle();
    expect(names()).toEqual(["held"]);
  });

  it("deletes what names another object of the owner's name", async () => {
    await seed(configMap("root"), configMap("child", [ownedBy("root", false, "uid-of-the-last-one")]));
    expect(names()).toEqual(["root"]);
  });

  it("keeps what has one owner left, and drops the references to the others", async () => {
    await seed(
      configMap("a"),
      configMap("b"),
      configMap("child", [ownedBy("a"), ownedBy("b"), ownedBy("never")]),
    );
    expect(get("child")?.metadata.ownerReferences).toEqual([ownedBy("a"), ownedBy("b")]);
    await remove("a");
    expect(get("child")?.metadata.ownerReferences).toEqual([ownedBy("b")]);
    await remove("b");
    expect(names()).toEqual([]);
  });

  it("in the foreground lets the owner go last", async () => {
    await seed(
      configMap("root"),
      configMap("child", [ownedBy("root", true)], { finalizers: ["example.com/slow"] }),
      configMap("other", [ownedBy("root", true)]),
      configMap("loose", [ownedBy("root")], { finalizers: ["example.com/slow"] }),
    );
    await remove("root", "Foreground");
    expect(names()).toEqual(["child", "loose", "root"]);
    expect(get("root")?.metadata.finalizers).toEqual(["foregroundDeletion"]);
    expect(get("child")?.metadata.deletionTimestamp).toBeDefined();
    run.transport.modify(resources.configmaps, "child", ({ metadata }) => delete metadata.finalizers);
    run.transport.remove(resources.configmaps, "child");
    await run.settle();
    // What does not block its owner is not waited for.
    expect(names()).toEqual(["loose"]);
  });

  it("in the foreground waits for dependents of dependents", async () => {
    await seed(
      configMap("root"),
      configMap("child", [ownedBy("root", true)]),
      configMap("grandchild", [ownedBy("child", true)], { finalizers: ["example.com/slow"] }),
    );
    await remove("root", "Foreground");
    expect(get("child")?.metadata.finalizers).toEqual(["foregroundDeletion"]);
    expect(names()).toEqual(["child", "grandchild", "root"]);
    run.transport.remove(resources.configmaps, "grandchild");
    await run.settle();
    expect(names()).toEqual([]);
  });

  it("in the foreground keeps a dependent that another owner wants, and does not wait for it", async () => {
    await seed(configMap("a"), configMap("b"), configMap("child", [ownedBy("a", true), ownedBy("b", true)]));
    await remove("a", "Foreground");
    expect(names()).toEqual(["b", "child"]);
    expect(get("child")?.metadata.ownerReferences).toEqual([ownedBy("b", true)]);
  });

  it("in the foreground breaks a circle", async () => {
    await seed(
      configMap("a", [ownedBy("c", true)]),
      configMap("b", [ownedBy("a", true)]),
      configMap("c", [ownedBy("b", true)]),
    );
    await remove("a", "Foreground");
    await run.settle(5000);
    expect(names()).toEqual([]);
  });

  it("orphans dependents when told to", async () => {
    await seed(configMap("root"), configMap("a", [ownedBy("root")]), configMap("b", [ownedBy("root", true)]));
    await remove("root", "Orphan");
    await run.settle(60_000);
    expect(names()).toEqual(["a", "b"]);
    expect(get("a")?.metadata.ownerReferences ?? []).toEqual([]);
  });

  it("deletes what names an owner of another namespace, and says why", async () => {
    await seed(configMap("root"));
    await seed(configMap("child", [ownedBy("root")], { namespace: "other" }));
    expect(run.transport.list(resources.configmaps, "other")).toEqual([]);
    expect(names()).toEqual(["root"]);
    expect(run.events()).toEqual([
      'Warning OwnerRefInvalidNamespace ownerRef [v1/ConfigMap, namespace: other, name: root, uid: uid-root] does not exist in namespace "other"',
    ]);
  });

  it("is not misled by a reference that names an owner's place wrongly", async () => {
    run.transport.seed(
      configMap("astray", [ownedBy("root")], { namespace: "a-first" }),
      configMap("child", [ownedBy("root")]),
      configMap("root"),
    );
    await run.settle();
    expect(names()).toEqual(["child", "root"]);
    await remove("root");
    expect(names()).toEqual([]);
  });

  it("leaves objects without namespace alone that name an owner with one", async () => {
    await seed({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: "pv", ownerReferences: [ownedBy("nobody")] },
    });
    expect(run.transport.list(resources.persistentvolumes)).toHaveLength(1);
  });

  it("leaves objects alone whose owner is of a kind that is not served, other owners gone or not", async () => {
    const strange = { apiVersion: "unknown.io/v1", kind: "Strange", name: "x", uid: "x" };
    await seed(configMap("child", [strange, ownedBy("nobody")]));
    expect(get("child")?.metadata.ownerReferences).toHaveLength(2);
  });

  it("collects custom resources like others", async () => {
    const thing: UnstructuredObject = {
      apiVersion: "example.com/v1",
      kind: "Thing",
      metadata: { name: "t", uid: "uid-t", namespace: "default" },
    };
    await seed(
      thing,
      configMap("child", [{ apiVersion: "example.com/v1", kind: "Thing", name: "t", uid: "uid-t" }]),
    );
    expect(names()).toEqual(["child"]);
    await run.client.resource(things).delete("t", { namespace: "default" });
    await run.settle();
    expect(names()).toEqual([]);
  });

  it("no longer asks for a kind that is not served any more, and collects it again when it is back", async () => {
    const thing: UnstructuredObject = {
      apiVersion: "example.com/v1",
      kind: "Thing",
      metadata: { name: "t", uid: "uid-t", namespace: "default" },
    };
    const owned = configMap("child", [
      { apiVersion: "example.com/v1", kind: "Thing", name: "t", uid: "uid-t" },
    ]);
    const asked = (): number => run.transport.requests.filter(({ path }) => path.endsWith("/things")).length;
    await run.settle();
    run.transport.serve(things, false);
    await run.settle(120_000);
    const before = asked();
    await run.settle(600_000);
    expect(asked()).toBe(before);
    run.transport.serve(things, true);
    await run.settle(60_000);
    expect(asked()).toBeGreaterThan(before);
    await seed(thing, owned);
    await run.client.resource(things).delete("t", { namespace: "default" });
    await run.settle();
    expect(names()).toEqual([]);
  });

  it("keeps what is owned by a kind that is not served any more", async () => {
    const owner = { apiVersion: "example.com/v1", kind: "Thing", name: "t", uid: "uid-t" };
    run.transport.serve(things, false);
    await run.settle(60_000);
    await seed(configMap("child", [owner]));
    await run.settle(600_000);
    expect(names()).toEqual(["child"]);
  });

  it("honours what was asked of the dependent itself", async () => {
    await seed(
      configMap("root"),
      configMap("child", [ownedBy("root")], { finalizers: ["orphan"] }),
      configMap("grandchild", [ownedBy("child")]),
    );
    await remove("root");
    await run.settle(60_000);
    expect(names()).toEqual(["grandchild"]);
  });

  it("never deletes on its cache's word alone", async () => {
    await seed(configMap("root"), configMap("child", [ownedBy("root")]));
    // The watch reports an end that a relist would not: the owner is back under the same uid.
    run.transport.remove(resources.configmaps, "root");
    run.transport.seed(configMap("root"));
    await run.settle();
    expect(names()).toEqual(["child", "root"]);
  });
});

describe("what woke the collector", () => {
  it("is an object, or is not said", async () => {
    const because: unknown[] = [];
    const watched: ControllerRegistration = {
      ...garbageCollectorController,
      setup: (context) => {
        const controller = garbageCollectorController.setup(context);
        const watches = controller.watches.map(
          (connect): (typeof controller.watches)[number] =>
            (add) =>
              connect((key, object) => {
                because.push(object);
                add(key, object);
              }),
        );
        return { ...controller, watches };
      },
    };
    const watchedRun = runControllers([watched]);
    watchedRun.transport.seed(
      configMap("owner"),
      configMap("a", [ownedBy("owner")]),
      configMap("b", [ownedBy("gone")]),
    );
    await watchedRun.settle();
    await watchedRun.stop();
    expect(because.length).toBeGreaterThan(0);
    expect(because.filter((object) => object !== undefined && typeof object !== "object")).toEqual([]);
  });
});
