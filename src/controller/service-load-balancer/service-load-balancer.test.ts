import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Service } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { newService } from "../testing/services.ts";
import { serviceLoadBalancerController } from "./index.ts";

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([serviceLoadBalancerController]);
  run.transport.seed(node("n1", "192.0.2.1"));
});
afterEach(async () => run.stop());

const node = (name: string, address: string) => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name },
  spec: {},
  status: {
    addresses: [
      { type: "InternalIP", address },
      { type: "Hostname", address: name },
    ],
  },
});
const balanced = (spec: Partial<Service["spec"]> = {}, name = "web", createdAt = 1): Service => ({
  ...newService({ type: "LoadBalancer", ...spec }),
  metadata: { name, namespace: "default", creationTimestamp: `2026-01-01T00:00:0${createdAt}Z` },
});
const ingress = (name = "web") =>
  run.transport.get(resources.services, name)?.status?.loadBalancer?.ingress?.map(({ ip }) => ip);

describe("a Service of type LoadBalancer", () => {
  it("gets the addresses of the nodes, and follows them", async () => {
    run.transport.seed(balanced());
    await run.settle();
    expect(ingress()).toEqual(["192.0.2.1"]);
    run.transport.seed(node("n2", "192.0.2.2"));
    await run.settle();
    expect(ingress()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it.each<Partial<Service["spec"]>>([
    { type: "ClusterIP" },
    { type: "NodePort" },
    { loadBalancerClass: "example.com/other" },
  ])("gets none with %j", async (spec) => {
    run.transport.seed(balanced(spec));
    await run.settle();
    expect(ingress()).toBeUndefined();
  });

  it("loses them when it changes its type", async () => {
    run.transport.seed(balanced());
    await run.settle();
    run.transport.modify(resources.services, "web", ({ spec }) => (spec.type = "ClusterIP"));
    await run.settle();
    expect(ingress()).toBeUndefined();
  });

  it("waits while an older one has its port, and is told for whom", async () => {
    run.transport.seed(balanced(), balanced({}, "late", 2));
    await run.settle();
    expect([ingress(), ingress("late")]).toEqual([["192.0.2.1"], undefined]);
    expect(run.events()).toContain(
      "Warning PortInUse Port 80 of the host is taken by Service default/web; choose another port or delete that Service",
    );
    run.transport.remove(resources.services, "web");
    await run.settle();
    expect(ingress("late")).toEqual(["192.0.2.1"]);
  });

  it("shares a port number with one of another protocol", async () => {
    run.transport.seed(balanced(), balanced({ ports: [{ port: 80, protocol: "UDP" }] }, "dns", 2));
    await run.settle();
    expect(ingress("dns")).toEqual(["192.0.2.1"]);
  });
});
