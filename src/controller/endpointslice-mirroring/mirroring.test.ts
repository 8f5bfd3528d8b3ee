import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Endpoints } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { newService } from "../testing/services.ts";
import { endpointSliceMirroringController } from "./index.ts";

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([endpointSliceMirroringController]);
});
afterEach(async () => run.stop());

const endpoints = (metadata: Endpoints["metadata"] = {}): Endpoints => ({
  apiVersion: "v1",
  kind: "Endpoints",
  metadata: { name: "web", uid: "ep-1", labels: { team: "a" }, ...metadata },
  subsets: [
    {
      addresses: [{ ip: "192.0.2.1", hostname: "one", nodeName: "n1" }, { ip: "2001:db8::1" }],
      notReadyAddresses: [{ ip: "192.0.2.2" }],
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    },
  ],
});
const slices = () => run.transport.list(resources.endpointslices);
const addresses = (): string[] =>
  slices().flatMap((slice) => (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses));

describe("Endpoints of a Service without selector", () => {
  it("are mirrored, a slice per family, with what each address says", async () => {
    run.transport.seed(newService({ selector: undefined }), endpoints());
    await run.settle();
    const four = slices().find(({ addressType }) => addressType === "IPv4");
    expect(four).toMatchObject({
      metadata: {
        generateName: "web-",
        labels: {
          team: "a",
          "kubernetes.io/service-name": "web",
          "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
        },
        ownerReferences: [{ apiVersion: "v1", kind: "Endpoints", name: "web", uid: "ep-1" }],
      },
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
      endpoints: [
        { addresses: ["192.0.2.1"], conditions: { ready: true }, hostname: "one", nodeName: "n1" },
        { addresses: ["192.0.2.2"], conditions: { ready: false } },
      ],
    });
    expect(slices()).toHaveLength(2);
    expect(addresses()).toContain("2001:db8::1");
  });

  it("are followed, and their slices go with them", async () => {
    run.transport.seed(newService({ selector: undefined }), endpoints());
    await run.settle();
    run.transport.modify(resources.endpoints, "web", (object) => {
      object.subsets = [{ addresses: [{ ip: "192.0.2.9" }], ports: [{ port: 1 }] }];
    });
    await run.settle();
    expect(addresses()).toEqual(["192.0.2.9"]);
    run.transport.remove(resources.endpoints, "web");
    await run.settle();
    expect(slices()).toEqual([]);
  });

  it("are mirrored once the Service is there, and no more once it selects pods", async () => {
    run.transport.seed(endpoints());
    await run.settle();
    expect(slices()).toEqual([]);
    run.transport.seed(newService({ selector: undefined }));
    await run.settle();
    expect(slices()).toHaveLength(2);
    run.transport.modify(resources.services, "web", ({ spec }) => (spec.selector = { app: "web" }));
    await run.settle();
    expect(slices()).toEqual([]);
  });

  it.each<Endpoints["metadata"]>([
    { labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
    { annotations: { "control-plane.alpha.kubernetes.io/leader": "{}" } },
  ])("are left alone with %j", async (metadata) => {
    run.transport.seed(newService({ selector: undefined }), endpoints(metadata));
    await run.settle();
    expect(slices()).toEqual([]);
  });
});
