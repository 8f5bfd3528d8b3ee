import type { ConfigMap, Endpoints, Namespace, Service } from "../api/types/core-v1.ts";
import type { EndpointSlice } from "../api/types/discovery-v1.ts";
import type { StorageClass } from "../api/types/storage-v1.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { isAlreadyExists } from "../apimachinery/status.ts";
import { systemPriorityClasses } from "../apiserver/admission/priority.ts";
import type { Client, ResourceReference } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import { localProvisioner } from "../controller/local-provisioner/index.ts";

/** What a cluster has before anybody asks for anything. */
export interface BootstrapSettings {
  /** Address of the `kubernetes` Service: the first of the range. */
  readonly apiServiceAddress: string;
  /** Where the API server is reached behind that address; absent when nothing listens for pods. */
  readonly apiEndpoint?: { readonly ip: string; readonly port: number };
  /** From today on is written down which tokens without an end are used: `2026-01-31`. */
  readonly today: string;
  /** Address of cluster DNS; absent without DNS. */
  readonly dnsAddress?: string;
}

const namespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];

/** The namespaces come first: all else may live in them. */
export async function bootstrapNamespaces(client: Client): Promise<void> {
  await Promise.all(namespaces.map((name) => ensure(client, resources.namespaces, newNamespace(name))));
}

/** Makes what is missing; what is there stays as its owner changed it. One pass, in parallel. */
export async function bootstrapObjects(client: Client, settings: BootstrapSettings): Promise<void> {
  await Promise.all([
    ensure(client, resources.services, apiService(settings.apiServiceAddress)),
    settings.apiEndpoint === undefined ? undefined : publishApiEndpoint(client, settings.apiEndpoint),
    settings.dnsAddress === undefined
      ? undefined
      : ensure(client, resources.services, dnsService(settings.dnsAddress)),
    ensure(client, resources.storageclasses, standardClass),
    ensure(client, resources.configmaps, tokenTracking(settings.today)),
    ...systemPriorityClasses.map((priority) => ensure(client, resources.priorityclasses, priority)),
  ]);
}

async function ensure<T extends KubernetesObject>(
  client: Client,
  reference: ResourceReference<T>,
  object: T,
): Promise<void> {
  try {
    await client.resource(reference).create(object);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

const newNamespace = (name: string): Namespace => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name },
  spec: {},
});

const tokenTracking = (since: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "kube-apiserver-legacy-service-account-token-tracking", namespace: "kube-system" },
  data: { since },
});

function apiService(clusterIP: string): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "kubernetes",
      namespace: "default",
      labels: { component: "apiserver", provider: "kubernetes" },
    },
    spec: {
      clusterIP,
      ports: [{ name: "https", port: 443, protocol: "TCP", targetPort: 6443 }],
      sessionAffinity: "None",
    },
  };
}

function dnsService(clusterIP: string): Service {
  const labels = {
    "k8s-app": "kube-dns",
    "kubernetes.io/cluster-service": "true",
    "kubernetes.io/name": "CoreDNS",
  };
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "kube-dns", namespace: "kube-system", labels },
    spec: {
      clusterIP,
      ports: [
        { name: "dns", port: 53, protocol: "UDP", targetPort: 53 },
        { name: "dns-tcp", port: 53, protocol: "TCP", targetPort: 53 },
      ],
    },
  };
}

/** The API server says itself where it is reached: nobody selects it. */
async function publishApiEndpoint(
  client: Client,
  { ip, port }: { readonly ip: string; readonly port: number },
): Promise<void> {
  const metadata = { name: "kubernetes", namespace: "default" };
  const endpoints: Endpoints = {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { ...metadata, labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
    subsets: [{ addresses: [{ ip }], ports: [{ name: "https", port, protocol: "TCP" }] }],
  };
  const slice: EndpointSlice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...metadata, labels: { "kubernetes.io/service-name": "kubernetes" } },
    addressType: "IPv4",
    endpoints: [{ addresses: [ip], conditions: { ready: true } }],
    ports: [{ name: "https", port, protocol: "TCP" }],
  };
  await Promise.all([
    put(client, resources.endpoints, endpoints),
    put(client, resources.endpointslices, slice),
  ]);
}

async function put<T extends KubernetesObject>(
  client: Client,
  reference: ResourceReference<T>,
  object: T,
): Promise<void> {
  try {
    await client.resource(reference).create(object);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    await client.resource(reference).update(object);
  }
}

const standardClass: StorageClass = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: "standard", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
  provisioner: localProvisioner,
  reclaimPolicy: "Delete",
  volumeBindingMode: "WaitForFirstConsumer",
};
