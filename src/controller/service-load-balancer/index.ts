import type { Node, Service } from "../../api/types/core-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { watch } from "../watch.ts";

/**
 * Gives Services of type LoadBalancer the addresses of the nodes: the load balancer of a machine is the machine. A port
 * belongs to one Service; a second that asks for it waits, and an event says for whom.
 */
export const serviceLoadBalancerController: ControllerRegistration = {
  name: "service-lb-controller",
  setup({ client, informers, events }) {
    const services = informers.informer(resources.services);
    const nodes = informers.informer(resources.nodes);
    const all = (): string[] => services.list().filter(isOurs).map(keyOf);
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
        if (service === undefined) return;
        const rival = isOurs(service) ? portHolder(service, services.list()) : undefined;
        if (rival !== undefined) {
          const port = sharedPort(service, rival);
          events.event(
            service,
            "Warning",
            "PortInUse",
            `Port ${port} of the host is taken by Service ${keyOf(rival)}; choose another port or delete that Service`,
          );
        }
        const ingress =
          isOurs(service) && rival === undefined
            ? nodes
                .list()
                .flatMap(addressesOf)
                .map((ip) => ({ ip, ipMode: "VIP" }))
            : [];
        if (deepEqual(service.status?.loadBalancer?.ingress ?? [], ingress)) return;
        const loadBalancer = ingress.length === 0 ? {} : { ingress };
        await client
          .resource(resources.services)
          .updateStatus({ ...service, status: { ...service.status, loadBalancer } });
      },
    };
  },
};

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
