import type { Node, Service } from "../../api/types/core-v1.ts";
import {
  type HostPort,
  type HostPortHolder,
  type HostPorts,
  hostPortRefusal,
} from "../../apimachinery/host-ports.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { watch } from "../watch.ts";

/** So often a Service asks again for a port that another cluster of the machine has: nobody tells when it is free. */
const askAgainMs = 2000;

/**
 * Gives Services of type LoadBalancer the addresses of the nodes: the load balancer of a machine is the machine. A port
 * belongs to one Service; a second that asks for it waits, and an event says for whom. `hostPorts` are those that several
 * clusters share.
 */
export const serviceLoadBalancerController = (hostPorts?: HostPorts): ControllerRegistration => ({
  name: "service-lb-controller",
  setup({ client, informers, events }) {
    const services = informers.informer(resources.services);
    const nodes = informers.informer(resources.nodes);
    const all = (): string[] => services.list().filter(isOurs).map(keyOf);
    /** Service → what it was told last, so that asking again does not tell it again. */
    const told = new Map<string, string>();
    const refuse = (service: Service, message: string | undefined): void => {
      const key = keyOf(service);
      if (message === undefined) told.delete(key);
      else if (told.get(key) !== message) {
        told.set(key, message);
        events.event(service, "Warning", "PortInUse", message);
      }
    };
    return {
      watches: [
        // Whoever gives a port up makes room for others.
        watch(services, (service) =>
          isOurs(service) || hasIngress(service) ? [...new Set([keyOf(service), ...all()])] : [],
        ),
        watch(nodes, all),
      ],
      async reconcile(key) {
        const service = services.getByKey(key);
        const wants = service !== undefined && isOurs(service);
        const rival = wants ? portHolder(service, services.list()) : undefined;
        const other = hostPorts?.hold(`Service ${key}`, wants && rival === undefined ? portsOf(service) : []);
        if (service === undefined) {
          told.delete(key);
          return;
        }
        refuse(service, refusal(service, rival, other));
        const ingress =
          wants && rival === undefined && other === undefined
            ? nodes
                .list()
                .flatMap(addressesOf)
                .map((ip) => ({ ip, ipMode: "VIP" }))
            : [];
        if (!deepEqual(service.status?.loadBalancer?.ingress ?? [], ingress)) {
          const loadBalancer = ingress.length === 0 ? {} : { ingress };
          await client
            .resource(resources.services)
            .updateStatus({ ...service, status: { ...service.status, loadBalancer } });
        }
        return other === undefined ? undefined : { requeueAfterMs: askAgainMs };
      },
    };
  },
});

/** Why the Service waits, or undefined. */
function refusal(
  service: Service,
  rival: Service | undefined,
  other: HostPortHolder | undefined,
): string | undefined {
  if (rival === undefined) return other === undefined ? undefined : hostPortRefusal(other);
  return `Port ${sharedPort(service, rival)} of the host is taken by Service ${keyOf(rival)}; choose another port or delete that Service`;
}

const portsOf = (service: Service): HostPort[] =>
  (service.spec.ports ?? []).map(({ port, protocol }) => ({ port, protocol: protocol ?? "TCP" }));

/** Services that name another class have another load balancer. */
const isOurs = (service: Service): boolean =>
  service.spec.type === "LoadBalancer" &&
  !isBeingDeleted(service) &&
  (service.spec.loadBalancerClass ?? "sampan.dev/host") === "sampan.dev/host";

const hasIngress = (service: Service): boolean => (service.status?.loadBalancer?.ingress ?? []).length > 0;

const addressesOf = (node: Node): string[] =>
  (node.status?.addresses ?? []).filter(({ type }) => type === "InternalIP").map(({ address }) => address);

/** The Service that has one of our ports already: the one that was there first. */
function portHolder(service: Service, others: readonly Service[]): Service | undefined {
  return others.find(
    (other) =>
      keyOf(other) !== keyOf(service) &&
      isOurs(other) &&
      isOlder(other, service) &&
      sharedPort(service, other) !== undefined,
  );
}

function sharedPort(a: Service, b: Service): number | undefined {
  return (a.spec.ports ?? []).find((port) =>
    (b.spec.ports ?? []).some(
      (other) => other.port === port.port && (other.protocol ?? "TCP") === (port.protocol ?? "TCP"),
    ),
  )?.port;
}

function isOlder(a: Service, b: Service): boolean {
  const [first = "", second = ""] = [a, b].map(({ metadata }) => metadata.creationTimestamp ?? "");
  return first === second ? keyOf(a) < keyOf(b) : first < second;
}
