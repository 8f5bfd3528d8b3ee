import type { Service, ServicePort, ServiceSpec } from "../../api/types/core-v1.ts";
import { type FieldError, invalid, path } from "../../apimachinery/field-error.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newInternalError } from "../../apimachinery/status.ts";
import type { ResourceExtension, Strategy } from "../../apiserver/registry/strategy.ts";
import {
  holdings,
  ipKey,
  nodePortRange,
  ownerOf,
  parseRange,
  portKey,
  ServiceAllocators,
  toNumber,
} from "./service-allocators.ts";

/** Services get an address and node ports as their type asks, and keep them (mirrors pkg/registry/core/service/storage). */
export function servicesExtension(serviceCidr: string): ResourceExtension {
  return {
    group: "",
    resource: "services",
    setup({ reader, random }) {
      const allocators = new ServiceAllocators(reader, parseRange(serviceCidr), random);
      return { strategy: serviceStrategy(allocators) };
    },
  };
}

function serviceStrategy(allocators: ServiceAllocators): Strategy {
  return {
    prepareForCreate(_context, object) {
      const service = asService(object);
      service.status = { loadBalancer: {} };
      dropWhatTypeForbids(service, undefined);
      completeFamilies(service.spec);
    },
    prepareForUpdate(_context, object, old, subresource) {
      if (subresource === "status") return;
      const [service, before] = [asService(object), asService(old)];
      keepAllocated(service.spec, before.spec);
      dropWhatTypeForbids(service, before);
      completeFamilies(service.spec);
      if (service.spec.type !== "LoadBalancer" && before.spec.type === "LoadBalancer")
        service.status = { loadBalancer: {} };
    },
    validateCreate: (_context, object) => allocationErrors(allocators, asService(object)),
    validateUpdate: (_context, object, _old, subresource) =>
      subresource === "status" ? [] : allocationErrors(allocators, asService(object)),
    begin(_context, object, old) {
      const before = old === undefined ? [] : holdings(asService(old));
      if (object === undefined) {
        const owner = old === undefined ? "" : ownerOf(asService(old));
        return { commit: () => before.forEach((key) => allocators.release(key, owner)), rollback: () => {} };
      }
      const service = asService(object);
      const owner = ownerOf(service);
      const taken: string[] = [];
      const take = (key: string): void => {
        if (before.includes(key)) return;
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
      const after = new Set(holdings(service));
      return {
        commit: () =>
          before.filter((key) => !after.has(key)).forEach((key) => allocators.release(key, owner)),
        rollback,
      };
    },
  };
}

const asService = (object: UnstructuredObject): Service => object as unknown as Service;

const needsAddress = ({ type, clusterIP }: ServiceSpec): boolean =>
  type !== "ExternalName" && clusterIP !== "None";

const needsNodePorts = ({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean =>
  type === "NodePort" || (type === "LoadBalancer" && allocateLoadBalancerNodePorts !== false);

/** `clusterIP` and `clusterIPs[0]` are one thing; families follow from them. This cluster has IPv4 alone. */
function completeFamilies(spec: ServiceSpec): void {
  if (spec.type === "ExternalName") return;
  if (spec.clusterIP !== undefined && spec.clusterIP !== "" && (spec.clusterIPs ?? []).length === 0) {
    spec.clusterIPs = [spec.clusterIP];
  }
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

/** An update that leaves allocated values out means to keep them. */
function keepAllocated(spec: ServiceSpec, before: ServiceSpec): void {
  if (needsAddress(spec) && needsAddress(before) && before.clusterIP !== undefined) {
    if (spec.clusterIP === undefined || spec.clusterIP === "") {
      spec.clusterIP = before.clusterIP;
      spec.clusterIPs ??= before.clusterIPs;
    }
    spec.clusterIPs ??= before.clusterIPs;
  }
  if (spec.type === before.type || needsNodePorts(spec)) {
    spec.ipFamilies ??= before.ipFamilies;
    spec.ipFamilyPolicy ??= before.ipFamilyPolicy;
  }
  if (needsNodePorts(spec) && needsNodePorts(before)) {
    const used = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort).filter(Boolean));
    for (const port of spec.ports ?? []) {
      if (port.nodePort !== undefined && port.nodePort !== 0) continue;
      const same = before.ports?.find((candidate) => isSamePort(candidate, port));
      if (same?.nodePort === undefined || used.has(same.nodePort)) continue;
      port.nodePort = same.nodePort;
      used.add(same.nodePort);
    }
  }
  if (needsHealthCheck(spec) && needsHealthCheck(before))
    spec.healthCheckNodePort ??= before.healthCheckNodePort;
}

const isSamePort = (a: ServicePort, b: ServicePort): boolean =>
  (a.protocol ?? "TCP") === (b.protocol ?? "TCP") && a.port === b.port;

const needsHealthCheck = ({ type, externalTrafficPolicy }: ServiceSpec): boolean =>
  type === "LoadBalancer" && externalTrafficPolicy === "Local";

/** Values that only the former type could have go with it, unless the client set them anew. */
function dropWhatTypeForbids(service: Service, before: Service | undefined): void {
  const { spec } = service;
  if (before !== undefined && spec.type === "ExternalName" && before.spec.type !== "ExternalName") {
    if (spec.clusterIP === before.spec.clusterIP) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    delete spec.ipFamilies;
    delete spec.ipFamilyPolicy;
    delete spec.internalTrafficPolicy;
  }
  if (before !== undefined && needsNodePorts(before.spec) && !needsNodePorts(spec)) {
    for (const port of spec.ports ?? []) {
      if (before.spec.ports?.some(({ nodePort }) => nodePort === port.nodePort) === true)
        delete port.nodePort;
    }
  }
  if (before !== undefined && needsHealthCheck(before.spec) && !needsHealthCheck(spec)) {
    if (spec.healthCheckNodePort === before.spec.healthCheckNodePort) delete spec.healthCheckNodePort;
  }
  if (before !== undefined && spec.type !== "LoadBalancer" && before.spec.type === "LoadBalancer") {
    delete spec.allocateLoadBalancerNodePorts;
    if (spec.loadBalancerClass === before.spec.loadBalancerClass) delete spec.loadBalancerClass;
  }
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
  const errors = familyErrors(spec);
  const owner = ownerOf(service);
  const { range } = allocators;
  const ips = spec.clusterIPs ?? [];
  for (const ip of ips) {
    if (ip === "" || ip === "None" || ip.includes(":") || !needsAddress(spec)) continue;
    const number = toNumber(ip);
    const where = path("spec").child("clusterIPs");
    if (number < range.first || number > range.last) {
      errors.push(
        invalid(
          where,
          ips,
          `failed to allocate IP ${ip}: the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${range.text}`,
        ),
      );
    } else if (allocators.isTaken(ipKey(ip), owner)) {
      errors.push(invalid(where, ips, `failed to allocate IP ${ip}: provided IP is already allocated`));
    }
  }
  for (const [index, { nodePort = 0, protocol = "TCP" }] of (spec.ports ?? []).entries()) {
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
    } else if (allocators.isTaken(portKey(protocol, nodePort), owner)) {
      errors.push(invalid(where, nodePort, "provided port is already allocated"));
    }
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
  if (needsNodePorts(spec)) {
    const byNumber = new Map<number, number>();
    for (const port of spec.ports ?? []) if (port.nodePort) byNumber.set(port.port, port.nodePort);
    for (const port of spec.ports ?? []) {
      if (port.nodePort !== undefined && port.nodePort !== 0) continue;
      const protocol = port.protocol ?? "TCP";
      // One number for both protocols of a port, where that is free: DNS clients expect it.
      const twin = byNumber.get(port.port);
      const free =
        twin !== undefined && !allocators.isTaken(portKey(protocol, twin), "")
          ? twin
          : allocators.freeNodePort(protocol);
      if (free === undefined) throw newInternalError("failed to allocate a nodePort: range is full");
      port.nodePort = free;
      byNumber.set(port.port, free);
      take(portKey(protocol, free));
    }
  }
  for (const { nodePort, protocol = "TCP" } of spec.ports ?? [])
    if (nodePort) take(portKey(protocol, nodePort));
  if (needsHealthCheck(spec) && !spec.healthCheckNodePort) {
    const free = allocators.freeNodePort("TCP");
    if (free === undefined) throw newInternalError("failed to allocate a healthCheckNodePort: range is full");
    spec.healthCheckNodePort = free;
    take(portKey("TCP", free));
  }
}
