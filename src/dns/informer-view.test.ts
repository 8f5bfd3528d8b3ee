import { expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import { newClient } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import { SharedInformerFactory } from "../client/shared-informer-factory.ts";
import { FakeTransport } from "../client/testing/fake-transport.ts";
import { informerView } from "./informer-view.ts";

it("informerView() finds Services and endpoints by name and by address, and follows changes", async () => {
  const clock = new VirtualClock();
  const transport = new FakeTransport({ clock });
  transport.seed(
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "db", namespace: "default" },
      spec: { clusterIP: "None", clusterIPs: ["None"] },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace: "default" },
      spec: { clusterIP: "10.96.0.7", clusterIPs: ["10.96.0.7"] },
    },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: "db-1", namespace: "default", labels: { "kubernetes.io/service-name": "db" } },
      addressType: "IPv4",
      endpoints: [{ addresses: ["10.244.0.2"], hostname: "db-0" }],
    },
  );
  const stop = new AbortController();
  const informers = new SharedInformerFactory({ client: newClient(transport), clock, logger: silentLogger });
  const view = informerView(
    informers.informer(resources.services),
    informers.informer(resources.endpointslices),
    informers.informer(resources.namespaces),
  );
  await informers.start(stop.signal);

  expect(view.service("default", "web")?.spec.clusterIP).toBe("10.96.0.7");
  expect(view.serviceByClusterIp("10.96.0.7")?.metadata.name).toBe("web");
  expect(view.endpointSlices("default/db")).toHaveLength(1);
  expect(view.hasNamespace("default")).toBe(true);
  expect(view.hasNamespace("other")).toBe(false);
  expect(view.endpointsByIp("10.244.0.2")).toMatchObject([
    { serviceKey: "default/db", endpoint: { hostname: "db-0" }, headless: true },
  ]);

  transport.remove(resources.services, "web", "default");
  await clock.advance(1);
  expect(view.serviceByClusterIp("10.96.0.7")).toBeUndefined();
  stop.abort();
});
