import type { ConfigMap, Endpoints, Namespace, Service } from "../api/types/core-v1.ts";
import type { EndpointSlice } from "../api/types/discovery-v1.ts";
import type { StorageClass } from "../api/types/storage-v1.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { isAlreadyExists, StatusError } from "../apimachinery/status.ts";
import { systemPriorityClasses } from "../apiserver/admission/priority.ts";
import type { ObjectReader } from "../apiserver/object-reader.ts";
import type { Client, ResourceReference } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import { localProvisioner } from "../controller/local-provisioner/index.ts";

export interface BootstrapParts {
  readonly client: Client;
  readonly reader: ObjectReader;
  readonly logger: Logger;
}

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
  /** Makes the default StorageClass. */
  readonly storageClass: boolean;
}

const namespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];

/** The namespaces come first: all else may live in them. */
export async function bootstrapNamespaces(parts: BootstrapParts): Promise<void> {
  await Promise.all(namespaces.map((name) => ensure(parts, resources.namespaces, newNamespace(name))));
}

/** Makes what is missing; what is there stays as its owner changed it. One pass, in parallel. */
export async function bootstrapObjects(parts: BootstrapParts, settings: BootstrapSettings): Promise<void> {
  await Promise.all([
    ensure(parts, resources.services, apiService(settings.apiServiceAddress)),
    settings.apiEndpoint === undefined ? undefined : publishApiEndpoint(parts, settings.apiEndpoint),
    settings.dnsAddress === undefined
      ? undefined
      : ensure(parts, resources.services, dnsService(settings.dnsAddress)),
    settings.storageClass ? ensure(parts, resources.storageclasses, standardClass) : undefined,
    ensure(parts, resources.configmaps, tokenTracking(settings.today)),
    ...systemPriorityClasses.map((priority) => ensure(parts, resources.priorityclasses, priority)),
  ]);
}

/** What is there is left alone unasked: on a restart webhooks and policies may refuse what they let pass before. */
async function ensure<T extends KubernetesObject>(
  parts: BootstrapParts,
  reference: ResourceReference<T>,
  object: T,
): Promise<void> {
  const { namespace = "", name = "" } = object.metadata;
  if (parts.reader.get(reference, namespace, name) !== undefined) return;
  await unlessRefused(parts, object, async () => {
    try {
      await parts.client.resource(reference).create(object);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  });
}

/** A cluster starts whatever its webhooks and policies think of it: otherwise nobody could mend them. */
async function unlessRefused(
  { logger }: BootstrapParts,
  { kind, metadata }: KubernetesObject,
  write: () => Promise<void>,
): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    logger.warn(`${kind} "${metadata.name}" was refused; the cluster starts without it`, {
      error: error.message,
    });
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
  parts: BootstrapParts,
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
    put(parts, resources.endpoints, endpoints),
    put(parts, resources.endpointslices, slice),
  ]);
}

async function put<T extends KubernetesObject>(
  parts: BootstrapParts,
  reference: ResourceReference<T>,
  object: T,
): Promise<void> {
  await unlessRefused(parts, object, async () => {
    const objects = parts.client.resource(reference);
    try {
      await objects.create(object);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      await objects.update(object);
    }
  });
}

const standardClass: StorageClass = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: "standard", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
  provisioner: localProvisioner,
  reclaimPolicy: "Delete",
  volumeBindingMode: "WaitForFirstConsumer",
};
