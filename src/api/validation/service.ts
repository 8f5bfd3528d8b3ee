import { duplicate, forbidden, invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors, isIp, portErrors, qualifiedNameErrors } from "../../apimachinery/names.ts";
import type { LoadBalancerIngress, Service, ServicePort, ServiceSpec } from "../types/core-v1.ts";
import {
  checkLabel,
  checkName,
  checkSubdomain,
  type Errors,
  isEmpty,
  list,
  oneOf,
  requiredOneOf,
  same,
  text,
} from "./basics.ts";
import { checkCidr, checkIp, checkNonSpecialIp, isDualStack, isIpv6Address } from "./ip.ts";
import { checkLabels } from "./label-selector.ts";
import { checkProtocol } from "./pod/containers.ts";
import { checkPortNumberOrName } from "./pod/probes.ts";

/** Services (mirrors ValidateService of pkg/apis/core/validation). */
const topologyHints = "service.kubernetes.io/topology-aware-hints";
const topologyMode = "service.kubernetes.io/topology-mode";
const sourceRanges = "service.beta.kubernetes.io/load-balancer-source-ranges";
const types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const onlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'";

const isHeadless = ({ clusterIPs }: ServiceSpec): boolean =>
  clusterIPs !== undefined && clusterIPs.length === 1 && clusterIPs[0] === "None";

const isNotClusterIp = (type: string | undefined): boolean => type === "NodePort" || type === "LoadBalancer";

/** `old` holds addresses that may keep the form in which they were stored. */
/** What is looked at before addresses are handed out: with such a fault nothing else is looked at. */
export function serviceAddressErrors({ spec }: Service, old: Service | undefined): Errors {
  const errors: Errors = [];
  if (spec.type !== "ExternalName") checkClusterIps(spec, old?.spec, errors);
  return errors;
}

export function checkService(service: Service, errors: Errors, old?: Service): void {
  const { spec } = service;
  checkTopologyAnnotations(service.metadata.annotations, errors);
  if (list(spec.ports).length === 0 && !isHeadless(spec) && spec.type !== "ExternalName") {
    errors.push(required("spec.ports"));
  }
  checkType(spec, errors);
  checkPorts(spec, errors);
  checkLabels(spec.selector, "spec.selector", errors);
  checkAffinity(spec, errors);
  checkClusterIps(spec, old?.spec, errors);
  list(spec.externalIPs).forEach((address, index) => {
    const path = `spec.externalIPs[${index}]`;
    if (checkIp(address, path, errors, old?.spec.externalIPs)) checkNonSpecialIp(address, path, errors);
  });
  requiredOneOf(spec.type, types, "spec.type", errors);
  checkNodePorts(spec, errors);
  checkSourceRanges(service, old, errors);
  if (spec.allocateLoadBalancerNodePorts !== undefined && spec.type !== "LoadBalancer") {
    errors.push(forbidden("spec.allocateLoadBalancerNodePorts", onlyLoadBalancer));
  }
  if (spec.allocateLoadBalancerNodePorts === undefined && spec.type === "LoadBalancer") {
    errors.push(required("allocateLoadBalancerNodePorts"));
  }
  checkLoadBalancerClass(spec, undefined, errors);
  checkTrafficPolicies(spec, errors);
}

function checkTopologyAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  errors: Errors,
): void {
  const hints = annotations?.[topologyHints];
  const mode = annotations?.[topologyMode];
  if (hints === undefined || mode === undefined || hints === mode) return;
  const detail = `must match annotations[${topologyHints}] when both are specified`;
  errors.push(invalid(`metadata.annotations[${topologyMode}]`, mode, detail));
}

function checkType(spec: ServiceSpec, errors: Errors): void {
  if (isNotClusterIp(spec.type) && isHeadless(spec)) {
    const detail = `may not be set to 'None' for ${spec.type} services`;
    errors.push(invalid("spec.clusterIPs[0]", "None", detail));
  }
  if (spec.type !== "ExternalName") return;
  const detail = "may not be set for ExternalName services";
  if (list(spec.clusterIPs).length > 0) errors.push(forbidden("spec.clusterIPs", detail));
  if (list(spec.ipFamilies).length > 0) errors.push(forbidden("spec.ipFamilies", detail));
  if (spec.ipFamilyPolicy !== undefined) errors.push(forbidden("spec.ipFamilyPolicy", detail));
  const name = text(spec.externalName).replace(/\.$/, "");
  if (name === "") errors.push(required("spec.externalName"));
  else checkSubdomain(name, "spec.externalName", errors);
}

function checkPorts(spec: ServiceSpec, errors: Errors): void {
  const ports = list(spec.ports);
  const names = new Set<string>();
  ports.forEach((port, index) => {
    checkPort(port, ports.length > 1, names, `spec.ports[${index}]`, errors);
  });
}

function checkPort(
  port: ServicePort,
  needsName: boolean,
  names: Set<string>,
  path: string,
  errors: Errors,
): void {
  const name = text(port.name);
  if (name !== "") {
    checkLabel(name, `${path}.name`, errors);
    if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    names.add(name);
  } else if (needsName) errors.push(required(`${path}.name`));
  for (const message of portErrors(port.port)) errors.push(invalid(`${path}.port`, port.port, message));
  checkProtocol(port.protocol, `${path}.protocol`, errors);
  checkPortNumberOrName(port.targetPort, `${path}.targetPort`, errors);
  if (port.appProtocol !== undefined) {
    checkName(port.appProtocol, qualifiedNameErrors, `${path}.appProtocol`, errors);
  }
}

const affinitySecondsMax = 86_400;

function checkAffinity({ sessionAffinity, sessionAffinityConfig }: ServiceSpec, errors: Errors): void {
  requiredOneOf(sessionAffinity, ["ClientIP", "None"], "spec.sessionAffinity", errors);
  const path = "spec.sessionAffinityConfig";
  if (sessionAffinity === "None" && sessionAffinityConfig !== undefined) {
    errors.push(forbidden(path, "must not be set when session affinity is None"));
  }
  if (sessionAffinity !== "ClientIP") return;
  const detail = "when session affinity type is ClientIP";
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (sessionAffinityConfig === undefined) errors.push(required(path, detail));
  else if (sessionAffinityConfig.clientIP === undefined) errors.push(required(`${path}.clientIP`, detail));
  else if (seconds === undefined) errors.push(required(`${path}.clientIP.timeoutSeconds`, detail));
  else if (seconds <= 0 || seconds > affinitySecondsMax) {
    const range = `must be greater than 0 and less than ${affinitySecondsMax}`;
    errors.push(invalid(`${path}.clientIP.timeoutSeconds`, seconds, range));
  }
}

const families = ["IPv4", "IPv6"];
const familyPolicies = ["PreferDualStack", "RequireDualStack", "SingleStack"];

function checkClusterIps(spec: ServiceSpec, old: ServiceSpec | undefined, errors: Errors): void {
  if (spec.type === "ExternalName") return;
  const path = "spec.clusterIPs";
  const addresses = list(spec.clusterIPs);
  if (!isEmpty(spec.clusterIP)) {
    if (addresses.length === 0) errors.push(required(path));
    else if (addresses[0] !== spec.clusterIP) {
      errors.push(invalid(path, addresses, "first value must match `clusterIP`"));
    }
  } else if (addresses.length > 0) {
    errors.push(invalid(path, addresses, "must be empty when `clusterIP` is not specified"));
  }
  const seen = new Set<string>();
  list(spec.ipFamilies).forEach((family, index) => {
    oneOf(family, families, `spec.ipFamilies[${index}]`, errors);
    if (seen.has(family)) errors.push(duplicate(`spec.ipFamilies[${index}]`, family));
    seen.add(family);
  });
  if (spec.ipFamilyPolicy !== undefined) {
    oneOf(spec.ipFamilyPolicy, familyPolicies, "spec.ipFamilyPolicy", errors);
  }
  if (checkAddresses(addresses, old, path, errors)) checkAddressFamilies(spec, addresses, path, errors);
}

/** True when all are addresses, so that families can be compared. */
function checkAddresses(
  addresses: readonly string[],
  old: ServiceSpec | undefined,
  path: string,
  errors: Errors,
): boolean {
  let isSound = true;
  addresses.forEach((address, index) => {
    if (index > 0 || address !== "None") {
      isSound = checkIp(address, `${path}[${index}]`, errors, old?.clusterIPs) && isSound;
    } else if (addresses.length > 1) {
      isSound = false;
      errors.push(invalid(path, addresses, "'None' must be the first and only value"));
    }
  });
  if (addresses.length > 2) errors.push(invalid(path, addresses, "may only hold up to 2 values"));
  return isSound;
}

function checkAddressFamilies(
  spec: ServiceSpec,
  addresses: readonly string[],
  path: string,
  errors: Errors,
): void {
  if (addresses.length > 1 && !isDualStack(addresses)) {
    errors.push(invalid(path, addresses, "may specify no more than one IP for each IP family"));
  }
  if (isHeadless(spec)) return;
  addresses.forEach((address, index) => {
    const family = list(spec.ipFamilies)[index];
    if (family === undefined || (family === "IPv6") === isIpv6Address(address)) return;
    const detail = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``;
    errors.push(invalid(`${path}[${index}]`, address, detail));
  });
}

function checkNodePorts(spec: ServiceSpec, errors: Errors): void {
  const nodePorts = new Set<string>();
  const ports = new Set<string>();
  list(spec.ports).forEach(({ nodePort }, index) => {
    if (spec.type !== "ClusterIP" || (nodePort ?? 0) === 0) return;
    const detail = "may not be used when `type` is 'ClusterIP'";
    errors.push(forbidden(`spec.ports[${index}].nodePort`, detail));
  });
  list(spec.ports).forEach(({ nodePort = 0, protocol }, index) => {
    if (nodePort === 0) return;
    const key = `${protocol}/${nodePort}`;
    if (nodePorts.has(key)) errors.push(duplicate(`spec.ports[${index}].nodePort`, nodePort));
    nodePorts.add(key);
  });
  list(spec.ports).forEach(({ port, protocol }, index) => {
    const key = `${protocol}/${port}`;
    if (ports.has(key)) errors.push(duplicate(`spec.ports[${index}]`, { protocol, port }));
    ports.add(key);
  });
}

function checkSourceRanges({ metadata, spec }: Service, old: Service | undefined, errors: Errors): void {
  const ranges = list(spec.loadBalancerSourceRanges);
  const annotation = metadata.annotations?.[sourceRanges];
  if (ranges.length > 0) {
    const path = "spec.LoadBalancerSourceRanges";
    if (spec.type !== "LoadBalancer") errors.push(forbidden(path, onlyLoadBalancer));
    const known = old?.spec.loadBalancerSourceRanges?.map((range) => range.trim());
    ranges.forEach((range, index) => {
      checkCidr(range.trim(), `${path}[${index}]`, errors, known);
    });
  } else if (annotation !== undefined) {
    const path = `metadata.annotations[${sourceRanges}]`;
    if (spec.type !== "LoadBalancer") errors.push(forbidden(path, onlyLoadBalancer));
    if (annotation.trim() === "" || annotation === old?.metadata.annotations?.[sourceRanges]) return;
    for (const range of annotation.split(",")) checkCidr(range.trim(), path, errors);
  }
}

function checkLoadBalancerClass(spec: ServiceSpec, old: ServiceSpec | undefined, errors: Errors): void {
  const path = "spec.loadBalancerClass";
  const name = spec.loadBalancerClass;
  const wasBalancer = old?.type === "LoadBalancer" && spec.type === "LoadBalancer";
  if (wasBalancer && old.loadBalancerClass !== name) {
    errors.push(invalid(path, name, "may not change once set"));
  }
  if (name === undefined) return;
  if (spec.type === "LoadBalancer") checkName(name, qualifiedNameErrors, path, errors);
  else errors.push(forbidden(path, onlyLoadBalancer));
}

const isExternallyAccessible = ({ type, externalIPs }: ServiceSpec): boolean =>
  isNotClusterIp(type) || (type === "ClusterIP" && list(externalIPs).length > 0);

const needsHealthCheck = ({ type, externalTrafficPolicy }: ServiceSpec): boolean =>
  type === "LoadBalancer" && externalTrafficPolicy === "Local";

const distributions = ["PreferClose", "PreferSameZone", "PreferSameNode"];

function checkTrafficPolicies(spec: ServiceSpec, errors: Errors): void {
  const external = text(spec.externalTrafficPolicy);
  const path = "spec.externalTrafficPolicy";
  if (isExternallyAccessible(spec)) requiredOneOf(external, ["Cluster", "Local"], path, errors);
  else if (external !== "") {
    errors.push(invalid(path, external, "may only be set for externally-accessible services"));
  }
  checkHealthCheckPort(spec, errors);
  const internal = spec.internalTrafficPolicy;
  if (internal !== undefined) oneOf(internal, ["Cluster", "Local"], "spec.internalTrafficPolicy", errors);
  else if (isNotClusterIp(spec.type) || spec.type === "ClusterIP") {
    errors.push(required("spec.internalTrafficPolicy"));
  }
  if (spec.trafficDistribution !== undefined && !distributions.includes(spec.trafficDistribution)) {
    errors.push(notSupported("spec.trafficDistribution", spec.trafficDistribution, distributions));
  }
}

/** A port that is missing is no error here: it is allocated after validation. */
function checkHealthCheckPort(spec: ServiceSpec, errors: Errors): void {
  const port = spec.healthCheckNodePort ?? 0;
  const path = "spec.healthCheckNodePort";
  if (port === 0) return;
  if (needsHealthCheck(spec)) {
    for (const message of portErrors(port)) errors.push(invalid(path, port, message));
  } else {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalid(path, port, detail));
  }
}

export function checkServiceUpdate(service: Service, old: Service, errors: Errors): void {
  const { spec } = service;
  const before = old.spec;
  if (spec.type !== "ExternalName" && before.type !== "ExternalName") {
    checkKeptAddresses(spec, before, errors);
    checkKeptFamilies(spec, before, errors);
  }
  checkLoadBalancerClass(spec, before, errors);
  if (needsHealthCheck(before) && needsHealthCheck(spec)) {
    if ((spec.healthCheckNodePort ?? 0) !== (before.healthCheckNodePort ?? 0)) {
      errors.push(forbidden("spec.healthCheckNodePort", "field is immutable"));
    }
  }
  checkService(service, errors, old);
}

/** The first address stays; the second may come and go. */
function checkKeptAddresses(spec: ServiceSpec, old: ServiceSpec, errors: Errors): void {
  if (isHeadless(spec) && isHeadless(old)) return;
  const addresses = list(spec.clusterIPs);
  const before = list(old.clusterIPs);
  const changed = (index: number): void => {
    errors.push(invalid(`spec.clusterIPs[${index}]`, addresses, "may not change once set"));
  };
  if (addresses.length === before.length) {
    before.forEach((address, index) => {
      if (address !== addresses[index]) changed(index);
    });
    return;
  }
  if (addresses.length === 0) {
    errors.push(invalid("spec.clusterIPs[0]", addresses, "primary clusterIP can not be unset"));
  } else if (before.length > 0 && addresses[0] !== before[0]) changed(0);
  if (before.length > addresses.length && addresses.length === 1) checkReleased(spec, "clusterIP", errors);
}

function checkReleased({ ipFamilyPolicy }: ServiceSpec, what: string, errors: Errors): void {
  if (ipFamilyPolicy === "SingleStack") return;
  const detail = `must be set to 'SingleStack' when releasing the secondary ${what}`;
  errors.push(invalid("spec.ipFamilyPolicy", ipFamilyPolicy, detail));
}

function checkKeptFamilies(spec: ServiceSpec, old: ServiceSpec, errors: Errors): void {
  if (isHeadless(spec) || isHeadless(old)) return;
  const now = list(spec.ipFamilies);
  const before = list(old.ipFamilies);
  const path = "spec.ipFamilies[0]";
  if (now.length === before.length) {
    if (!same(now, before)) errors.push(invalid(path, now, "may not change once set"));
    return;
  }
  if (before.length > now.length && list(spec.clusterIPs).length === 0) {
    errors.push(invalid(path, now, "primary ipFamily can not be unset"));
  }
  if (before.length > 0 && now.length > 0 && now[0] !== before[0]) {
    errors.push(invalid(path, list(spec.clusterIPs), "may not change once set"));
  }
  if (before.length > now.length && now.length === 1) checkReleased(spec, "ipFamily", errors);
}

export function checkServiceStatus({ status }: Service, old: Service, errors: Errors): void {
  const known = list(old.status?.loadBalancer?.ingress).map(({ ip }) => text(ip));
  const path = "status.loadBalancer.ingress";
  const { spec } = old;
  const ingress = list(status?.loadBalancer?.ingress);
  if (spec.type !== "LoadBalancer" && ingress.length > 0) {
    errors.push(forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'"));
    return;
  }
  checkLoadBalancerIngress(ingress, known, path, errors);
}

export function checkLoadBalancerIngress(
  ingress: readonly LoadBalancerIngress[],
  known: readonly string[],
  path: string,
  errors: Errors,
): void {
  ingress.forEach(({ ip, ipMode, hostname }, index) => {
    const where = `${path}[${index}]`;
    if (!isEmpty(ip)) checkIp(text(ip), `${where}.ip`, errors, known);
    if (ipMode === undefined) {
      if (!isEmpty(ip)) errors.push(required(`${where}.ipMode`, "must be specified when `ip` is set"));
    } else if (isEmpty(ip)) {
      errors.push(forbidden(`${where}.ipMode`, "may not be specified when `ip` is not set"));
    } else oneOf(ipMode, ["Proxy", "VIP"], `${where}.ipMode`, errors);
    checkHostname(text(hostname), `${where}.hostname`, errors);
  });
}

export function checkHostname(hostname: string, path: string, errors: Errors): void {
  if (hostname === "") return;
  checkName(hostname, dns1123SubdomainErrors, path, errors);
  if (isIp(hostname)) errors.push(invalid(path, hostname, "must be a DNS name, not an IP address"));
}
