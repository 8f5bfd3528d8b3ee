import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EndpointSlice } from "../../api/types/discovery-v1.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { type EndpointPodOptions, newEndpointPod, newNode, newService } from "../testing/services.ts";
import { endpointSliceController } from "./index.ts";

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([endpointSliceController]);
  run.transport.seed(newNode("n1", "zone-a"));
});
afterEach(async () => run.stop());

const byText = (a: unknown, b: unknown): number => JSON.stringify(a).localeCompare(JSON.stringify(b));
const slices = (): EndpointSlice[] => run.transport.list(resources.endpointslices);
const endpoints = () => slices().flatMap((slice) => slice.endpoints ?? []);
const addresses = (): string[] => endpoints().flatMap((endpoint) => endpoint.addresses);
const writes = (): number =>
  run.transport.requests.filter(({ method, path }) => method !== "GET" && path.includes("/endpointslices"))
    .length;
const seedPods = (count: number, options?: EndpointPodOptions): void =>
  run.transport.seed(...Array.from({ length: count }, (_, index) => newEndpointPod(index + 1, options)));

describe("EndpointSlices of a Service", () => {
  it("name its pods with node, zone, target and ports", async () => {
    run.transport.seed(newService(), newEndpointPod(1));
    await run.settle();
    expect(slices()).toMatchObject([
      {
        metadata: {
          generateName: "web-",
          labels: {
            tier: "front",
            "kubernetes.io/service-name": "web",
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
          },
          ownerReferences: [
            { apiVersion: "v1", kind: "Service", name: "web", uid: "svc-1", controller: true },
          ],
        },
        addressType: "IPv4",
        ports: [{ name: "http", port: 8080, protocol: "TCP" }],
        endpoints: [
          {
            addresses: ["10.244.0.1"],
            conditions: { ready: true, serving: true, terminating: false },
            nodeName: "n1",
            zone: "zone-a",
            targetRef: { kind: "Pod", namespace: "default", name: "web-1", uid: "pod-1" },
          },
        ],
      },
    ]);
  });

  it.each<[string, EndpointPodOptions, boolean, object | undefined]>([
    ["ready", {}, false, { ready: true, serving: true, terminating: false }],
    ["not ready", { ready: false }, false, { ready: false, serving: false, terminating: false }],
    ["ready and ending", { deleted: true }, false, { ready: false, serving: true, terminating: true }],
    [
      "not ready and ending",
      { ready: false, deleted: true },
      false,
      { ready: false, serving: false, terminating: true },
    ],
    ["published unready", { ready: false }, true, { ready: true, serving: false, terminating: false }],
    ["published while ending", { deleted: true }, true, { ready: true, serving: true, terminating: true }],
    ["ended", { phase: "Succeeded" }, true, undefined],
    ["failed", { phase: "Failed" }, false, undefined],
    ["without address", { ips: [] }, true, undefined],
  ])("a pod that is %s", async (_, options, publishNotReadyAddresses, conditions) => {
    run.transport.seed(newService({ publishNotReadyAddresses }), newEndpointPod(1, options));
    await run.settle();
    expect(endpoints()[0]?.conditions).toEqual(conditions);
  });

  it("follow readiness, labels of pods and labels of the Service", async () => {
    run.transport.seed(newService(), newEndpointPod(1));
    await run.settle();
    run.transport.modify(resources.pods, "web-1", (pod) => {
      pod.status = { ...pod.status, conditions: [{ type: "Ready", status: "False" }] };
    });
    await run.settle();
    expect(endpoints()[0]?.conditions?.ready).toBe(false);
    run.transport.modify(resources.services, "web", ({ metadata }) => {
      metadata.labels = { tier: "back", "kubernetes.io/service-name": "mine" };
    });
    await run.settle();
    expect(slices()[0]?.metadata.labels).toEqual({
      tier: "back",
      "kubernetes.io/service-name": "web",
      "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    });
    run.transport.modify(resources.pods, "web-1", ({ metadata }) => (metadata.labels = { app: "other" }));
    await run.settle();
    expect(slices()).toHaveLength(1);
    expect([slices()[0]?.endpoints, slices()[0]?.ports]).toEqual([[], []]);
  });

  it("is one empty slice while no pod is there, which then is filled", async () => {
    run.transport.seed(newService());
    await run.settle();
    const [placeholder] = slices();
    expect(placeholder).toMatchObject({ endpoints: [], ports: [], addressType: "IPv4" });
    seedPods(1);
    await run.settle();
    expect(slices().map(({ metadata }) => metadata.name)).toEqual([placeholder?.metadata.name]);
    expect(addresses()).toEqual(["10.244.0.1"]);
  });

  it("hold at most 100 endpoints each", async () => {
    seedPods(250);
    run.transport.seed(newService());
    await run.settle();
    expect(
      slices()
        .map((slice) => slice.endpoints?.length)
        .toSorted(byText),
    ).toEqual([100, 100, 50]);
    expect(new Set(addresses()).size).toBe(250);
  });

  it("leave slices alone that are right, and fill the fullest that has room", async () => {
    seedPods(150);
    run.transport.seed(newService());
    await run.settle();
    const before = writes();
    run.transport.seed(newEndpointPod(200));
    await run.settle();
    expect(writes()).toBe(before + 1);
    expect(
      slices()
        .map((slice) => slice.endpoints?.length)
        .toSorted(byText),
    ).toEqual([100, 51]);
    run.transport.remove(resources.pods, "web-1");
    await run.settle();
    expect(writes()).toBe(before + 2);
    expect(new Set(addresses()).size).toBe(150);
  });

  it("are made once, though the cache lags", async () => {
    run.transport.seed(newService());
    seedPods(5);
    await run.settle();
    for (let number = 10; number < 20; number++) run.transport.seed(newEndpointPod(number));
    await run.settle();
    expect(slices()).toHaveLength(1);
    expect(addresses()).toHaveLength(15);
  });

  it("are apart by the ports that pods have", async () => {
    const ports = [{ name: "web", containerPort: 9000, protocol: "TCP" }];
    const named = (port: number) => ({
      containers: [{ name: "main", image: "x", ports: [{ ...ports[0], containerPort: port }] }],
    });
    run.transport.seed(
      newService({ ports: [{ name: "http", port: 80, targetPort: "web", protocol: "TCP" }] }),
      newEndpointPod(1, { spec: named(9000) }),
      newEndpointPod(2, { spec: named(9001) }),
      newEndpointPod(3),
    );
    await run.settle();
    const found = slices().map((slice) => [slice.ports?.map(({ port }) => port), slice.endpoints?.length]);
    expect(found.toSorted(byText)).toEqual([
      [[], 1],
      [[9000], 1],
      [[9001], 1],
    ]);
  });

  it("find named ports of sidecars, by protocol, and carry the application protocol", async () => {
    run.transport.seed(
      newService({
        ports: [
          { name: "dns", port: 53, targetPort: "dns", protocol: "UDP" },
          { name: "grpc", port: 81, protocol: "TCP", appProtocol: "kubernetes.io/h2c" },
        ],
      }),
      newEndpointPod(1, {
        spec: {
          containers: [{ name: "main", ports: [{ name: "dns", containerPort: 1, protocol: "TCP" }] }],
          initContainers: [
            { name: "init", ports: [{ name: "dns", containerPort: 2, protocol: "UDP" }] },
            {
              name: "side",
              restartPolicy: "Always",
              ports: [{ name: "dns", containerPort: 3, protocol: "UDP" }],
            },
          ],
        },
      }),
    );
    await run.settle();
    expect(slices()[0]?.ports).toEqual([
      { name: "dns", port: 3, protocol: "UDP" },
      { name: "grpc", port: 81, protocol: "TCP", appProtocol: "kubernetes.io/h2c" },
    ]);
  });

  it("are one set per family of the Service", async () => {
    run.transport.seed(
      newService({ ipFamilies: ["IPv4", "IPv6"] }),
      newEndpointPod(1, { ips: ["10.244.0.1", "fd00::1"] }),
      newEndpointPod(2),
    );
    await run.settle();
    const found = slices().map((slice) => [
      slice.addressType,
      slice.endpoints?.flatMap((endpoint) => endpoint.addresses),
    ]);
    expect(found.toSorted(byText)).toEqual([
      ["IPv4", ["10.244.0.1", "10.244.0.2"]],
      ["IPv6", ["fd00::1"]],
    ]);
    run.transport.modify(resources.services, "web", ({ spec }) => (spec.ipFamilies = ["IPv4"]));
    await run.settle();
    expect(slices().map(({ addressType }) => addressType)).toEqual(["IPv4"]);
  });

  it("of a headless Service are marked, may have no ports, and carry host names", async () => {
    run.transport.seed(
      newService({ clusterIP: "None", ports: [] }),
      newEndpointPod(1, { spec: { hostname: "db-0", subdomain: "web" } }),
      newEndpointPod(2, { spec: { hostname: "db-1", subdomain: "other" } }),
    );
    await run.settle();
    expect(slices()[0]?.metadata.labels?.["service.kubernetes.io/headless"]).toBe("");
    expect(slices()[0]?.ports).toEqual([]);
    expect(endpoints().map(({ hostname }) => hostname)).toEqual(["db-0", undefined]);
  });

  it.each([
    [{ selector: undefined }, 0],
    [{ type: "ExternalName" }, 0],
  ])("are not made for %j", async (spec, count) => {
    run.transport.seed(newService(spec), newEndpointPod(1));
    await run.settle();
    expect(slices()).toHaveLength(count);
  });

  it("leave out pods of nodes that do not exist until they do", async () => {
    run.transport.seed(newService(), newEndpointPod(1, { spec: { nodeName: "n2" } }));
    await run.settle();
    expect(addresses()).toEqual([]);
    run.transport.seed(newNode("n2"));
    await run.settle(2000);
    expect(addresses()).toEqual(["10.244.0.1"]);
  });

  it("replace what somebody deleted or changed, and let other managers' slices be", async () => {
    run.transport.seed(newService(), newEndpointPod(1));
    run.transport.seed({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: "mine", labels: { "kubernetes.io/service-name": "web" } },
      addressType: "IPv4",
      endpoints: [],
    });
    await run.settle();
    const [made] = slices().filter(({ metadata }) => metadata.name !== "mine");
    run.transport.modify(
      resources.endpointslices,
      made?.metadata.name ?? "",
      (slice) => (slice.endpoints = []),
    );
    await run.settle();
    expect(addresses()).toEqual(["10.244.0.1"]);
    run.transport.remove(
      resources.endpointslices,
      slices().find(({ metadata }) => metadata.name !== "mine")?.metadata.name ?? "",
    );
    await run.settle();
    expect(addresses()).toEqual(["10.244.0.1"]);
    expect(slices()).toHaveLength(2);
  });

  it.each([
    ["PreferClose", { forZones: [{ name: "zone-a" }] }],
    ["PreferSameZone", { forZones: [{ name: "zone-a" }] }],
    ["PreferSameNode", { forZones: [{ name: "zone-a" }], forNodes: [{ name: "n1" }] }],
    [undefined, undefined],
  ])("with trafficDistribution %s give hints to those that serve", async (trafficDistribution, hints) => {
    run.transport.seed(
      newService({ trafficDistribution }),
      newEndpointPod(1),
      newEndpointPod(2, { ready: false }),
    );
    await run.settle();
    expect(endpoints().map((endpoint) => endpoint.hints)).toEqual([hints, undefined]);
  });

  it("get no new slice while the Service is being deleted", async () => {
    const service = newService();
    service.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
    service.metadata.finalizers = ["service.kubernetes.io/load-balancer-cleanup"];
    run.transport.seed(service, newEndpointPod(1));
    await run.settle();
    expect(slices()).toEqual([]);
  });
});
