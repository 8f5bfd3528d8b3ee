import { forbidden, invalid, notSupported, required, tooLong } from "../../apimachinery/field-error.ts";
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  domainPrefixedPathErrors,
  isIp,
  pathSegmentErrors,
  portErrors,
  portNameErrors,
  wildcardDns1123SubdomainErrors,
} from "../../apimachinery/names.ts";
import type {
  HTTPIngressPath,
  HTTPIngressRuleValue,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressClassParametersReference,
  IngressSpec,
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  ServiceBackendPort,
} from "../types/networking-v1.ts";
import {
  checkLabel,
  checkName,
  checkOptionalName,
  type Errors,
  immutable,
  isEmpty,
  list,
  oneOf,
  optionalOneOf,
  text,
} from "./basics.ts";
import { checkCidr, checkIp, ipBytes } from "./ip.ts";
import { checkLabelSelector } from "./label-selector.ts";
import { checkHostname } from "./service.ts";

/** Ingresses, their classes, network policies, and addresses of services (pkg/apis/networking/validation). */
const classAnnotation = "kubernetes.io/ingress.class";
const pathTypes = ["Exact", "ImplementationSpecific", "Prefix"];

export function checkIngress({ metadata, spec }: Ingress, errors: Errors, old?: Ingress): void {
  const annotation = metadata.annotations?.[classAnnotation];
  const { ingressClassName = annotation } = spec;
  checkIngressSpec(spec, leniencyFor(old), errors);
  if (old === undefined && annotation !== undefined && ingressClassName !== annotation) {
    const detail = "must match `ingressClassName` when both are specified";
    errors.push(invalid(`annotations.${classAnnotation}`, annotation, detail));
  }
}

/** What was stored before the rules came stays as it is. */
interface Leniency {
  readonly anySecretName: boolean;
  /** Rules of hosts with a wildcard were not looked at. */
  readonly anyWildcardRule: boolean;
}

function leniencyFor(old: Ingress | undefined): Leniency {
  return {
    anySecretName: list(old?.spec.tls).some(
      ({ secretName }) => !isEmpty(secretName) && dns1123SubdomainErrors(text(secretName)).length > 0,
    ),
    anyWildcardRule: list(old?.spec.rules).some(({ host, http }) => {
      const errors: Errors = [];
      checkHttp(http, "", errors);
      return text(host).includes("*") && errors.length > 0;
    }),
  };
}

function checkIngressSpec(spec: IngressSpec, lenient: Leniency, errors: Errors): void {
  if (list(spec.rules).length === 0 && spec.defaultBackend === undefined) {
    const detail = "either `defaultBackend` or `rules` must be specified";
    errors.push(invalid("spec", spec.rules ?? null, detail));
  }
  if (spec.defaultBackend !== undefined) checkBackend(spec.defaultBackend, "spec.defaultBackend", errors);
  list(spec.rules).forEach(({ host, http }, index) => {
    const path = `spec.rules[${index}]`;
    checkHost(text(host), `${path}.host`, errors);
    if (!lenient.anyWildcardRule || !text(host).includes("*")) checkHttp(http, `${path}.http`, errors);
  });
  list(spec.tls).forEach(({ hosts, secretName }, index) => {
    list(hosts).forEach((host, at) => {
      const rule = host.includes("*") ? wildcardDns1123SubdomainErrors : dns1123SubdomainErrors;
      checkName(host, rule, `spec.tls[${index}].hosts[${at}]`, errors);
    });
    if (lenient.anySecretName) return;
    checkOptionalName(secretName, dns1123SubdomainErrors, `spec.tls[${index}].secretName`, errors);
  });
  if (spec.ingressClassName !== undefined) {
    checkName(spec.ingressClassName, dns1123SubdomainErrors, "spec.ingressClassName", errors);
  }
}

function checkHttp(http: HTTPIngressRuleValue | undefined, path: string, errors: Errors): void {
  if (http === undefined) return;
  if (list(http.paths).length === 0) errors.push(required(`${path}.paths`));
  list(http.paths).forEach((one, at) => {
    checkPath(one, `${path}.paths[${at}]`, errors);
  });
}

function checkHost(host: string, path: string, errors: Errors): void {
  if (host === "") return;
  if (isIp(host)) errors.push(invalid(path, host, "must be a DNS name, not an IP address"));
  const rule = host.includes("*") ? wildcardDns1123SubdomainErrors : dns1123SubdomainErrors;
  checkName(host, rule, path, errors);
}

const badSequences = ["//", "/./", "/../", "%2f", "%2F"];
const badSuffixes = ["/..", "/."];

function checkPath(one: HTTPIngressPath, path: string, errors: Errors): void {
  const target = text(one.path);
  if (one.pathType === undefined) {
    errors.push(required(`${path}.pathType`, "pathType must be specified"));
    return;
  }
  if (one.pathType === "Exact" || one.pathType === "Prefix") {
    if (!target.startsWith("/")) {
      errors.push(invalid(`${path}.path`, target, "must be an absolute path"));
    }
    for (const part of badSequences) {
      if (target.includes(part)) errors.push(invalid(`${path}.path`, target, `must not contain '${part}'`));
    }
    for (const part of badSuffixes) {
      if (target.endsWith(part)) errors.push(invalid(`${path}.path`, target, `cannot end with '${part}'`));
    }
  } else if (one.pathType !== "ImplementationSpecific") {
    errors.push(notSupported(`${path}.pathType`, one.pathType, pathTypes));
  } else if (target !== "" && !target.startsWith("/")) {
    errors.push(invalid(`${path}.path`, target, "must be an absolute path"));
  }
  checkBackend(one.backend, `${path}.backend`, errors);
}

function checkBackend({ service, resource }: IngressBackend, path: string, errors: Errors): void {
  if (resource !== undefined && service !== undefined) {
    errors.push(invalid(path, "", "cannot set both resource and service backends"));
    return;
  }
  if (resource !== undefined) {
    const where = `${path}.resource`;
    checkReference(resource.apiGroup, resource.kind, resource.name, where, errors);
    return;
  }
  if (service === undefined) {
    errors.push(invalid(path, "", "resource or service backend is required"));
    return;
  }
  if (isEmpty(service.name)) errors.push(required(`${path}.service.name`));
  else checkName(service.name, dns1123LabelErrors, `${path}.service.name`, errors);
  checkBackendPort(service.port ?? {}, path, errors);
}

function checkBackendPort({ name, number = 0 }: ServiceBackendPort, path: string, errors: Errors): void {
  const named = text(name);
  if (named !== "" && number !== 0) {
    errors.push(invalid(path, "", "cannot set both port name & port number"));
  } else if (named !== "") {
    checkName(named, portNameErrors, `${path}.service.port.name`, errors);
  } else if (number === 0) errors.push(required(path, "port name or number is required"));
  else {
    for (const message of portErrors(number)) {
      errors.push(invalid(`${path}.service.port.number`, number, message));
    }
  }
}

function checkReference(
  apiGroup: string | undefined,
  kind: string,
  name: string,
  path: string,
  errors: Errors,
): void {
  // One that nobody set is null, as Go prints it.
  if (typeof apiGroup === "string") checkName(apiGroup, dns1123SubdomainErrors, `${path}.apiGroup`, errors);
  if (isEmpty(kind)) errors.push(required(`${path}.kind`));
  else checkName(kind, pathSegmentErrors, `${path}.kind`, errors);
  if (isEmpty(name)) errors.push(required(`${path}.name`));
  else checkName(name, pathSegmentErrors, `${path}.name`, errors);
}

export function checkIngressUpdate(ingress: Ingress, old: Ingress, errors: Errors): void {
  checkIngress(ingress, errors, old);
}

export function checkIngressStatus({ status }: Ingress, old: Ingress, errors: Errors): void {
  const known = list(old.status?.loadBalancer?.ingress).map(({ ip }) => text(ip));
  list(status?.loadBalancer?.ingress).forEach(({ ip, hostname }, index) => {
    const path = `status.loadBalancer.ingress[${index}]`;
    if (!isEmpty(ip)) checkIp(text(ip), `${path}.ip`, errors, known);
    checkHostname(text(hostname), `${path}.hostname`, errors);
  });
}

const controllerBytesMax = 250;

export function checkIngressClass({ spec }: IngressClass, errors: Errors): void {
  checkController(text(spec.controller), "spec.controller", errors);
  if (spec.parameters !== undefined) checkParameters(spec.parameters, "spec.parameters", errors);
}

function checkController(controller: string, path: string, errors: Errors): void {
  if (controller.length > controllerBytesMax) errors.push(tooLong(path, controllerBytesMax));
  if (controller === "") errors.push(required(path));
  else checkName(controller, domainPrefixedPathErrors, path, errors);
}

function checkParameters(reference: IngressClassParametersReference, path: string, errors: Errors): void {
  const { apiGroup, kind, name, scope, namespace } = reference;
  checkReference(apiGroup, kind, name, path, errors);
  if (scope === undefined) {
    errors.push(required(`${path}.scope`));
    return;
  }
  oneOf(scope, ["Cluster", "Namespace"], `${path}.scope`, errors);
  if (scope === "Namespace" && namespace === undefined) {
    const detail = "`parameters.scope` is set to 'Namespace'";
    errors.push(required(`${path}.namespace`, detail));
  } else if (scope === "Namespace") checkLabel(namespace, `${path}.namespace`, errors);
  else if (scope === "Cluster" && namespace !== undefined) {
    errors.push(forbidden(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'"));
  }
}

export function checkIngressClassUpdate(now: IngressClass, old: IngressClass, errors: Errors): void {
  immutable(text(now.spec.controller), text(old.spec.controller), "spec.controller", errors);
  checkIngressClass(now, errors);
}

export function checkNetworkPolicy({ spec }: NetworkPolicy, errors: Errors, old?: NetworkPolicy): void {
  const known = old === undefined ? [] : rangesOf(old);
  checkLabelSelector(spec.podSelector, "spec.podSelector", errors);
  list(spec.ingress).forEach(({ ports, from }, index) => {
    const path = `spec.ingress[${index}]`;
    checkPolicyPorts(ports, `${path}.ports`, errors);
    checkPeers(from, known, `${path}.from`, errors);
  });
  list(spec.egress).forEach(({ ports, to }, index) => {
    const path = `spec.egress[${index}]`;
    checkPolicyPorts(ports, `${path}.ports`, errors);
    checkPeers(to, known, `${path}.to`, errors);
  });
  const types = list(spec.policyTypes);
  if (types.length > 2) {
    errors.push(invalid("spec.policyTypes", types, "may not specify more than two policyTypes"));
    return;
  }
  types.forEach((type, index) => {
    oneOf(type, ["Ingress", "Egress"], `spec.policyTypes[${index}]`, errors);
  });
}

function rangesOf({ spec }: NetworkPolicy): string[] {
  const peers = [...list(spec.ingress).map(({ from }) => from), ...list(spec.egress).map(({ to }) => to)];
  return peers.flatMap((some) =>
    list(some).flatMap(({ ipBlock }) =>
      ipBlock === undefined ? [] : [ipBlock.cidr, ...list(ipBlock.except)],
    ),
  );
}

function checkPolicyPorts(
  ports: readonly NetworkPolicyPort[] | undefined,
  path: string,
  errors: Errors,
): void {
  list(ports).forEach(({ protocol, port, endPort }, index) => {
    const where = `${path}[${index}]`;
    optionalOneOf(protocol, ["TCP", "UDP", "SCTP"], `${where}.protocol`, errors);
    if (typeof port === "number") {
      for (const message of portErrors(port)) errors.push(invalid(`${where}.port`, port, message));
      if (endPort === undefined) return;
      if (endPort < port) {
        const detail = "must be greater than or equal to `port`";
        errors.push(invalid(`${where}.endPort`, port, detail));
      }
      for (const message of portErrors(endPort)) errors.push(invalid(`${where}.endPort`, endPort, message));
    } else if (port === undefined) {
      if (endPort === undefined) return;
      errors.push(invalid(`${where}.endPort`, endPort, "may not be specified when `port` is not specified"));
    } else {
      if (endPort !== undefined) {
        const detail = "may not be specified when `port` is non-numeric";
        errors.push(invalid(`${where}.endPort`, endPort, detail));
      }
      checkName(port, portNameErrors, `${where}.port`, errors);
    }
  });
}

function checkPeers(
  peers: readonly NetworkPolicyPeer[] | undefined,
  known: readonly string[],
  path: string,
  errors: Errors,
): void {
  list(peers).forEach(({ podSelector, namespaceSelector, ipBlock }, index) => {
    const where = `${path}[${index}]`;
    checkLabelSelector(podSelector, `${where}.podSelector`, errors);
    checkLabelSelector(namespaceSelector, `${where}.namespaceSelector`, errors);
    if (ipBlock !== undefined) checkIpBlock(ipBlock, known, `${where}.ipBlock`, errors);
    const hasSelector = podSelector !== undefined || namespaceSelector !== undefined;
    if (!hasSelector && ipBlock === undefined) errors.push(required(where, "must specify a peer"));
    else if (hasSelector && ipBlock !== undefined) {
      errors.push(forbidden(where, "may not specify both ipBlock and another peer"));
    }
  });
}

function checkIpBlock(
  { cidr, except }: IPBlock,
  known: readonly string[],
  path: string,
  errors: Errors,
): void {
  if (isEmpty(cidr)) {
    errors.push(required(`${path}.cidr`));
    return;
  }
  if (!checkCidr(cidr, `${path}.cidr`, errors, known)) return;
  list(except).forEach((range, index) => {
    const where = `${path}.except[${index}]`;
    if (!checkCidr(range, where, errors, known) || isWithin(range, cidr)) return;
    errors.push(invalid(where, range, `must be a strict subset of \`cidr\``));
  });
}

/** The inner range is part of the outer one, and smaller. */
function isWithin(inner: string, outer: string): boolean {
  const [innerAddress = "", innerBits = ""] = inner.split("/");
  const [outerAddress = "", outerBits = ""] = outer.split("/");
  const a = ipBytes(innerAddress);
  const b = ipBytes(outerAddress);
  const bits = Number(outerBits);
  if (a.length !== b.length || Number(innerBits) <= bits) return false;
  return a.every((byte, index) => {
    const kept = Math.min(Math.max(bits - index * 8, 0), 8);
    const mask = (0xff00 >> kept) & 0xff;
    return (byte & mask) === ((b[index] ?? 0) & mask);
  });
}
