import type { Service } from "../../api/types/core-v1.ts";
import type { ServiceCIDR } from "../../api/types/networking-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { setCondition } from "../../apimachinery/conditions.ts";
import {
  holdsIpv4,
  holdsIpv4Range,
  type Ipv4Range,
  ipv4Number,
  parseIpv4Range,
} from "../../apimachinery/ipv4-range.ts";
import { isBeingDeleted } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerRegistration } from "../controller.ts";
import { addFinalizer, removeFinalizer } from "../finalizers.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { writeStatus } from "../write-status.ts";
import { clusterIpsOf } from "./addresses.ts";

const finalizer = "networking.k8s.io/service-cidr-finalizer";
const usable = { status: "True", reason: "", message: "Kubernetes Service CIDR is ready" };
const held = {
  status: "False",
  reason: "Terminating",
  message:
    "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
};

/** A Service that got its address in the last moment is in the cache by then: it must not keep one of no range. */
const graceMs = 2_000;

/**
 * Ranges of Service addresses: says that one may be used, and keeps one that is being deleted until no Service has an
 * address that only it holds. Mirrors pkg/controller/servicecidrs.
 */
export const serviceCidrController: ControllerRegistration = {
  name: "service-cidr-controller",
  setup(context) {
    const { client, informers, clock } = context;
    const ranges = informers.informer(resources.servicecidrs);
    const services = informers.informer(resources.services);
    /** Those that go wait for addresses to go, and for other ranges to come. */
    const going = (): string[] =>
      ranges
        .list()
        .filter(isBeingDeleted)
        .map(({ metadata }) => metadata.name ?? "");
    return {
      watches: [watch(ranges, (range) => [...enqueueSelf(range), ...going()]), watch(services, going)],
      async reconcile(name) {
        const range = ranges.get(name);
        if (range === undefined) return undefined;
        const isGoing = isBeingDeleted(range);
        if (isGoing && !isNeeded(range, ranges.list(), services.list())) {
          const leftMs = Date.parse(range.metadata.deletionTimestamp ?? "") + graceMs - clock.now();
          if (leftMs > 0) return { requeueAfterMs: leftMs };
          await removeFinalizer(context, resources.servicecidrs, range, finalizer);
          return undefined;
        }
        if (!isGoing) await addFinalizer(context, resources.servicecidrs, range, finalizer);
        const now = formatTime(clock.now());
        const condition = { type: "Ready", ...(isGoing ? held : usable), lastTransitionTime: now };
        const conditions = setCondition(range.status?.conditions, condition, clock.now());
        if (conditions !== range.status?.conditions)
          await writeStatus(client.resource(resources.servicecidrs), range, { conditions });
        return undefined;
      },
    };
  },
};

const partsOf = ({ spec }: ServiceCIDR): Ipv4Range[] =>
  (spec.cidrs ?? []).map(parseIpv4Range).filter((range) => range !== undefined);

/** Whether a Service has an address that no other range holds. */
function isNeeded(range: ServiceCIDR, all: readonly ServiceCIDR[], services: readonly Service[]): boolean {
  const others = all.filter(({ metadata }) => metadata.name !== range.metadata.name).flatMap(partsOf);
  const alone = partsOf(range).filter((part) => !others.some((other) => holdsIpv4Range(other, part)));
  if (alone.length === 0) return false;
  return services
    .flatMap(clusterIpsOf)
    .map(ipv4Number)
    .some((ip) => alone.some((part) => holdsIpv4(part, ip)) && !others.some((other) => holdsIpv4(other, ip)));
}
