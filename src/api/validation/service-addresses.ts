import { invalid, required } from "../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors, isCidr, pathSegmentErrors } from "../../apimachinery/names.ts";
import type { IPAddress, ServiceCIDR } from "../types/networking-v1.ts";
import {
  checkName,
  checkOptionalName,
  type Errors,
  immutable,
  isEmpty,
  list,
  type ObjectNameRule,
} from "./basics.ts";
import { canonicalCidr, canonicalIp, checkCidr, checkIp, isDualStack } from "./ip.ts";

/** The ranges that Services have their addresses from, and each address that is taken (pkg/apis/networking/validation). */

/** Newer kinds take addresses in their one spelling only. */
export const nameIsIp: ObjectNameRule = (name) => {
  const errors: Errors = [];
  if (checkIp(name, "", errors)) checkSpelling(name, canonicalIp(name), "", errors);
  return errors.map(({ detail }) => detail);
};

function checkSpelling(value: string, canonical: string, path: string, errors: Errors): void {
  if (value === canonical) return;
  errors.push(invalid(path, value, `must be in canonical form (${JSON.stringify(canonical)})`));
}

function checkStrictCidr(value: string, path: string, errors: Errors): void {
  if (checkCidr(value, path, errors)) checkSpelling(value, canonicalCidr(value), path, errors);
}

export function checkIpAddress({ spec }: IPAddress, errors: Errors): void {
  const reference = spec.parentRef;
  if (reference === undefined) {
    errors.push(required("spec.parentRef"));
    return;
  }
  const path = "spec.parentRef";
  checkOptionalName(reference.group, dns1123SubdomainErrors, `${path}.group`, errors);
  if (isEmpty(reference.resource)) errors.push(required(`${path}.resource`));
  else checkName(reference.resource, pathSegmentErrors, `${path}.resource`, errors);
  if (isEmpty(reference.name)) errors.push(required(`${path}.name`));
  else checkName(reference.name, pathSegmentErrors, `${path}.name`, errors);
  checkOptionalName(reference.namespace, pathSegmentErrors, `${path}.namespace`, errors);
}

export function checkIpAddressUpdate(now: IPAddress, old: IPAddress, errors: Errors): void {
  checkIpAddress(now, errors);
  immutable(now.spec.parentRef, old.spec.parentRef, "spec.parentRef", errors);
}

export function checkServiceCidr({ spec }: ServiceCIDR, errors: Errors): void {
  const ranges = list(spec.cidrs);
  const path = "spec.cidrs";
  if (ranges.length === 0) errors.push(required(path, "at least one CIDR required"));
  else if (ranges.length > 2) {
    // It shows the whole, with the field under the name that Go has for it.
    errors.push(invalid(path, { CIDRs: ranges }, "may only hold up to 2 values"));
  } else {
    ranges.forEach((range, index) => {
      checkStrictCidr(range, `${path}[${index}]`, errors);
    });
    if (ranges.length === 1 || ranges.some((range) => !isCidr(range)) || isDualStack(ranges)) return;
    const detail = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
    errors.push(invalid(path, ranges, detail));
  }
}

/** A second family may join the first; nothing else changes. */
export function checkServiceCidrUpdate(now: ServiceCIDR, old: ServiceCIDR, errors: Errors): void {
  const [ranges, before] = [list(now.spec.cidrs), list(old.spec.cidrs)];
  const grows = before.length === 1 && ranges.length === 2;
  if (!grows && ranges.length !== before.length) {
    immutable(now.spec.cidrs, old.spec.cidrs, "spec.cidrs", errors);
    return;
  }
  before.forEach((range, index) => {
    immutable(ranges[index], range, `spec.cidrs[${index}]`, errors);
  });
  if (grows) checkServiceCidr(now, errors);
}
