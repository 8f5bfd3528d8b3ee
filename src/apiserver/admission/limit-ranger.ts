import { podLimits, podRequests, type ResourceList, resourceList } from "../../api/quota/pod-resources.ts";
import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
} from "../../api/types/core-v1.ts";
import type { Quantity } from "../../apimachinery/quantity.ts";
import type { AdmissionAttributes, AdmissionDependencies, AdmissionPlugin } from "./admission.ts";
import { aggregate, concerns, objectOf, refuse } from "./attributes.ts";

const limitRanges = { group: "", resource: "limitranges" };
const annotation = "kubernetes.io/limit-ranger";

/**
 * Defaults and bounds of a namespace for what containers, pods and claims ask for. Defaults are filled in first, bounds
 * are checked on what comes out. Mirrors plugin/pkg/admission/limitranger.
 */
export class LimitRanger implements AdmissionPlugin {
  readonly name = "LimitRanger";
  readonly #reader: AdmissionDependencies["reader"];

  constructor({ reader }: AdmissionDependencies) {
    this.#reader = reader;
  }

  handles(attributes: AdmissionAttributes): boolean {
    const { operation } = attributes;
    if (concerns(attributes, "", "pods")) return operation === "CREATE";
    if (concerns(attributes, "", "pods", "resize")) return operation === "UPDATE";
    return (
      concerns(attributes, "", "persistentvolumeclaims") && (operation === "CREATE" || operation === "UPDATE")
    );
  }

  admit(attributes: AdmissionAttributes): void {
    if (!concerns(attributes, "", "pods")) return;
    const pod = objectOf<Pod>(attributes);
    if (pod === undefined) return;
    for (const range of this.#ranges(attributes)) setDefaults(pod, range.spec?.limits ?? []);
  }

  validate(attributes: AdmissionAttributes): void {
    if (attributes.object?.metadata.deletionTimestamp !== undefined) return;
    for (const range of this.#ranges(attributes)) {
      const limits = range.spec?.limits ?? [];
      const broken = concerns(attributes, "", "persistentvolumeclaims")
        ? limits.flatMap((limit) => claimBreaches(limit, objectOf<PersistentVolumeClaim>(attributes)))
        : limits.flatMap((limit) => podBreaches(limit, objectOf<Pod>(attributes)));
      if (broken.length > 0) throw refuse(attributes, aggregate(broken));
    }
  }

  #ranges({ namespace }: AdmissionAttributes): readonly LimitRange[] {
    return this.#reader.list<LimitRange>(limitRanges, namespace);
  }
}

function setDefaults(pod: Pod, limits: readonly LimitRangeItem[]): void {
  const defaults = limits.filter((limit) => limit.type === "Container");
  const requests = Object.assign({}, ...defaults.map((limit) => limit.defaultRequest)) as Record<
    string,
    string
  >;
  const bounds = Object.assign({}, ...defaults.map((limit) => limit.default)) as Record<string, string>;
  const notes = [
    ...(pod.spec?.containers ?? []).flatMap((container) => fill(container, "container", requests, bounds)),
    ...(pod.spec?.initContainers ?? []).flatMap((container) =>
      fill(container, "init container", requests, bounds),
    ),
  ];
  if (notes.length === 0) return;
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [annotation]: `LimitRanger plugin set: ${notes.join("; ")}`,
  };
}

function fill(
  container: Container,
  what: string,
  requests: Readonly<Record<string, string>>,
  limits: Readonly<Record<string, string>>,
): string[] {
  const notes: string[] = [];
  const missing = (
    own: Record<string, string> | undefined,
    defaults: Readonly<Record<string, string>>,
  ): string[] =>
    Object.keys(defaults)
      .filter((name) => own?.[name] === undefined)
      .toSorted();
  const pick = (names: readonly string[], from: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(names.map((name) => [name, from[name] ?? ""]));
  const newRequests = missing(container.resources?.requests, requests);
  const newLimits = missing(container.resources?.limits, limits);
  if (newRequests.length > 0) {
    container.resources = {
      ...container.resources,
      requests: { ...container.resources?.requests, ...pick(newRequests, requests) },
    };
    notes.push(`${newRequests.join(", ")} request for ${what} ${container.name}`);
  }
  if (newLimits.length > 0) {
    container.resources = {
      ...container.resources,
      limits: { ...container.resources?.limits, ...pick(newLimits, limits) },
    };
    notes.push(`${newLimits.join(", ")} limit for ${what} ${container.name}`);
  }
  return notes;
}

function podBreaches(limit: LimitRangeItem, pod: Pod | undefined): string[] {
  if (pod === undefined) return [];
  if (limit.type === "Pod") return breaches(limit, podRequests(pod), podLimits(pod));
  if (limit.type !== "Container") return [];
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return containers.flatMap(({ resources }) =>
    breaches(limit, resourceList(resources?.requests), resourceList(resources?.limits)),
  );
}

function breaches(limit: LimitRangeItem, requests: ResourceList, limits: ResourceList): string[] {
  const each = (
    list: Record<string, string> | undefined,
    check: (
      type: string,
      name: string,
      bound: Quantity,
      request?: Quantity,
      limit?: Quantity,
    ) => string | undefined,
  ): string[] =>
    [...resourceList(list)]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, bound]) => check(limit.type, name, bound, requests.get(name), limits.get(name)) ?? []);
  return [
    ...each(limit.min, belowMinimum),
    ...each(limit.max, aboveMaximum),
    ...each(limit.maxLimitRequestRatio, aboveRatio),
  ];
}

function belowMinimum(
  type: string,
  name: string,
  bound: Quantity,
  request?: Quantity,
  limit?: Quantity,
): string | undefined {
  const start = `minimum ${name} usage per ${type} is ${bound}`;
  if (request === undefined) return `${start}.  No request is specified`;
  if (request.compare(bound) < 0) return `${start}, but request is ${request}`;
  return limit !== undefined && limit.compare(bound) < 0 ? `${start}, but limit is ${limit}` : undefined;
}

function aboveMaximum(
  type: string,
  name: string,
  bound: Quantity,
  request?: Quantity,
  limit?: Quantity,
): string | undefined {
  const start = `maximum ${name} usage per ${type} is ${bound}`;
  if (limit === undefined) return `${start}.  No limit is specified`;
  if (limit.compare(bound) > 0) return `${start}, but limit is ${limit}`;
  return request !== undefined && request.compare(bound) > 0
    ? `${start}, but request is ${request}`
    : undefined;
}

function aboveRatio(
  type: string,
  name: string,
  bound: Quantity,
  request?: Quantity,
  limit?: Quantity,
): string | undefined {
  const start = `${name} max limit to request ratio per ${type} is ${bound}`;
  if (request === undefined || request.isZero())
    return `${start}, but no request is specified or request is 0`;
  if (limit === undefined || limit.isZero()) return `${start}, but no limit is specified or limit is 0`;
  const ratio = limit.toNumber() / request.toNumber();
  return ratio > bound.toNumber() ? `${start}, but provided ratio is ${ratio.toFixed(6)}` : undefined;
}

function claimBreaches(limit: LimitRangeItem, claim: PersistentVolumeClaim | undefined): string[] {
  if (limit.type !== "PersistentVolumeClaim") return [];
  const requests = resourceList(claim?.spec?.resources?.requests);
  const check = (list: Record<string, string> | undefined, what: string, sign: number): string[] =>
    [...resourceList(list)].flatMap(([name, bound]) => {
      const request = requests.get(name);
      const start = `${what} ${name} usage per ${limit.type} is ${bound}`;
      if (request === undefined) return [`${start}.  No request is specified`];
      return request.compare(bound) * sign > 0 ? [`${start}, but request is ${request}`] : [];
    });
  return [...check(limit.min, "minimum", -1), ...check(limit.max, "maximum", 1)];
}
