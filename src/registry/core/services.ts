import type { Service, ServiceSpec } from "../../api/types/core-v1.ts";
import { serviceAddressErrors } from "../../api/validation/service.ts";
import { type FieldError, invalid, path } from "../../apimachinery/field-error.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newInternalError, newInvalid } from "../../apimachinery/status.ts";
import type { ResourceExtension, Strategy } from "../../apiserver/registry/strategy.ts";
import { ipKey, isIpKey } from "./ip-key.ts";
import { holdings, nodePortRange, ownerOf, portKey, ServiceAllocators } from "./service-allocators.ts";

/** Services get an address and node ports as their type asks, and keep them (mirrors pkg/registry/core/service/storage). */
export function servicesExtension(serviceCidr: string): ResourceExtension {
  return {
    group: "",
    resource: "services",
    setup({ reader, random, metrics }) {
      const allocators = new ServiceAllocators(reader, serviceCidr, random, metrics);
      return { strategy: serviceStrategy(allocators) };
    },
  };
}

function serviceStrategy(allocators: ServiceAllocators): Strategy {
  return {
    prepareForCreate(_context, object) {
      const service = asService(object);
      service.status = { loadBalancer: {} };
      completeFamilies(service.spec);
      refuseBadAddresses(allocators, service, undefined);
    },
    prepareForUpdate(_context, object, old, subresource) {
      if (subresource === "status") return;
      const [service, before] = [asService(object), asService(old)];
      followClusterIP(service.spec, before.spec);
      keepAllocated(service.spec, before.spec);
      dropWhatTypeForbids(service, before.spec);
      completeFamilies(service.spec);
      refuseBadAddresses(allocators, service, before);
      if (service.spec.type !== "LoadBalancer" && before.spec.type === "LoadBalancer")
        service.status = { loadBalancer: {} };
    },
    begin(_context, object, old) {
      const before = old === undefined ? [] : holdings(asService(old));
      if (object === undefined) {
        const owner = old === undefined ? "" : ownerOf(asService(old));
        return { commit: () => before.forEach((key) => allocators.release(key, owner)), rollback: () => {} };
      }
      const service = asService(object);
      const owner = ownerOf(service);
      // Another may have been faster since this one was validated.
      refuse(service, allocationErrors(allocators, service).slice(0, 1));
      const scope = (service.spec.clusterIP ?? "") === "" ? "dynamic" : "static";
      const startMs = performance.now();
      const taken: string[] = [];
      const take = (key: string): void => {
        if (before.includes(key) || taken.includes(key)) return;
        allocators.reserve(key, owner);
        taken.push(key);
      };
      const rollback = (): void => taken.forEach((key) => allocators.release(key, owner));
      try {
        allocate(allocators, service, take);
      } catch (error) {
        rollback();
        throw error;
      }
      const seconds = (performance.now() - startMs) / 1000;
      const after = new Set(holdings(service));
      return {
        commit() {
          for (const key of before) if (!after.has(key)) allocators.release(key, owner);
          if (taken.some(isIpKey))
            allocators.metrics.allocated(allocators.rangeOf(service.spec.clusterIP ?? ""), scope, seconds);
        },
        rollback,
      };
    },
  };
}

/** Addresses and ports are handed out before anything is validated, so their faults come alone. */
function refuseBadAddresses(allocators: ServiceAllocators, service: Service, old: Service | undefined): void {
  refuse(service, serviceAddressErrors(service, old));
  refuse(service, singleStackErrors(service.spec));
  refuse(service, familyErrors(service.spec));
  refuse(service, allocationErrors(allocators, service).slice(0, 1));
}

function refuse(service: Service, errors: FieldError[]): void {
  if (errors.length === 0) return;
  throw newInvalid({ group: "", kind: "Service" }, service.metadata.name ?? "", errors);
}

const asService = (object: UnstructuredObject): Service => object as unknown as Service;

const needsAddress = ({ type, clusterIP }: ServiceSpec): boolean =>
  type !== "ExternalName" && clusterIP !== "None";

const needsNodePorts = ({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean =>
  type === "NodePort" || (type === "LoadBalancer" && allocateLoadBalancerNodePorts !== false);

const mayHaveNodePorts = ({ type }: ServiceSpec): boolean => type === "NodePort" || type === "LoadBalancer";

/** `clusterIP` and `clusterIPs[0]` are one thing; families follow from them. This cluster has IPv4 alone. */
function completeFamilies(spec: ServiceSpec): void {
  if (spec.clusterIP !== undefined && spec.clusterIP !== "" && (spec.clusterIPs ?? []).length === 0) {
    spec.clusterIPs = [spec.clusterIP];
  }
  if (spec.type === "ExternalName") return;
  const headless = spec.clusterIP === "None";
  const selectorless = Object.keys(spec.selector ?? {}).length === 0;
  if (headless && selectorless && spec.ipFamilyPolicy === undefined) {
    // Its endpoints are made by hand and may be of any family.
    spec.ipFamilyPolicy = "RequireDualStack";
    spec.ipFamilies = ["IPv4", "IPv6"];
    return;
  }
  spec.ipFamilyPolicy ??= "SingleStack";
  spec.ipFamilies ??= ["IPv4"];
}

const isInternal = ({ type }: ServiceSpec): boolean => type !== "ExternalName";

/** Who changes only the older of the two fields means both. */
function followClusterIP(spec: ServiceSpec, before: ServiceSpec): void {
  if (spec.clusterIP === before.clusterIP || !deepEqual(spec.clusterIPs, before.clusterIPs)) return;
  if ((spec.clusterIP ?? "") === "") delete spec.clusterIPs;
  else spec.clusterIPs = [spec.clusterIP ?? "", ...(spec.clusterIPs ?? []).slice(1)];
}

/** An update that leaves allocated values out means to keep them. */
function keepAllocated(spec: ServiceSpec, before: ServiceSpec): void {
  if (isInternal(spec) && isInternal(before)) {
    if ((spec.clusterIP ?? "") === "" && (spec.clusterIPs ?? []).length === 0)
      Object.assign(spec, given({ clusterIP: before.clusterIP }));
    if ((spec.clusterIPs ?? []).length === 0 && spec.clusterIP === before.clusterIP)
      Object.assign(spec, given({ clusterIPs: before.clusterIPs }));
    if ((spec.ipFamilies ?? []).length === 0) Object.assign(spec, given({ ipFamilies: before.ipFamilies }));
    if (spec.ipFamilyPolicy === undefined)
      Object.assign(spec, given({ ipFamilyPolicy: before.ipFamilyPolicy }));
  }
  if (needsNodePorts(spec) && needsNodePorts(before)) {
    const used = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort));
    const byName = new Map((before.ports ?? []).map(({ name = "", nodePort }) => [name, nodePort]));
    for (const port of spec.ports ?? []) {
      if (port.nodePort !== undefined && port.nodePort !== 0) continue;
      const nodePort = byName.get(port.name ?? "");
      if (nodePort !== undefined && !used.has(nodePort)) port.nodePort = nodePort;
    }
  }
  if (needsHealthCheck(spec) && needsHealthCheck(before) && !spec.healthCheckNodePort)
    Object.assign(spec, given({ healthCheckNodePort: before.healthCheckNodePort }));
}

/** Without members that are undefined. */
const given = (values: Partial<ServiceSpec>): Partial<ServiceSpec> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

const needsHealthCheck = ({ type, externalTrafficPolicy }: ServiceSpec): boolean =>
  type === "LoadBalancer" && externalTrafficPolicy === "Local";

const isReachedFromOutside = ({ type, externalIPs }: ServiceSpec): boolean =>
  type === "NodePort" || type === "LoadBalancer" || (type === "ClusterIP" && (externalIPs ?? []).length > 0);

/** What only Services of some kind have: when an update makes it another kind, the value goes unless it was set anew. */
const dependent: readonly (readonly [
  has: (spec: ServiceSpec) => boolean,
  fields: readonly (keyof ServiceSpec)[],
])[] = [
  [isInternal, ["clusterIP", "clusterIPs"]],
  [isInternal, ["ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"]],
  [isReachedFromOutside, ["externalTrafficPolicy"]],
  [needsHealthCheck, ["healthCheckNodePort"]],
  [({ type }) => type === "LoadBalancer", ["allocateLoadBalancerNodePorts", "loadBalancerClass"]],
];

function dropWhatTypeForbids({ spec }: Service, before: ServiceSpec): void {
  const known = new Set((before.ports ?? []).map(({ nodePort = 0 }) => nodePort).concat(0));
  const isNoneNew = (spec.ports ?? []).every(({ nodePort = 0 }) => known.has(nodePort));
  if (mayHaveNodePorts(before) && !mayHaveNodePorts(spec) && isNoneNew) {
    for (const port of spec.ports ?? []) delete port.nodePort;
  }
  for (const [has, fields] of dependent) {
    if (!has(before) || has(spec)) continue;
    for (const field of fields) if (deepEqual(spec[field], before[field])) delete spec[field];
  }
}

/** One family, and values for two. */
function singleStackErrors({ type, ipFamilyPolicy, clusterIPs, ipFamilies }: ServiceSpec): FieldError[] {
  if (type === "ExternalName" || ipFamilyPolicy !== "SingleStack") return [];
  const lists = [
    [clusterIPs, "cluster IPs"],
    [ipFamilies, "IP families"],
  ] as const;
  return lists.flatMap(([values, what]) => {
    if (values?.length !== 2) return [];
    const detail = `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`;
    return [invalid(path("spec").child("ipFamilyPolicy"), ipFamilyPolicy, detail)];
  });
}

/** Families that this cluster does not have. Endpoints made by hand may be of any: such a Service takes what it names. */
function familyErrors({ type, clusterIP, selector, ipFamilyPolicy, ipFamilies }: ServiceSpec): FieldError[] {
  const byHand = clusterIP === "None" && Object.keys(selector ?? {}).length === 0;
  if (type === "ExternalName" || byHand) return [];
  const errors: FieldError[] = [];
  const spec = path("spec");
  if (ipFamilyPolicy === "RequireDualStack") {
    const detail = "this cluster is not configured for dual-stack services";
    errors.push(invalid(spec.child("ipFamilyPolicy"), ipFamilyPolicy, detail));
  }
  for (const [index, family] of (ipFamilies ?? []).entries()) {
    if (family === "IPv4") continue;
    errors.push(invalid(spec.child("ipFamilies").index(index), family, "not configured on this cluster"));
  }
  return errors;
}

/** Values asked for by name that cannot be had. */
function allocationErrors(allocators: ServiceAllocators, service: Service): FieldError[] {
  const { spec } = service;
  const errors: FieldError[] = [];
  const owner = ownerOf(service);
  const ips = spec.clusterIPs ?? [];
  for (const ip of ips) {
    if (ip === "" || ip === "None" || ip.includes(":") || !needsAddress(spec)) continue;
    // What it has it keeps, also when the range is on its way out.
    if (allocators.isHeldBy(ipKey(ip), owner)) continue;
    const where = path("spec").child("clusterIPs");
    const refusal = allocators.outOfRange(ip);
    if (refusal !== undefined) errors.push(invalid(where, ips, `failed to allocate IP ${ip}: ${refusal}`));
    else if (allocators.isTaken(ipKey(ip), owner)) {
      allocators.metrics.failed(allocators.rangeOf(ip), "static");
      errors.push(invalid(where, ips, `failed to allocate IP ${ip}: provided IP is already allocated`));
    }
  }
  for (const [index, { nodePort = 0 }] of (spec.ports ?? []).entries()) {
    if (nodePort === 0) continue;
    const where = path("spec").child("ports").index(index).child("nodePort");
    if (nodePort < nodePortRange.first || nodePort > nodePortRange.last) {
      errors.push(
        invalid(
          where,
          nodePort,
          `provided port is not in the valid range. The range of valid ports is ${nodePortRange.first}-${nodePortRange.last}`,
        ),
      );
    } else if (allocators.isTaken(portKey(nodePort), owner)) {
      errors.push(invalid(where, nodePort, "provided port is already allocated"));
    }
  }
  const { healthCheckNodePort = 0 } = spec;
  if (healthCheckNodePort !== 0 && allocators.isTaken(portKey(healthCheckNodePort), owner)) {
    const where = path("spec").child("healthCheckNodePort");
    errors.push(invalid(where, healthCheckNodePort, "provided port is already allocated"));
  }
  return errors;
}

/** Fills in what the Service needs and takes all it holds. */
function allocate(allocators: ServiceAllocators, service: Service, take: (key: string) => void): void {
  const { spec } = service;
  if (needsAddress(spec) && (spec.clusterIP === undefined || spec.clusterIP === "")) {
    const ip = allocators.freeAddress();
    if (ip === undefined) throw newInternalError("failed to allocate a serviceIP: range is full");
    spec.clusterIP = ip;
    spec.clusterIPs = [ip];
  }
  for (const ip of spec.clusterIPs ?? []) if (ip !== "" && ip !== "None") take(ipKey(ip));
  const explicit = (spec.ports ?? []).map(({ nodePort }) => nodePort);
  for (const port of [...explicit, spec.healthCheckNodePort]) if (port) take(portKey(port));
  if (needsNodePorts(spec)) {
    // One number for both protocols of a port: DNS clients expect it.
    const byNumber = new Map<number, number>();
    for (const port of spec.ports ?? []) if (port.nodePort) byNumber.set(port.port, port.nodePort);
    for (const port of spec.ports ?? []) {
      if (port.nodePort) continue;
      const free = byNumber.get(port.port) ?? allocators.freeNodePort();
      if (free === undefined) throw newInternalError("failed to allocate a nodePort: range is full");
      port.nodePort = free;
      byNumber.set(port.port, free);
      take(portKey(free));
    }
  }
  if (needsHealthCheck(spec) && !spec.healthCheckNodePort) {
    const free = allocators.freeNodePort();
    if (free === undefined) throw newInternalError("failed to allocate a healthCheckNodePort: range is full");
    spec.healthCheckNodePort = free;
    take(portKey(free));
  }
}
