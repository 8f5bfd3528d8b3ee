import { describe, expect, it } from "vitest";
import type { Service, ServiceSpec } from "../api/types/core-v1.ts";
import type { Endpoint, EndpointSlice } from "../api/types/discovery-v1.ts";
import { servicePortStates } from "./service-ports.ts";

function service(spec: Partial<ServiceSpec> = {}, status: Service["status"] = {}): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default" },
    spec: {
      clusterIP: "10.96.0.7",
      clusterIPs: ["10.96.0.7"],
      ports: [{ name: "http", port: 80, protocol: "TCP" }],
      ...spec,
    },
    status,
  };
}

function slice(endpoints: Endpoint[], change: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "web-1", namespace: "default" },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    endpoints,
    ...change,
  };
}

const endpoint = (
  ip: string,
  conditions: Endpoint["conditions"] = { ready: true },
  nodeName = "one",
): Endpoint => ({
  addresses: [ip],
  conditions,
  nodeName,
});

const ips = (list: readonly { ip: string }[]): string[] => list.map(({ ip }) => ip);

describe("servicePortStates()", () => {
  it.each([
    ["headless", { clusterIP: "None" }],
    ["ExternalName", { type: "ExternalName", externalName: "example.com" }],
    ["without an address yet", { clusterIP: "" }],
  ])("has nothing for a Service that is %s", (_, spec) => {
    expect(servicePortStates(service(spec), [], "one")).toEqual([]);
  });

  it("takes ready endpoints of the port's name only", () => {
    const [state] = servicePortStates(
      service(),
      [
        slice([endpoint("10.0.0.1"), endpoint("10.0.0.2", { ready: false })]),
        slice([endpoint("10.0.0.9")], { ports: [{ name: "metrics", port: 9 }] }),
        slice([endpoint("fd00::1")], { addressType: "IPv6" }),
      ],
      "one",
    );
    expect(state?.clusterEndpoints).toEqual([{ ip: "10.0.0.1", port: 8080 }]);
  });

  it("falls back to endpoints that terminate but serve", () => {
    const [state] = servicePortStates(
      service(),
      [
        slice([
          endpoint("10.0.0.1", { ready: false, serving: true, terminating: true }),
          endpoint("10.0.0.2", { ready: false }),
        ]),
      ],
      "one",
    );
    expect(ips(state?.clusterEndpoints ?? [])).toEqual(["10.0.0.1"]);
  });

  it("external policy Local keeps to this node, internal traffic does not", () => {
    const [state] = servicePortStates(
      service({ type: "NodePort", externalTrafficPolicy: "Local" }),
      [slice([endpoint("10.0.0.1", {}, "one"), endpoint("10.0.0.2", {}, "two")])],
      "two",
    );
    expect(ips(state?.clusterEndpoints ?? [])).toEqual(["10.0.0.1", "10.0.0.2"]);
    expect(ips(state?.externalEndpoints ?? [])).toEqual(["10.0.0.2"]);
  });

  it("takes load balancer addresses from the status, unless they are proxied", () => {
    const status = { loadBalancer: { ingress: [{ ip: "192.0.2.1" }, { ip: "192.0.2.2", ipMode: "Proxy" }] } };
    const [state] = servicePortStates(service({ type: "LoadBalancer" }, status), [], "one");
    expect(state?.externalIps).toEqual(["192.0.2.1"]);
  });

  it("names ports without a name by their number and carries affinity", () => {
    const [state] = servicePortStates(
      service({ ports: [{ port: 53, protocol: "UDP" }], sessionAffinity: "ClientIP" }),
      [],
      "one",
    );
    expect(state).toMatchObject({ id: "default/web:53", protocol: "udp", affinitySeconds: 10_800 });
  });
});
