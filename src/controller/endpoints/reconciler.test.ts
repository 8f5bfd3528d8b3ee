import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Endpoints } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { type EndpointPodOptions, newEndpointPod, newService } from "../testing/services.ts";
import { endpointsController } from "./index.ts";

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([endpointsController]);
});
afterEach(async () => run.stop());

const endpoints = (): Endpoints | undefined => run.transport.get(resources.endpoints, "web");

describe("Endpoints of a Service", () => {
  it("name ready and other pods by their ports", async () => {
    run.transport.seed(
      newService(),
      newEndpointPod(2),
      newEndpointPod(1),
      newEndpointPod(3, { ready: false }),
    );
    await run.settle();
    expect(endpoints()?.metadata.labels).toEqual({
      tier: "front",
      "endpoints.kubernetes.io/managed-by": "endpoint-controller",
    });
    expect(endpoints()?.subsets).toEqual([
      {
        ports: [{ name: "http", port: 8080, protocol: "TCP" }],
        addresses: [1, 2].map((number) => ({
          ip: `10.244.0.${number}`,
          nodeName: "n1",
          targetRef: { kind: "Pod", namespace: "default", name: `web-${number}`, uid: `pod-${number}` },
        })),
        notReadyAddresses: [expect.objectContaining({ ip: "10.244.0.3" })],
      },
    ]);
  });

  it.each<[string, EndpointPodOptions, boolean, "ready" | "not ready" | "absent"]>([
    ["ready", {}, false, "ready"],
    ["not ready", { ready: false }, false, "not ready"],
    ["not ready but published", { ready: false }, true, "ready"],
    ["ending", { deleted: true }, false, "absent"],
    ["ending but published", { deleted: true }, true, "ready"],
    ["ended", { phase: "Failed" }, true, "absent"],
    ["without address", { ips: [] }, true, "absent"],
    ["of another family", { ips: ["fd00::1"] }, false, "absent"],
  ])("a pod that is %s", async (_, options, publishNotReadyAddresses, expected) => {
    run.transport.seed(newService({ publishNotReadyAddresses }), newEndpointPod(1, options));
    await run.settle();
    const [subset] = endpoints()?.subsets ?? [];
    const found = subset === undefined ? "absent" : subset.addresses === undefined ? "not ready" : "ready";
    expect(found).toBe(expected);
  });

  it("without pods are empty, not absent", async () => {
    run.transport.seed(newService());
    await run.settle();
    expect(endpoints()?.subsets ?? []).toEqual([]);
    expect(endpoints()?.metadata.annotations).toBeUndefined();
  });

  it("of a headless Service without ports have addresses only", async () => {
    run.transport.seed(
      newService({ clusterIP: "None", ports: [] }),
      newEndpointPod(1, { spec: { hostname: "db-0", subdomain: "web" } }),
    );
    await run.settle();
    expect(endpoints()?.subsets).toEqual([
      { addresses: [expect.objectContaining({ ip: "10.244.0.1", hostname: "db-0" })] },
    ]);
    expect(endpoints()?.metadata.labels?.["service.kubernetes.io/headless"]).toBe("");
  });

  it("beyond 1000 addresses are cut off and say so; those that serve stay", async () => {
    const pods = Array.from({ length: 1001 }, (_, index) => newEndpointPod(index + 1, { ready: index > 0 }));
    run.transport.seed(newService(), ...pods);
    await run.settle();
    expect(endpoints()?.metadata.annotations).toEqual({
      "endpoints.kubernetes.io/over-capacity": "truncated",
    });
    expect(endpoints()?.subsets?.[0]?.addresses).toHaveLength(1000);
    expect(endpoints()?.subsets?.[0]?.notReadyAddresses).toBeUndefined();
    run.transport.remove(resources.pods, "web-1");
    await run.settle();
    expect(endpoints()?.metadata.annotations ?? {}).toEqual({});
  });

  it("go with their Service", async () => {
    run.transport.seed(newService(), newEndpointPod(1));
    await run.settle();
    run.transport.remove(resources.services, "web");
    await run.settle();
    expect(endpoints()).toBeUndefined();
  });

  it("are not made, nor touched, without a selector", async () => {
    const written = { apiVersion: "v1", kind: "Endpoints", metadata: { name: "web" }, subsets: [] };
    run.transport.seed(newService({ selector: undefined }), written, newEndpointPod(1));
    await run.settle();
    expect(endpoints()?.metadata.resourceVersion).toBe("2");
  });

  it("that nobody made for a Service are left alone", async () => {
    run.transport.seed({ apiVersion: "v1", kind: "Endpoints", metadata: { name: "web" }, subsets: [] });
    await run.settle();
    expect(endpoints()).toBeDefined();
  });
});
