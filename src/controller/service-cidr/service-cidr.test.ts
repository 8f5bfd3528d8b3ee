import { afterEach, expect, test } from "vitest";
import type { Service } from "../../api/types/core-v1.ts";
import type { IPAddress, ServiceCIDR } from "../../api/types/networking-v1.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { serviceAddressController } from "./addresses.ts";
import { serviceCidrController } from "./index.ts";

let run: ControllerRun | undefined;
afterEach(async () => run?.stop());

const cidr = (name: string, ...cidrs: string[]): ServiceCIDR => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "ServiceCIDR",
  metadata: { name },
  spec: { cidrs },
});
const service = (name: string, ip: string): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "default" },
  spec: { clusterIP: ip, clusterIPs: [ip], ports: [{ port: 80 }] },
});

async function start(...objects: (ServiceCIDR | Service | IPAddress)[]) {
  const started = runControllers([serviceCidrController, serviceAddressController]);
  run = started;
  for (const object of objects) started.transport.seed(object);
  await started.settle();
  const { client } = started;
  const addresses = () => started.transport.list(resources.ipaddresses).map(({ metadata }) => metadata.name);
  const find = (name: string) =>
    started.transport.list(resources.servicecidrs).find(({ metadata }) => metadata.name === name);
  const settle = (durationMs?: number): Promise<void> => started.settle(durationMs);
  const seed = (object: ServiceCIDR | Service): void => started.transport.seed(object);
  return { client, transport: started.transport, settle, seed, addresses, find };
}

test("a range is ready, and protected from being deleted at once", async () => {
  const { find } = await start(cidr("more", "10.200.0.0/24"));
  expect(find("more")?.metadata.finalizers).toEqual(["networking.k8s.io/service-cidr-finalizer"]);
  expect(find("more")?.status?.conditions).toMatchObject([
    { type: "Ready", status: "True", reason: "", message: "Kubernetes Service CIDR is ready" },
  ]);
});

test("a range that nobody has an address of goes", async () => {
  const { client, settle, find } = await start(cidr("more", "10.200.0.0/24"), service("web", "10.96.0.7"));
  await client.resource(resources.servicecidrs).delete("more");
  await settle(3_000);
  expect(find("more")).toBeUndefined();
});

test("a range stays while a Service has an address of it, says why, and goes with the last", async () => {
  const { client, settle, find } = await start(cidr("more", "10.200.0.0/24"), service("web", "10.200.0.7"));
  await client.resource(resources.servicecidrs).delete("more");
  await settle();
  expect(find("more")?.status?.conditions).toMatchObject([
    {
      type: "Ready",
      status: "False",
      reason: "Terminating",
      message: expect.stringContaining("still IPAddresses"),
    },
  ]);
  await client.resource(resources.services).delete("web", { namespace: "default" });
  await settle(3_000);
  expect(find("more")).toBeUndefined();
});

test("a range goes when another holds its addresses, also one that comes later", async () => {
  const { client, settle, find, seed } = await start(
    cidr("more", "10.200.0.0/24"),
    service("web", "10.200.0.7"),
  );
  await client.resource(resources.servicecidrs).delete("more");
  await settle();
  expect(find("more")).toBeDefined();
  seed(cidr("all", "10.200.0.0/16"));
  await settle(3_000);
  expect(find("more")).toBeUndefined();
  expect(find("all")).toBeDefined();
});

test("each address of a Service is an IPAddress, which goes with it", async () => {
  const { client, settle, addresses, transport } = await start(
    service("web", "10.96.0.7"),
    service("none", "None"),
  );
  expect(transport.list(resources.ipaddresses)).toMatchObject([
    {
      metadata: {
        name: "10.96.0.7",
        labels: {
          "ipaddress.kubernetes.io/ip-family": "IPv4",
          "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
        },
      },
      spec: { parentRef: { group: "", resource: "services", namespace: "default", name: "web" } },
    },
  ]);
  await client.resource(resources.ipaddresses).delete("10.96.0.7");
  await settle();
  expect(addresses()).toEqual(["10.96.0.7"]);
  await client.resource(resources.services).delete("web", { namespace: "default" });
  await settle();
  expect(addresses()).toEqual([]);
});

test("an address that is right stays as it is, also when its empty group is left out", async () => {
  const parentRef = { resource: "services", namespace: "default", name: "web" };
  const { transport } = await start(service("web", "10.96.0.7"), {
    apiVersion: "networking.k8s.io/v1",
    kind: "IPAddress",
    metadata: {
      name: "10.96.0.7",
      uid: "the-first",
      labels: { "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io" },
    },
    spec: { parentRef },
  });
  expect(transport.list(resources.ipaddresses)[0]?.metadata.uid).toBe("the-first");
});

test("an address passes to the next Service that has it, and those of others are left alone", async () => {
  const foreign: IPAddress = {
    apiVersion: "networking.k8s.io/v1",
    kind: "IPAddress",
    metadata: { name: "10.96.0.9" },
    spec: {
      parentRef: { group: "gateway.networking.k8s.io", resource: "gateways", namespace: "a", name: "g" },
    },
  };
  const { client, settle, addresses, transport, seed } = await start(service("web", "10.96.0.7"), foreign);
  await client.resource(resources.services).delete("web", { namespace: "default" });
  seed(service("next", "10.96.0.7"));
  await settle();
  expect(new Set(addresses())).toEqual(new Set(["10.96.0.7", "10.96.0.9"]));
  const passed = transport.list(resources.ipaddresses).find(({ metadata }) => metadata.name === "10.96.0.7");
  expect(passed?.spec.parentRef?.name).toBe("next");
});
