import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Service } from "../../api/types/core-v1.ts";
import type { HostPorts } from "../../apimachinery/host-ports.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { newService } from "../testing/services.ts";
import { serviceLoadBalancerController } from "./index.ts";

let run: ControllerRun;
/** Ports that another cluster of the machine has. */
let foreign: Set<number>;
let held: Map<string, number[]>;
const hostPorts: HostPorts = {
  hold(object, ports) {
    const taken = ports.find(({ port }) => foreign.has(port));
    held.set(object, taken === undefined ? ports.map(({ port }) => port) : []);
    return (
      taken && { ...taken, cluster: "other", directory: "/var/lib/sampan/other", object: "Service shop/site" }
    );
  },
};
beforeEach(() => {
  foreign = new Set();
  held = new Map();
  run = runControllers([serviceLoadBalancerController(hostPorts)]);
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

  it("waits while another cluster has its port, is told once by whom, and takes over when it is free", async () => {
    foreign.add(80);
    run.transport.seed(balanced());
    await run.settle();
    await run.clock.advance(20_000);
    expect(ingress()).toBeUndefined();
    expect(run.events().filter((event) => event.includes("PortInUse"))).toEqual([
      'Warning PortInUse Port 80 of the host is taken by Service shop/site of cluster "other" (in /var/lib/sampan/other); choose another port, or delete that one or stop that cluster',
    ]);
    foreign.clear();
    await run.clock.advance(5000);
    expect(ingress()).toEqual(["192.0.2.1"]);
  });

  it("loses its addresses when its new port is another cluster's, and gives its ports up at the end", async () => {
    foreign.add(443);
    run.transport.seed(balanced());
    await run.settle();
    expect(held.get("Service default/web")).toEqual([80]);
    run.transport.modify(resources.services, "web", ({ spec }) => (spec.ports = [{ port: 443 }]));
    await run.settle();
    expect(ingress()).toBeUndefined();
    run.transport.modify(resources.services, "web", ({ spec }) => (spec.ports = [{ port: 80 }]));
    await run.settle();
    expect(held.get("Service default/web")).toEqual([80]);
    run.transport.remove(resources.services, "web");
    await run.settle();
    expect(held.get("Service default/web")).toEqual([]);
  });
});
