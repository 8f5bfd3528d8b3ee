import type { Container, PodSpec } from "../api/types/core-v1.ts";
import { tryParseQuantity } from "../apimachinery/quantity.ts";

/** Amounts of resources as plain numbers: CPU in thousandths, the rest in units. */
export interface Resources {
  milliCpu: number;
  memoryBytes: number;
  ephemeralStorageBytes: number;
  /** Extended resources, huge pages and the like, by name; absent when there are none. */
  scalars: Map<string, number> | undefined;
}

export type ResourceList = Readonly<Record<string, string>>;

export function noResources(): Resources {
  return { milliCpu: 0, memoryBytes: 0, ephemeralStorageBytes: 0, scalars: undefined };
}

/** Names that are no amounts to be summed: pods are counted, storage is that of claims. */
const notScalar = new Set(["pods", "storage"]);

export function parseResources(list: ResourceList | undefined): Resources {
  const resources = noResources();
  for (const [name, quantity] of Object.entries(list ?? {})) {
    if (name === "cpu") resources.milliCpu = parseMilli(quantity);
    else if (name === "memory") resources.memoryBytes = parseValue(quantity);
    else if (name === "ephemeral-storage") resources.ephemeralStorageBytes = parseValue(quantity);
    else if (!notScalar.has(name)) (resources.scalars ??= new Map()).set(name, parseValue(quantity));
  }
  return resources;
}

/** Adds, or with `sign` -1 takes away, in place. */
export function addResources(target: Resources, other: Resources, sign: 1 | -1 = 1): void {
  target.milliCpu += sign * other.milliCpu;
  target.memoryBytes += sign * other.memoryBytes;
  target.ephemeralStorageBytes += sign * other.ephemeralStorageBytes;
  for (const [name, amount] of other.scalars ?? []) {
    target.scalars ??= new Map();
    target.scalars.set(name, (target.scalars.get(name) ?? 0) + sign * amount);
  }
}

/** Scalars aside: where there are any, the two count as different. */
export function sameResources(a: Resources, b: Resources): boolean {
  return (
    a.milliCpu === b.milliCpu &&
    a.memoryBytes === b.memoryBytes &&
    a.ephemeralStorageBytes === b.ephemeralStorageBytes &&
    a.scalars === undefined &&
    b.scalars === undefined
  );
}

export function copyResources(resources: Resources): Resources {
  return { ...resources, scalars: resources.scalars === undefined ? undefined : new Map(resources.scalars) };
}

function maxResources(target: Resources, other: Resources): void {
  target.milliCpu = Math.max(target.milliCpu, other.milliCpu);
  target.memoryBytes = Math.max(target.memoryBytes, other.memoryBytes);
  target.ephemeralStorageBytes = Math.max(target.ephemeralStorageBytes, other.ephemeralStorageBytes);
  for (const [name, amount] of other.scalars ?? []) {
    target.scalars ??= new Map();
    target.scalars.set(name, Math.max(target.scalars.get(name) ?? 0, amount));
  }
}

/** What a container is taken to use for scoring when it asks for nothing (pkg/scheduler/util/pod_resources.go). */
export const defaultRequests: ResourceList = { cpu: "100m", memory: "200Mi" };

/**
 * What a pod asks for (k8s.io/component-helpers/resource): its containers run together; sidecars run beside them and
 * beside the init containers that start after them; init containers run one by one, so the largest counts.
 * `missing` stands in for what a container does not say.
 */
export function podRequests(spec: PodSpec, missing: ResourceList = {}): Resources {
  const total = noResources();
  for (const container of spec.containers) addResources(total, containerRequests(container, missing));
  const sidecars = noResources();
  const startUp = noResources();
  for (const container of spec.initContainers ?? []) {
    const requests = containerRequests(container, missing);
    if (container.restartPolicy === "Always") {
      addResources(sidecars, requests);
      addResources(total, requests);
      maxResources(startUp, sidecars);
    } else {
      addResources(requests, sidecars);
      maxResources(startUp, requests);
    }
  }
  maxResources(total, startUp);
  overrideWithPodLevel(total, spec);
  addResources(total, parseResources(spec.overhead));
  return total;
}

function containerRequests({ resources }: Container, missing: ResourceList): Resources {
  return parseResources({ ...missing, ...resources?.requests });
}

/** Requests of the pod as a whole replace the sum of its containers. */
function overrideWithPodLevel(total: Resources, spec: PodSpec): void {
  const requests = spec.resources?.requests;
  if (requests === undefined) return;
  const podLevel = parseResources(requests);
  if (requests["cpu"] !== undefined) total.milliCpu = podLevel.milliCpu;
  if (requests["memory"] !== undefined) total.memoryBytes = podLevel.memoryBytes;
  for (const [name, amount] of podLevel.scalars ?? []) (total.scalars ??= new Map()).set(name, amount);
}

/** The same few quantities come up in every pod: parsing each once makes a cycle cheap. */
const parsed = new Map<string, { readonly milli: number; readonly value: number }>();
const parsedMax = 10_000;

function parse(quantity: string): { readonly milli: number; readonly value: number } {
  let numbers = parsed.get(quantity);
  if (numbers === undefined) {
    const exact = tryParseQuantity(quantity);
    numbers = { milli: Number(exact?.milliValue() ?? 0n), value: Number(exact?.value() ?? 0n) };
    if (parsed.size >= parsedMax) parsed.clear();
    parsed.set(quantity, numbers);
  }
  return numbers;
}

export const parseMilli = (quantity: string): number => parse(quantity).milli;
export const parseValue = (quantity: string): number => parse(quantity).value;
