import type { Service, ServiceSpec } from "../../api/types/core-v1.ts";
import type { Endpoint, EndpointSlice } from "../../api/types/discovery-v1.ts";
import type { ClusterView } from "../records.ts";

function service(name: string, spec: ServiceSpec): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "default" }, spec };
}

function slice(serviceName: string, port: number, portName: string, endpoints: Endpoint[]): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${serviceName}-1`,
      namespace: "default",
      labels: { "kubernetes.io/service-name": serviceName },
    },
    addressType: "IPv4",
    ports: [{ name: portName, port, protocol: "TCP" }],
    endpoints,
  };
}

const services = [
  service("web", {
    clusterIP: "10.96.0.7",
    clusterIPs: ["10.96.0.7"],
    ports: [{ name: "http", port: 80, protocol: "TCP" }],
  }),
  service("db", { clusterIP: "None", ports: [{ name: "sql", port: 3306, protocol: "TCP" }] }),
  service("eager", { clusterIP: "None", publishNotReadyAddresses: true }),
  service("empty", { clusterIP: "None" }),
  service("out", { type: "ExternalName", externalName: "www.example.com" }),
];

const slices = [
  slice("db", 3306, "sql", [
    { addresses: ["10.244.0.2"], hostname: "db-0", conditions: { ready: true } },
    { addresses: ["10.244.0.3"], conditions: { ready: true } },
    { addresses: ["10.244.0.4"], conditions: { ready: false } },
  ]),
  slice("eager", 1, "", [{ addresses: ["10.244.0.4"], conditions: { ready: false } }]),
];

/** A small cluster: one Service with an address, headless ones, an ExternalName, all in the namespace `default`. */
export function testView(): ClusterView {
  return {
    service: (namespace, name) =>
      services.find(({ metadata }) => namespace === "default" && metadata.name === name),
    endpointSlices: (key) =>
      slices.filter(({ metadata }) => key === `default/${metadata.labels?.["kubernetes.io/service-name"]}`),
    hasNamespace: (name) => name === "default",
    serviceByClusterIp: (ip) => services.find(({ spec }) => spec.clusterIP === ip),
    endpointsByIp: (ip) =>
      slices
        .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === "db")
        .flatMap(({ endpoints }) => endpoints ?? [])
        .filter((endpoint) => endpoint.addresses.includes(ip))
        .map((endpoint) => ({ serviceKey: "default/db", endpoint, headless: true })),
  };
}
