import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Service } from "../api/types/core-v1.ts";
import type { EndpointSlice } from "../api/types/discovery-v1.ts";
import type { ServiceCIDR } from "../api/types/networking-v1.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import { newClient } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import { SharedInformerFactory } from "../client/shared-informer-factory.ts";
import { FakeTransport } from "../client/testing/fake-transport.ts";
import { ServiceProxy } from "./service-proxy.ts";

const settings = {
  table: "sampan_test_services",
  podCidr: "10.244.0.0/16",
  interfacePrefix: "test0",
};

const service = (name: string, clusterIP: string): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "default" },
  spec: { clusterIP, clusterIPs: [clusterIP], ports: [{ name: "http", port: 80, protocol: "TCP" }] },
});

const slice = (serviceName: string, ...ips: string[]): EndpointSlice => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: {
    name: `${serviceName}-1`,
    namespace: "default",
    labels: { "kubernetes.io/service-name": serviceName },
  },
  addressType: "IPv4",
  ports: [{ name: "http", port: 8080, protocol: "TCP" }],
  endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
});

const range = (name: string, ...cidrs: string[]): ServiceCIDR => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "ServiceCIDR",
  metadata: { name },
  spec: { cidrs },
});

let clock: VirtualClock;
let transport: FakeTransport;
let scripts: string[];
let failures: number;
/** Ports that another cluster of the machine has. */
let foreign: Set<number>;
let refusals: string[];
/** What was led here, and what no more. */
let routes: string[];
let proxy: ServiceProxy;
let stop: AbortController;

beforeEach(async () => {
  clock = new VirtualClock();
  transport = new FakeTransport({ clock });
  transport.seed(service("web", "10.96.0.7"), slice("web", "10.244.0.2"));
  transport.seed(service("kubernetes", "10.96.0.1"), slice("kubernetes", "10.96.0.1"));
  const informers = new SharedInformerFactory({ client: newClient(transport), clock, logger: silentLogger });
  const services = informers.informer(resources.services);
  const endpointSlices = informers.informer(resources.endpointslices);
  const serviceCidrs = informers.informer(resources.servicecidrs);
  transport.seed(range("kubernetes", "10.96.0.0/16"));
  stop = new AbortController();
  scripts = [];
  failures = 0;
  foreign = new Set();
  refusals = [];
  routes = [];
  await informers.start(stop.signal);
  proxy = new ServiceProxy({
    settings,
    serviceCidr: "10.96.0.0/16",
    serviceCidrs,
    route: async (added, gone) => {
      routes.push(`+${added.join()} -${gone.join()}`);
    },
    nodeName: "one",
    services,
    endpointSlices,
    runNft: async (script) => {
      scripts.push(script);
      if (failures > 0) {
        failures--;
        throw new Error("netlink: no buffer space");
      }
    },
    clock,
    logger: silentLogger,
    answeredByHost: new Set(["default/kubernetes"]),
    hostPorts: {
      hold(_object, ports) {
        const taken = ports.find(({ port }) => foreign.has(port));
        return taken && { ...taken, cluster: "other", directory: "/other", object: "Service shop/site" };
      },
    },
    onRefused: ({ metadata }, message) => refusals.push(`${metadata.name}: ${message}`),
  });
  await proxy.start();
});
afterEach(async () => {
  await proxy.stop();
  stop.abort();
});

/** Lets events arrive and the transactions that they cause run. */
async function settle(): Promise<void> {
  await clock.advance(1);
  await proxy.settled();
}

describe("ServiceProxy", () => {
  it("loads everything that is known in one transaction", () => {
    expect(scripts).toHaveLength(1);
    expect(scripts[0]).toContain("delete table ip sampan_test_services");
    expect(scripts[0]).toContain("10.96.0.7 . tcp . 80 : goto svc_default_web_http");
  });

  it("guards and leads ranges that are added, and no longer those that are gone", async () => {
    const guard = (): string | undefined => /ip daddr \{ (.*) \} ip saddr/.exec(scripts.at(-1) ?? "")?.[1];
    expect(guard()).toBe("10.96.0.0/16");
    transport.seed(range("more", "10.200.0.0/24", "fd00:200::/112"));
    await settle();
    expect(guard()).toBe("10.96.0.0/16, 10.200.0.0/24");
    expect(scripts.at(-1)).toContain("10.96.0.7 . tcp . 80 : goto svc_default_web_http");
    transport.remove(resources.servicecidrs, "more");
    await settle();
    expect(guard()).toBe("10.96.0.0/16");
    expect(routes).toEqual(["+10.200.0.0/24 -", "+ -10.200.0.0/24"]);
    expect(scripts).toHaveLength(3);
  });

  it("leaves out Services that the host answers itself", () => {
    expect(scripts[0]).not.toContain("10.96.0.1 .");
  });

  it("leaves a Service to another proxy while a label says so", async () => {
    const labels = { "service.kubernetes.io/service-proxy-name": "mine" };
    const web = service("web", "10.96.0.7");
    transport.seed({ ...web, metadata: { ...web.metadata, labels } });
    await settle();
    expect(scripts.at(-1)).toMatch(/delete element .*10\.96\.0\.7 \. tcp \. 80/);
    transport.seed(web);
    await settle();
    expect(scripts.at(-1)).toContain("10.96.0.7 . tcp . 80 : goto svc_default_web_http");
  });

  it("does not lead to slices that are for names alone", async () => {
    const web = slice("web", "10.244.0.2");
    const labels = { ...web.metadata.labels, "service.kubernetes.io/headless": "" };
    transport.seed({ ...web, metadata: { ...web.metadata, labels } });
    await settle();
    expect(scripts).toHaveLength(2);
    expect(scripts[1]).toMatch(/delete element .*10\.96\.0\.7 \. tcp \. 80/);
    expect(scripts[1]).not.toContain("10.244.0.2 :");
  });

  it("answers a change of endpoints with a transaction of that Service alone", async () => {
    transport.modify(
      resources.endpointslices,
      "web-1",
      (current) => {
        current.endpoints = slice("web", "10.244.0.2", "10.244.0.3").endpoints;
      },
      "default",
    );
    await settle();
    expect(scripts).toHaveLength(2);
    expect(scripts[1]).toContain("numgen random mod 2");
    expect(scripts[1]).not.toContain("delete table");
  });

  it("says when an address is withdrawn: not ready any more, and out of the kernel's table", async () => {
    const ended: string[] = [];
    const wait = async (address: string, limitMs: number): Promise<void> => {
      await proxy.withdrawn(address, limitMs);
      ended.push(`${address} ${scripts.length}`);
    };
    const foreign = wait("10.244.0.9", 1000);
    const first = wait("10.244.0.2", 1000);
    const impatient = wait("10.244.0.2", 50);
    await clock.advance(60);
    expect(ended.toSorted()).toEqual(["10.244.0.2 1", "10.244.0.9 1"]);
    transport.modify(
      resources.endpointslices,
      "web-1",
      (current) => {
        current.endpoints = slice("web", "10.244.0.3").endpoints;
      },
      "default",
    );
    await clock.advance(10);
    await Promise.all([first, foreign, impatient]);
    expect(ended.at(-1)).toBe("10.244.0.2 2");
    expect(clock.now()).toBeLessThan(1000 + new VirtualClock().now());
  });

  it("forgets a Service that is deleted", async () => {
    transport.remove(resources.services, "web", "default");
    await settle();
    expect(scripts.at(-1)).toContain(
      "delete element ip sampan_test_services service_ips { 10.96.0.7 . tcp . 80",
    );
    expect(scripts.at(-1)).toContain("delete chain ip sampan_test_services svc_default_web_http");
  });

  it("leaves out node ports that another cluster has, says so once, and takes them when they are free", async () => {
    foreign.add(30_080);
    const exposed = service("exposed", "10.96.0.8");
    const ports = [{ name: "http", port: 80, protocol: "TCP" as const, nodePort: 30_080 }];
    transport.seed({ ...exposed, spec: { ...exposed.spec, type: "NodePort", ports } });
    transport.seed(slice("exposed", "10.244.0.8"));
    await settle();
    expect(scripts.join("")).toContain("10.96.0.8 . tcp . 80");
    await clock.advance(10_000);
    expect(scripts.join("")).not.toContain("tcp . 30080");
    expect(refusals).toEqual([
      expect.stringMatching(/^exposed: Port 30080 of the host is taken by Service shop/),
    ]);
    foreign.clear();
    await clock.advance(2000);
    await proxy.settled();
    expect(scripts.at(-1)).toContain("tcp . 30080 : goto ext_default_exposed_http");
  });

  it("makes the table anew after a failed transaction", async () => {
    failures = 1;
    transport.seed(service("late", "10.96.0.9"));
    await settle();
    await clock.advance(2000);
    await proxy.settled();
    expect(scripts.at(-1)).toContain("delete table ip sampan_test_services");
    expect(scripts.at(-1)).toContain("10.96.0.9 . tcp . 80");
    expect(scripts.at(-1)).toContain("10.96.0.7 . tcp . 80");
  });
});
