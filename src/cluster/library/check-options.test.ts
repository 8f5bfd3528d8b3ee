import { describe, expect, it } from "vitest";
import { resources } from "../../client/resources.ts";
import { createCluster } from "./create-cluster.ts";
import type { CreateClusterOptions } from "./options.ts";

/** As somebody would write it in JavaScript. */
const fromJavaScript = (options: object): CreateClusterOptions => options;

describe("createCluster()", { timeout: 60_000 }, () => {
  it.each([
    [{ node: 3 }, /"node" is nothing that createCluster may say; .* Did you mean "nodes"\?/],
    [{ sede: 3 }, /Did you mean "seed"\?/],
    [{ authorisation: "RBAC" }, /Did you mean "authorization"\?/],
    [{ clock: "Virtual" }, 'clock: "Virtual" is not "real" or "virtual". Did you mean "virtual"?'],
    [{ authorization: "rbac" }, 'authorization: "rbac" is not "RBAC" or "AlwaysAllow". Did you mean "RBAC"?'],
    [{ authorization: "Node" }, 'authorization: "Node" is not "RBAC" or "AlwaysAllow".'],
    [{ controllers: "some" }, 'controllers: "some" is not "all" or "none".'],
    [{ controllers: ["deployment"] }, /no controller is named "deployment"; there are /],
    [{ controllers: ["gc-controller", "deploymentController"] }, /no controller is named "gc-controller"/],
    [{ controllers: { except: ["deploymentController"] } }, 'Did you mean "deployment-controller"?'],
    [{ controllers: { exept: [] } }, 'Did you mean "except"?'],
    [{ seed: "7" }, 'seed: "7" is no whole number'],
    [{ seed: 0.5 }, "seed: 0.5 is no whole number"],
    [{ record: "yes" }, 'record: "yes" is neither true nor false'],
    [{ nodes: null }, "nodes: null is no number of nodes"],
    [{ controllers: null }, "controllers: null is no object"],
    [{ admission: null }, "admission: null is no object"],
    [{ nodes: ["a"] }, 'a node: "a" is no object'],
    [
      { nodes: [{ name: "a", failures: [{ kind: "melt", after: "1m" }] }] },
      /the kind of a failure: "melt" is not "crash" or "partition"/,
    ],
    [{ scheduler: "off" }, 'scheduler: "off" is neither true nor false'],
    [{ nodes: -1 }, "nodes: -1 is no number of nodes"],
    [{ nodes: 1.5 }, "nodes: 1.5 is no number of nodes"],
    [{ nodes: Number.NaN }, "nodes: null is no number of nodes"],
    [{ nodes: "3" }, 'nodes: "3" is no number of nodes'],
    [{ nodes: [{ name: "Node_1" }] }, /nodes: "Node_1" is no name of a node: a lowercase RFC 1123 subdomain/],
    [{ nodes: [{}] }, "nodes: undefined is no name of a node: it has to be a text"],
    [{ nodes: [{ name: "a" }, { name: "a" }] }, 'nodes: two are named "a"'],
    [
      { nodes: [{ name: "a", label: {} }] },
      /"label" is nothing that a node may say; .* Did you mean "labels"\?/,
    ],
    [{ admission: { enabled: [] } }, 'Did you mean "enable"?'],
    [{ admission: { disable: ["ServiceAcount"] } }, 'Did you mean "ServiceAccount"?'],
    [{ serviceCidr: "10.0.0.0" }, "10.0.0.0"],
  ])("refuses %j by name", async (options, message) => {
    const making = createCluster({ nodes: 0, clock: "virtual", ...fromJavaScript(options) });
    await expect(making).rejects.toThrow(message);
    await expect(making).rejects.toThrow(TypeError);
  });

  it.each([null, "virtual", 3])("refuses %j as options", async (options) => {
    const making: unknown = Reflect.apply(createCluster, undefined, [options]);
    await expect(making).rejects.toThrow(`the options: ${JSON.stringify(options)} is no object`);
  });

  it("takes every option that there is", async () => {
    await using cluster = await createCluster({
      clock: "virtual",
      startTime: "2026-03-01",
      seed: 1,
      nodes: [{ name: "a", labels: { disk: "ssd" } }],
      controllers: { except: ["cronjob-controller"] },
      scheduler: true,
      authorization: "RBAC",
      admission: { enable: ["OwnerReferencesPermissionEnforcement"], disable: ["LimitRanger"] },
      serviceCidr: "10.96.0.0/16",
    });
    expect(cluster.nodes.names()).toEqual(["a"]);
    await expect(cluster.nodes.add({ name: "B" })).rejects.toThrow('"B" is no name of a node');
  });

  it.each([
    ["RBAC", "Forbidden"],
    ["AlwaysAllow", "allowed"],
  ] as const)("under %s, somebody without rights is %s", async (authorization, outcome) => {
    await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 0, authorization });
    const jane = cluster.clientOf({ name: "jane" });
    const made = await jane
      .resource(resources.configmaps)
      .create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "default" } })
      .then(
        () => "allowed",
        (error: unknown) => (error as { reason: string }).reason,
      );
    expect(made).toBe(outcome);
    const review = await jane.resource(resources.selfsubjectaccessreviews).create({
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      metadata: {},
      spec: { resourceAttributes: { verb: "delete", resource: "nodes" } },
    });
    expect(review.status?.allowed).toBe(authorization === "AlwaysAllow");
  });
});
