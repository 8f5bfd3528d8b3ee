import type { Storage } from "../../../storage/storage.ts";
import type { TestApi } from "../../testing/api.ts";

export const apiServicesPath = "/apis/apiregistration.k8s.io/v1/apiservices";
export const flundersPath = "/apis/wardle.example.com/v1alpha1/namespaces/default/flunders";
export const wardle = "v1alpha1.wardle.example.com";

export const apiService = (spec: object = {}): object => ({
  apiVersion: "apiregistration.k8s.io/v1",
  kind: "APIService",
  metadata: { name: wardle },
  spec: {
    group: "wardle.example.com",
    version: "v1alpha1",
    groupPriorityMinimum: 2000,
    versionPriority: 200,
    service: { namespace: "wardle", name: "sample-api", port: 7443 },
    ...spec,
  },
});

export const service = (spec: object = {}): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "sample-api", namespace: "wardle" },
  spec: {
    ports: [{ port: 7443, protocol: "TCP" }],
    clusterIP: "10.96.0.7",
    clusterIPs: ["10.96.0.7"],
    type: "ClusterIP",
    ...spec,
  },
});

/** What a Service leads to: a port of this machine, unless told otherwise. */
export interface SliceParts {
  readonly service?: string;
  readonly endpoints?: readonly object[];
}

/**
 * Writes endpoints straight into the store: validation does not let loopback through, and that is where the other server
 * of a test is.
 */
export async function putSlice(storage: Storage, port: number, parts: SliceParts = {}): Promise<void> {
  const { service: name = "sample-api", endpoints = [{ addresses: ["127.0.0.1"] }] } = parts;
  const slice = {
    kind: "EndpointSlice",
    apiVersion: "discovery.k8s.io/v1",
    metadata: {
      name: `${name}-1`,
      namespace: "wardle",
      labels: { "kubernetes.io/service-name": name },
    },
    addressType: "IPv4",
    endpoints,
    ports: [{ name: "", port, protocol: "TCP" }],
  };
  const key = `/registry/discovery.k8s.io/endpointslices/wardle/${name}-1`;
  await storage.txn([], [{ type: "put", key, value: Buffer.from(JSON.stringify(slice)) }]);
}

/** Makes the namespace, the Service and its endpoints. */
export async function reachable(api: TestApi, storage: Storage, port: number): Promise<void> {
  await api.post("/api/v1/namespaces", { metadata: { name: "wardle" } });
  await api.post("/api/v1/namespaces/wardle/services", service());
  await putSlice(storage, port);
}

/** The APIService, its Service and endpoints, found to be available. */
export async function aggregate(
  api: TestApi,
  storage: Storage,
  { port, caBundle }: { readonly port: number; readonly caBundle: string },
  spec: object = {},
): Promise<void> {
  await reachable(api, storage, port);
  await api.post(apiServicesPath, apiService({ caBundle, ...spec }));
  await availableAs(api, "Passed");
}

/** The condition Available of the APIService, once its reason is the one awaited. */
export async function availableAs(api: TestApi, reason: string): Promise<Record<string, unknown>> {
  for (let turn = 0; turn < 400; turn++) {
    const { status } = (await api.get(`${apiServicesPath}/${wardle}`)) as {
      status?: { conditions?: Record<string, unknown>[] };
    };
    const [condition] = status?.conditions ?? [];
    if (condition?.["reason"] === reason) return condition;
    await new Promise<void>((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`the APIService never became ${reason}`);
}
