import type { Pod, Service } from "../api/types/core-v1.ts";
import type { EndpointSlice } from "../api/types/discovery-v1.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import { selectorFromMap } from "../apimachinery/labels.ts";
import { isBeingDeleted } from "../apimachinery/object.ts";
import { resources } from "../client/resources.ts";
import type { Look } from "./look.ts";
import { podsTrouble } from "./pod.ts";
import { byCauses, count, fine, kubectl, type Reason, some, stuck, waiting } from "./reason.ts";

const patienceMs = 10_000;

/** A Service leads to the ready pods that its selector finds. */
export async function whyService(service: Service, look: Look): Promise<Reason> {
  const { namespace = "", name = "" } = service.metadata;
  const { type = "ClusterIP", selector, externalName = "" } = service.spec ?? {};
  if (type === "ExternalName") return fine(service, `is a name for ${externalName}`);
  const slices = await look.list(resources.endpointslices, namespace, {
    labelSelector: `kubernetes.io/service-name=${name}`,
  });
  const ready = readyEndpoints(slices);
  const isSelecting = Object.keys(selector ?? {}).length > 0;
  if (!isSelecting)
    return ready > 0
      ? fine(service, `leads to ${count(ready, "endpoint")} that somebody else keeps`)
      : ownEndpoints(service);
  const pods = (await look.list(resources.pods, namespace)).filter(
    (pod) => selectorFromMap(selector).matches(pod.metadata.labels) && !isBeingDeleted(pod),
  );
  if (pods.length === 0) return await noPods(service, look);
  const port = namedPortTrouble(service, pods);
  if (port !== undefined) return port;
  if (ready === 0) {
    const causes = await podsTrouble(pods, look);
    if (causes.length > 0)
      return byCauses(
        service,
        `leads nowhere: ${pods.length === 1 ? "its pod is not" : `none of its ${pods.length} pods is`} ready`,
        causes,
      );
    const isNew = pods.every(
      (pod) => look.ageMs(findCondition(pod.status?.conditions, "Ready")?.lastTransitionTime) < patienceMs,
    );
    if (isNew) return waiting(service, "leads nowhere yet: its pods have just become ready");
    return stuck(
      service,
      "leads nowhere, though its pods are ready: the endpointslice controller does not seem to run",
      {
        next: { says: "see whether the controllers run", command: "kubectl -n kube-system get pods,leases" },
      },
    );
  }
  if (type === "LoadBalancer" && (service.status?.loadBalancer?.ingress ?? []).length === 0)
    return await noAddress(service, look);
  return fine(service, `is ready: it leads to ${count(ready, "pod")}${undeclared(service, pods)}`);
}

const readyEndpoints = (slices: readonly EndpointSlice[]): number =>
  new Set(
    slices.flatMap(({ endpoints }) =>
      (endpoints ?? []).flatMap(({ addresses, conditions }) =>
        conditions?.ready === false ? [] : addresses,
      ),
    ),
  ).size;

function ownEndpoints(service: Service): Reason {
  if (isOfCluster(service))
    return fine(service, "is a part of the cluster itself, which answers at its address");
  return stuck(service, "leads nowhere: it has no selector, and nobody has given it endpoints", {
    next: {
      says: "give it a selector that matches the labels of your pods (or make an EndpointSlice)",
      command: kubectl(
        { namespace: service.metadata.namespace ?? "" },
        `set selector service ${service.metadata.name ?? ""} app=NAME`,
      ),
    },
  });
}

/** The API server's and DNS's need no endpoints where the cluster holds their addresses itself. */
const isOfCluster = ({ metadata: { namespace, name } }: Service): boolean =>
  (namespace === "default" && name === "kubernetes") || (namespace === "kube-system" && name === "kube-dns");

async function noPods(service: Service, look: Look): Promise<Reason> {
  const { namespace = "", name = "" } = service.metadata;
  const wanted = Object.entries(service.spec?.selector ?? {});
  const text = wanted.map(([key, value]) => `${key}=${value}`).join(",");
  const pods = await look.list(resources.pods, namespace);
  // What a mistyped selector was probably meant to find: pods that have its keys.
  const near = new Set(
    pods.flatMap(({ metadata }) => {
      const labels = wanted.flatMap(([key]) => {
        const value = metadata.labels?.[key];
        return value === undefined ? [] : [`${key}=${value}`];
      });
      return labels.length === wanted.length ? [labels.join(",")] : [];
    }),
  );
  const elsewhere = near.size === 0 ? await inOtherNamespaces(service, look) : undefined;
  return stuck(service, `leads nowhere: no pod has the label ${text.replaceAll(",", " and ")}`, {
    next:
      near.size > 0
        ? {
            says: `there are pods with ${some([...near])}: correct the selector, or the pods' labels`,
            command: kubectl({ namespace }, `set selector service ${name} '${[...near][0] ?? ""}'`),
          }
        : elsewhere !== undefined
          ? {
              says: `such pods are in namespace "${elsewhere}", and a Service leads to pods of its own namespace only`,
              command: kubectl({ namespace: elsewhere }, `get pods -l ${text}`),
            }
          : {
              says: "start pods with this label, or correct the selector",
              command: kubectl({ namespace }, "get pods --show-labels"),
            },
  });
}

async function inOtherNamespaces(service: Service, look: Look): Promise<string | undefined> {
  const selector = selectorFromMap(service.spec?.selector);
  return (await look.list(resources.pods)).find(({ metadata }) => selector.matches(metadata.labels))?.metadata
    .namespace;
}

/** A target port that no container of the pods has the name of leads nowhere, and nothing else tells. */
function namedPortTrouble(service: Service, pods: readonly Pod[]): Reason | undefined {
  const names = new Set(pods.flatMap(portsOf).flatMap(({ name }) => name ?? []));
  const missing = (service.spec?.ports ?? [])
    .map(({ targetPort }) => targetPort)
    .find((port) => typeof port === "string" && !names.has(port));
  if (missing === undefined) return undefined;
  const known = names.size === 0 ? "none has a name" : `named are ${[...names].join(", ")}`;
  return stuck(
    service,
    `leads nowhere: its targetPort "${missing}" is not the name of a port of its pods (${known})`,
    {
      next: {
        says: "correct the targetPort, or name the container's port so",
        command: kubectl(
          { namespace: service.metadata.namespace ?? "" },
          `edit service ${service.metadata.name ?? ""}`,
        ),
      },
    },
  );
}

const portsOf = (pod: Pod) => (pod.spec?.containers ?? []).flatMap(({ ports }) => ports ?? []);

/** Ports need not be declared, but one that is not, beside others that are, is often mistaken. */
function undeclared(service: Service, pods: readonly Pod[]): string {
  const declared = new Set(pods.flatMap(portsOf).map(({ containerPort }) => containerPort));
  const odd = (service.spec?.ports ?? [])
    .map(({ targetPort, port }) => targetPort ?? port)
    .find((port) => typeof port === "number" && !declared.has(port));
  if (odd === undefined || declared.size === 0) return "";
  return `; but it sends to port ${odd}, and its pods declare ${[...declared].join(", ")}: if connections fail, that is why`;
}

async function noAddress(service: Service, look: Look): Promise<Reason> {
  const { namespace = "", name = "" } = service.metadata;
  const event = await look.event(
    service,
    "PortInUse",
    "SyncLoadBalancerFailed",
    "CreatingLoadBalancerFailed",
  );
  const next = {
    says: "free the port, or use another; inside the cluster the Service works",
    command: kubectl({ namespace }, `describe service ${name}`),
  };
  if (event !== undefined)
    return stuck(service, `has no address outside the cluster: ${event.message ?? event.reason ?? ""}`, {
      next,
    });
  const isNew = look.ageMs(service.metadata.creationTimestamp) < patienceMs;
  if (isNew) return waiting(service, "waits for an address outside the cluster");
  return stuck(
    service,
    "has no address outside the cluster: nothing here gives Services of type LoadBalancer one",
    {
      next: {
        says: "reach it from here by port-forward, or install a load balancer",
        command: kubectl(
          { namespace },
          `port-forward service/${name} 8080:${service.spec?.ports?.[0]?.port ?? 80}`,
        ),
      },
    },
  );
}
