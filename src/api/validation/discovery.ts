import { duplicate, invalid, notSupported, required, tooMany } from "../../apimachinery/field-error.ts";
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  isIpv4,
  isIpv6,
  labelValueErrors,
  qualifiedNameErrors,
} from "../../apimachinery/names.ts";
import type { Endpoint, EndpointPort, EndpointSlice } from "../types/discovery-v1.ts";
import {
  checkName,
  type Errors,
  entries,
  immutable,
  isEmpty,
  list,
  requiredOneOf,
  same,
  text,
} from "./basics.ts";
import { checkIp, checkNonSpecialIp } from "./ip.ts";

/** Endpoint slices (mirrors pkg/apis/discovery/validation). */
const addressTypes = ["FQDN", "IPv4", "IPv6"];
const addressesMax = 100;
const endpointsMax = 1000;
const portsMax = 20_000;
const hintsMax = 8;
const topologyMax = 16;

export function checkEndpointSlice(slice: EndpointSlice, errors: Errors, old?: EndpointSlice): void {
  requiredOneOf(slice.addressType, addressTypes, "addressType", errors);
  checkPorts(list(slice.ports), errors);
  const before = errors.length;
  const endpoints = list(slice.endpoints);
  if (endpoints.length > endpointsMax) errors.push(tooMany("endpoints", endpoints.length, endpointsMax));
  else {
    endpoints.forEach((endpoint, index) => {
      checkEndpoint(endpoint, slice.addressType, `endpoints[${index}]`, errors);
    });
  }
  // What was stored as it is may stay, whatever the rules of then were.
  if (errors.length > before && old !== undefined && same(slice.endpoints, old.endpoints))
    errors.length = before;
}

function checkEndpoint(endpoint: Endpoint, addressType: string, path: string, errors: Errors): void {
  const addresses = list(endpoint.addresses);
  if (addresses.length === 0) {
    errors.push(required(`${path}.addresses`, "must contain at least 1 address"));
  } else if (addresses.length > addressesMax) {
    errors.push(tooMany(`${path}.addresses`, addresses.length, addressesMax));
  }
  addresses.forEach((address, index) => {
    checkAddress(address, addressType, `${path}.addresses`, index, errors);
  });
  if (endpoint.nodeName !== undefined) {
    checkName(endpoint.nodeName, dns1123SubdomainErrors, `${path}.nodeName`, errors);
  }
  checkTopology(endpoint, `${path}.deprecatedTopology`, errors);
  if (endpoint.hostname !== undefined) {
    checkName(endpoint.hostname, dns1123LabelErrors, `${path}.hostname`, errors);
  }
  for (const field of ["forZones", "forNodes"] as const) {
    checkHints(list(endpoint.hints?.[field]), field, `${path}.hints.${field}`, errors);
  }
}

function checkAddress(
  address: string,
  addressType: string,
  list: string,
  index: number,
  errors: Errors,
): void {
  const path = `${list}[${index}]`;
  if (addressType === "FQDN") {
    checkName(address.replace(/\.$/, ""), dns1123SubdomainErrors, path, errors);
    if (!address.replace(/\.$/, "").includes(".")) {
      errors.push(invalid(path, address, "should be a domain with at least two segments separated by dots"));
    }
    return;
  }
  if (addressType !== "IPv4" && addressType !== "IPv6") return;
  if (!checkIp(address, path, errors)) return;
  if (addressType === "IPv4" ? !isIpv4(address) : !isIpv6(address)) {
    errors.push(invalid(list, address, `must be an ${addressType} address`));
  }
  checkNonSpecialIp(address, path, errors);
}

function checkTopology({ deprecatedTopology }: Endpoint, path: string, errors: Errors): void {
  const pairs = entries(deprecatedTopology);
  if (pairs.length > topologyMax) errors.push(tooMany(path, pairs.length, topologyMax));
  for (const [key, value] of pairs) {
    checkName(key, qualifiedNameErrors, path, errors);
    checkName(value, labelValueErrors, path, errors);
  }
}

function checkHints(
  hints: readonly { readonly name: string }[],
  field: "forZones" | "forNodes",
  path: string,
  errors: Errors,
): void {
  if (hints.length > hintsMax) {
    errors.push(tooMany(path, hints.length, hintsMax));
    return;
  }
  const seen = new Set<string>();
  hints.forEach(({ name }, index) => {
    const where = `${path}[${index}].name`;
    if (seen.has(name)) errors.push(duplicate(where, name));
    seen.add(name);
    checkName(name, field === "forZones" ? labelValueErrors : dns1123SubdomainErrors, where, errors);
  });
}

function checkPorts(ports: readonly EndpointPort[], errors: Errors): void {
  if (ports.length > portsMax) {
    errors.push(tooMany("ports", ports.length, portsMax));
    return;
  }
  const names = new Set<string>();
  ports.forEach(({ name, protocol, appProtocol }, index) => {
    const path = `ports[${index}]`;
    if (!isEmpty(name)) checkName(text(name), dns1123LabelErrors, `${path}.name`, errors);
    if (names.has(text(name))) errors.push(duplicate(`${path}.name`, text(name)));
    names.add(text(name));
    if (protocol === undefined) errors.push(required(`${path}.protocol`));
    else if (protocol !== "TCP" && protocol !== "UDP" && protocol !== "SCTP") {
      errors.push(notSupported(`${path}.protocol`, protocol, ["SCTP", "TCP", "UDP"]));
    }
    if (appProtocol !== undefined) {
      checkName(appProtocol, qualifiedNameErrors, `${path}.appProtocol`, errors);
    }
  });
}

export function checkEndpointSliceUpdate(slice: EndpointSlice, old: EndpointSlice, errors: Errors): void {
  checkEndpointSlice(slice, errors, old);
  immutable(slice.addressType, old.addressType, "addressType", errors);
}
