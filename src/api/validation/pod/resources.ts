import {
  duplicate,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
} from "../../../apimachinery/field-error.ts";
import { qualifiedNameErrors } from "../../../apimachinery/names.ts";
import type { Quantity } from "../../../apimachinery/quantity.ts";
import type { Container, PodSpec, ResourceClaim, ResourceRequirements } from "../../types/core-v1.ts";
import { checkLabel, type Errors, isNegativeMessage, list, quantity, text, zero } from "../basics.ts";

/** Names and quantities of resources (mirrors pkg/apis/core/helper and the resource rules of core validation). */
const standardContainerResources = new Set(["cpu", "memory", "ephemeral-storage"]);

const standardResources = new Set([
  "cpu",
  "memory",
  "ephemeral-storage",
  "requests.cpu",
  "requests.memory",
  "requests.ephemeral-storage",
  "limits.cpu",
  "limits.memory",
  "limits.ephemeral-storage",
  "pods",
  "resourcequotas",
  "services",
  "replicationcontrollers",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "storage",
  "requests.storage",
  "services.nodeports",
  "services.loadbalancers",
]);

const quotaResources = new Set([
  "cpu",
  "memory",
  "ephemeral-storage",
  "requests.cpu",
  "requests.memory",
  "requests.storage",
  "requests.ephemeral-storage",
  "limits.cpu",
  "limits.memory",
  "limits.ephemeral-storage",
  "pods",
  "resourcequotas",
  "services",
  "replicationcontrollers",
  "secrets",
  "persistentvolumeclaims",
  "configmaps",
  "services.nodeports",
  "services.loadbalancers",
]);

const integerResources = new Set([
  "pods",
  "resourcequotas",
  "services",
  "replicationcontrollers",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "services.nodeports",
  "services.loadbalancers",
]);

export const isHugePages = (name: string): boolean => name.startsWith("hugepages-");
const isQuotaHugePages = (name: string): boolean =>
  isHugePages(name) || name.startsWith("requests.hugepages-");

const isStandard = (name: string): boolean => standardResources.has(name) || isQuotaHugePages(name);

export const isStandardQuotaResource = (name: string): boolean =>
  quotaResources.has(name) || isQuotaHugePages(name);

/** Unprefixed, or of a domain that ends in kubernetes.io. */
export const isNative = (name: string): boolean => !name.includes("/") || name.includes("kubernetes.io/");

export function isExtended(name: string): boolean {
  if (isNative(name) || name.startsWith("requests.")) return false;
  return qualifiedNameErrors(`requests.${name}`).length === 0;
}

const isInteger = (name: string): boolean => integerResources.has(name) || isExtended(name);

export const isOvercommitAllowed = (name: string): boolean => isNative(name) && !isHugePages(name);

type ResourceNameCheck = (name: string, path: string, errors: Errors) => void;

export function checkResourceName(name: string, path: string, errors: Errors): void {
  const messages = qualifiedNameErrors(name);
  for (const message of messages) errors.push(invalid(path, name, message));
  if (messages.length > 0 || name.includes("/") || isStandard(name)) return;
  errors.push(invalid(path, name, "must be a standard resource type or fully qualified"));
}

export const checkContainerResourceName: ResourceNameCheck = (name, path, errors) => {
  if (standardContainerResources.has(name)) return;
  checkResourceName(name, path, errors);
  if (!name.includes("/")) {
    if (isHugePages(name)) return;
    errors.push(invalid(path, name, "must be a standard resource for containers"));
  } else if (!isNative(name) && !isExtended(name)) {
    errors.push(invalid(path, name, "doesn't follow extended resource name standard"));
  }
};

/** As for containers, but that nobody has taught this rule huge pages. */
export function checkMetricResourceName(name: string, path: string, errors: Errors): void {
  checkResourceName(name, path, errors);
  if (!name.includes("/")) {
    if (standardContainerResources.has(name)) return;
    errors.push(invalid(path, name, "must be a standard resource for containers"));
  } else if (!isNative(name) && !isExtended(name)) {
    errors.push(invalid(path, name, "doesn't follow extended resource name standard"));
  }
}

const podLevelResources = ["cpu", "memory"];

const checkPodResourceName: ResourceNameCheck = (name, path, errors) => {
  const before = errors.length;
  checkResourceName(name, path, errors);
  if (errors.length > before || podLevelResources.includes(name) || isHugePages(name)) return;
  errors.push(notSupported(path, name, podLevelResources));
};

export function checkQuotaResourceName(name: string, path: string, errors: Errors): void {
  checkResourceName(name, path, errors);
  if (name.includes("/") || isStandardQuotaResource(name)) return;
  errors.push(invalid(path, name, "must be a standard resource for quota"));
}

export function checkResourceValue(name: string, value: Quantity, path: string, errors: Errors): void {
  if (value.nanos < 0n) errors.push(invalid(path, value.toString(), isNegativeMessage));
  if (isInteger(name) && value.milliValue() % 1000n !== 0n) {
    errors.push(invalid(path, value.toString(), "must be an integer"));
  }
}

/** Quantities of a status or capacity that only have to be positive or zero. */
export function checkBasicResource(value: Quantity, path: string, errors: Errors): void {
  if (value.value() < 0n) {
    errors.push(invalid(path, value.value(), "must be a valid resource quantity"));
  }
}

/** Limits and requests of containers. `claims` are the names of the pod's resource claims. */
export function checkContainerResources(
  requirements: ResourceRequirements | undefined,
  claims: ReadonlySet<string>,
  path: string,
  errors: Errors,
): void {
  if (requirements !== undefined) {
    checkRequirements(requirements, checkContainerResourceName, claims, path, errors);
  }
}

interface Seen {
  compute: boolean;
  hugePages: boolean;
}

function checkRequirements(
  { limits, requests, claims }: ResourceRequirements,
  nameCheck: ResourceNameCheck,
  podClaims: ReadonlySet<string>,
  path: string,
  errors: Errors,
): void {
  const seen: Seen = { compute: false, hugePages: false };
  for (const name in limits) {
    checkResource(name, limits[name], nameCheck, `${path}.limits[${name}]`, seen, errors);
  }
  for (const name in requests) {
    const where = `${path}.requests[${name}]`;
    const value = checkResource(name, requests[name], nameCheck, where, seen, errors);
    checkAgainstLimit(name, value, limits?.[name], path, errors);
  }
  if (seen.hugePages && !seen.compute) errors.push(forbidden(path, "HugePages require cpu or memory"));
  if (claims !== undefined) checkClaims(claims, podClaims, `${path}.claims`, errors);
}

function checkResource(
  name: string,
  raw: string | undefined,
  nameCheck: ResourceNameCheck,
  path: string,
  seen: Seen,
  errors: Errors,
): Quantity {
  const value = quantity(raw);
  nameCheck(name, path, errors);
  checkResourceValue(name, value, path, errors);
  if (isHugePages(name)) {
    seen.hugePages = true;
    const unit = quantity(name.slice("hugepages-".length));
    if (unit.isZero() || value.nanos % unit.nanos !== 0n) {
      const detail = `${value.toString()} is not positive integer multiple of ${name}`;
      errors.push(invalid(path, value.toString(), detail));
    }
  } else if (name === "cpu" || name === "memory") seen.compute = true;
  return value;
}

function checkAgainstLimit(
  name: string,
  value: Quantity,
  rawLimit: string | undefined,
  path: string,
  errors: Errors,
): void {
  const overcommit = isOvercommitAllowed(name);
  if (rawLimit === undefined) {
    if (!overcommit) {
      errors.push(required(`${path}.limits`, "Limit must be set for non overcommitable resources"));
    }
    return;
  }
  const limit = quantity(rawLimit);
  const order = value.compare(limit);
  if (order !== 0 && !overcommit) {
    const detail = `must be equal to ${name} limit of ${limit.toString()}`;
    errors.push(invalid(`${path}.requests`, value.toString(), detail));
  } else if (order > 0) {
    const detail = `must be less than or equal to ${name} limit of ${limit.toString()}`;
    errors.push(invalid(`${path}.requests`, value.toString(), detail));
  }
}

function checkClaims(
  claims: readonly ResourceClaim[],
  podClaims: ReadonlySet<string>,
  path: string,
  errors: Errors,
): void {
  const seen = new Set<string>();
  claims.forEach(({ name, request }, index) => {
    const where = `${path}[${index}]`;
    if (text(name) === "") {
      errors.push(required(where));
      return;
    }
    if (seen.has(name)) errors.push(duplicate(where, name));
    else checkClaimRequest(name, text(request), seen, where, errors);
    if (podClaims.has(name)) return;
    const known = [...podClaims].sort().join(", ");
    const detail = `must be one of the names in pod.spec.resourceClaims${known === "" ? " which is empty" : `: ${known}`}`;
    errors.push({ ...notFound(where, name), detail });
  });
}

function checkClaimRequest(
  name: string,
  request: string,
  seen: Set<string>,
  path: string,
  errors: Errors,
): void {
  const key = request === "" ? name : `${name}/${request}`;
  if (request !== "") checkLabel(request, `${path}.request`, errors);
  if (seen.has(key)) errors.push(duplicate(path, key));
  else if (request === "" && [...seen].some((other) => other.startsWith(`${name}/`))) {
    errors.push(duplicate(path, name));
  }
  seen.add(key);
}

/** Resources of the pod as a whole, and how those of its containers fit in. */
export function checkPodResources(
  spec: PodSpec,
  claims: ReadonlySet<string>,
  path: string,
  errors: Errors,
): void {
  const { resources } = spec;
  if (resources === undefined) return;
  if (resources.claims !== undefined) {
    errors.push(forbidden(`${path}.claims`, "claims may not be set for Resources at pod-level"));
  }
  checkRequirements(resources, checkPodResourceName, claims, path, errors);
  for (const [name, total] of aggregate(spec, "requests")) {
    const raw = resources.requests?.[name];
    if (raw === undefined) continue;
    const requested = quantity(raw);
    if (total.compare(requested) <= 0) continue;
    const detail = `must be greater than or equal to aggregate container requests of ${total.toString()}`;
    errors.push(invalid(`${path}.requests[${name}]`, requested.toString(), detail));
  }
  for (const [name, total] of aggregate(spec, "limits")) {
    const raw = resources.limits?.[name];
    if (!isHugePages(name) || raw === undefined || total.compare(quantity(raw)) <= 0) continue;
    const detail = `must be greater than or equal to aggregate container limits of ${total.toString()}`;
    errors.push(invalid(`${path}.limits[${name}]`, quantity(raw).toString(), detail));
  }
  list(spec.containers).forEach((container, index) => {
    checkContainerLimits(container, resources, `${path}.containers[${index}]`, errors);
  });
}

function checkContainerLimits(
  container: Container,
  { limits }: ResourceRequirements,
  path: string,
  errors: Errors,
): void {
  const own = container.resources?.limits;
  for (const name in own) {
    const rawLimit = limits?.[name];
    if (rawLimit === undefined) continue;
    const value = quantity(own[name]);
    const limit = quantity(rawLimit);
    if (value.compare(limit) <= 0) continue;
    const detail = `must be less than or equal to pod limits of ${limit.toString()}`;
    errors.push(invalid(`${path}[${name}].limits`, value.toString(), detail));
  }
}

type Amounts = "requests" | "limits";

/** What all containers ask for together: sidecars run beside every later init container, and beside the containers. */
function aggregate({ containers, initContainers }: PodSpec, field: Amounts): Map<string, Quantity> {
  const total = new Map<string, Quantity>();
  for (const container of list(containers)) add(total, container, field);
  const sidecars = new Map<string, Quantity>();
  const peak = new Map<string, Quantity>();
  for (const container of list(initContainers)) {
    if (container.restartPolicy === "Always") {
      add(total, container, field);
      add(sidecars, container, field);
      raise(peak, sidecars);
    } else {
      const now = new Map(sidecars);
      add(now, container, field);
      raise(peak, now);
    }
  }
  raise(total, peak);
  return total;
}

function add(total: Map<string, Quantity>, container: Container, field: Amounts): void {
  const amounts = container.resources?.[field];
  for (const name in amounts) total.set(name, (total.get(name) ?? zero).add(quantity(amounts[name])));
}

function raise(total: Map<string, Quantity>, other: ReadonlyMap<string, Quantity>): void {
  for (const [name, value] of other) {
    const current = total.get(name);
    if (current === undefined || current.compare(value) < 0) total.set(name, value);
  }
}
