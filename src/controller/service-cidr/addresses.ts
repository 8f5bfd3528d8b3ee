import type { Service } from "../../api/types/core-v1.ts";
import type { IPAddress, ParentReference } from "../../api/types/networking-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { isAlreadyExists, isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";

const managedBy = "ipaddress.kubernetes.io/managed-by";
const labels = { "ipaddress.kubernetes.io/ip-family": "IPv4", [managedBy]: "ipallocator.k8s.io" };

/** The IPv4 addresses that a Service has of the cluster. */
export const clusterIpsOf = ({ spec }: Service): string[] =>
  (spec.clusterIPs ?? []).filter((ip) => ip !== "" && ip !== "None" && !ip.includes(":"));

/** Written with an empty group, which is left out when it is read. */
const isParent = (parent: IPAddress["spec"]["parentRef"], service: Service): boolean =>
  deepEqual({ ...parent, group: parent?.group ?? "" }, parentOf(service));

const parentOf = ({ metadata }: Service): ParentReference => ({
  group: "",
  resource: "services",
  namespace: metadata.namespace,
  name: metadata.name ?? "",
});

/**
 * Shows each address of a Service as an IPAddress. Here a Service itself says what it holds, so these objects follow it
 * and need no repair; those that others make, for addresses that no Service is to have, are left alone. Keys are addresses.
 */
export const serviceAddressController: ControllerRegistration = {
  name: "service-address-controller",
  setup({ client, informers }) {
    const services = informers.informer(resources.services);
    const addresses = informers.informer(resources.ipaddresses);
    services.addIndex("address", clusterIpsOf);
    const isOurs = ({ metadata }: IPAddress): boolean => metadata.labels?.[managedBy] === labels[managedBy];
    return {
      workers: 4,
      watches: [
        watch(services, clusterIpsOf, {
          when: (old, now) => !deepEqual(clusterIpsOf(old), clusterIpsOf(now)),
        }),
        watch(addresses, enqueueSelf),
      ],
      async reconcile(ip) {
        const [service] = services.byIndex("address", ip);
        const address = addresses.get(ip);
        const resource = client.resource(resources.ipaddresses);
        if (address !== undefined) {
          if (!isOurs(address)) return;
          if (service !== undefined && isParent(address.spec.parentRef, service)) return;
          // Whose it is cannot be changed: the next round makes it anew.
          const { uid = "" } = address.metadata;
          await resource.delete(ip, { preconditions: { uid } }).catch(unless(isNotFound));
          return;
        }
        if (service === undefined) return;
        const made: IPAddress = {
          apiVersion: "networking.k8s.io/v1",
          kind: "IPAddress",
          metadata: { name: ip, labels },
          spec: { parentRef: parentOf(service) },
        };
        await resource.create(made).catch(unless(isAlreadyExists));
      },
    };
  },
};

/** Takes an error of the kind for success. */
const unless =
  (isFine: (error: unknown) => boolean) =>
  (error: unknown): void => {
    if (!isFine(error)) throw error;
  };
