import type { Endpoint, EndpointPort, EndpointSlice } from "../api/types/discovery-v1.ts";
import { deepEqual } from "../apimachinery/json.ts";
import { dns1123SubdomainErrors } from "../apimachinery/names.ts";
import { type KubernetesObject, newControllerRef } from "../apimachinery/object.ts";

/**
 * How wanted endpoints are spread over slices, as a pure function. Slices that are right stay as they
 * are; few writes matter more than full slices. (Mirrors k8s.io/endpointslice/reconciler.go.)
 */

export const managedByLabel = "endpointslice.kubernetes.io/managed-by";
export const serviceNameLabel = "kubernetes.io/service-name";

/** As `--max-endpoints-per-slice` defaults to. */
export const maxEndpointsPerSlice = 100;

export type AddressType = "IPv4" | "IPv6";

/** The endpoints of one set of ports. */
export interface WantedGroup {
  readonly ports: EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

export interface SlicePlan {
  readonly create: EndpointSlice[];
  readonly update: EndpointSlice[];
  readonly remove: EndpointSlice[];
}

/** Whose slices these are: they go with the object, a Service or Endpoints, and have all of the labels. */
export interface SliceOwner {
  readonly object: KubernetesObject;
  readonly labels: Readonly<Record<string, string>>;
}

export function planSlices(
  owner: SliceOwner,
  addressType: AddressType,
  groups: readonly WantedGroup[],
  existing: readonly EndpointSlice[],
): SlicePlan {
  const plan: SlicePlan = { create: [], update: [], remove: [] };
  const ours = existing.filter((slice) => isOwnedBy(slice, owner));
  const unclaimed = new Set(ours);
  plan.remove.push(...existing.filter((slice) => !ours.includes(slice)));
  for (const group of groups) {
    const own = ours.filter((slice) => portsKey(slice.ports) === portsKey(group.ports));
    for (const slice of own) unclaimed.delete(slice);
    planGroup(plan, owner, addressType, group, own);
  }
  plan.remove.push(...unclaimed);
  keepPlaceholder(plan, owner, addressType, existing);
  return reuse(plan, owner);
}

const portsKey = (ports: readonly EndpointPort[] | undefined): string =>
  JSON.stringify(
    (ports ?? [])
      .map(({ name = "", port, protocol = "TCP", appProtocol }) => [
        name,
        port,
        protocol,
        appProtocol ?? null,
      ])
      .toSorted(([a], [b]) => (`${a}` < `${b}` ? -1 : 1)),
  );

const isOwnedBy = ({ metadata }: EndpointSlice, { object }: SliceOwner): boolean =>
  (metadata.ownerReferences ?? []).some(
    ({ uid, kind, apiVersion }) =>
      uid === object.metadata.uid && kind === object.kind && apiVersion === object.apiVersion,
  );

function planGroup(
  plan: SlicePlan,
  owner: SliceOwner,
  addressType: AddressType,
  group: WantedGroup,
  own: readonly EndpointSlice[],
): void {
  const pending = new Map(group.endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const unchanged: EndpointSlice[] = [];
  const changed: EndpointSlice[] = [];
  for (const slice of own) {
    const endpoints = (slice.endpoints ?? []).flatMap((endpoint) => {
      const wanted = pending.get(identityOf(endpoint));
      pending.delete(identityOf(endpoint));
      return wanted === undefined ? [] : [wanted];
    });
    if (endpoints.length === 0) plan.remove.push(slice);
    else if (!deepEqual(slice.endpoints ?? [], endpoints) || labelsDiffer(slice, owner))
      changed.push(relabelled({ ...slice, endpoints }, owner));
    else unchanged.push(slice);
  }
  const rest = [...pending.values()];
  // Slices that are written anyway are filled first, the fullest before others.
  for (const slice of changed.toSorted((a, b) => sizeOf(b) - sizeOf(a))) fill(slice, rest);
  plan.update.push(...changed);
  while (rest.length > 0) {
    const target = rest.length < maxEndpointsPerSlice ? sliceToFill(unchanged, rest.length) : undefined;
    if (target === undefined) {
      const slice = newSlice(owner, addressType, group.ports);
      fill(slice, rest);
      plan.create.push(slice);
      continue;
    }
    unchanged.splice(unchanged.indexOf(target), 1);
    const slice = relabelled({ ...target, endpoints: [...(target.endpoints ?? [])] }, owner);
    fill(slice, rest);
    plan.update.push(slice);
  }
}

const sizeOf = ({ endpoints }: EndpointSlice): number => endpoints?.length ?? 0;

function fill(slice: EndpointSlice, rest: Endpoint[]): void {
  slice.endpoints = [
    ...(slice.endpoints ?? []),
    ...rest.splice(0, Math.max(0, maxEndpointsPerSlice - sizeOf(slice))),
  ];
}

/** The slice that will be fullest with so many more. */
function sliceToFill(slices: readonly EndpointSlice[], count: number): EndpointSlice | undefined {
  return slices
    .filter((slice) => sizeOf(slice) + count <= maxEndpointsPerSlice)
    .toSorted((a, b) => sizeOf(b) - sizeOf(a))[0];
}

/** Two endpoints with the same identity are the same one in two states. */
const identityOf = ({ addresses, targetRef }: Endpoint): string =>
  [targetRef?.namespace, targetRef?.name, targetRef?.uid, ...addresses.toSorted()].join(" ");

/** A Service without endpoints keeps one empty slice, so that readers see that it is known. */
function keepPlaceholder(
  plan: SlicePlan,
  owner: SliceOwner,
  addressType: AddressType,
  existing: readonly EndpointSlice[],
): void {
  if (plan.create.length > 0 || plan.remove.length < existing.length) return;
  const [only, ...more] = plan.remove;
  const isPlaceholder =
    only !== undefined &&
    more.length === 0 &&
    isOwnedBy(only, owner) &&
    sizeOf(only) === 0 &&
    (only.ports ?? []).length === 0 &&
    !labelsDiffer(only, owner);
  if (isPlaceholder) plan.remove.pop();
  else plan.create.push(newSlice(owner, addressType, []));
}

/** A slice that would go becomes one that would be made: one write instead of two, and no gap for readers. */
function reuse({ create, update, remove }: SlicePlan, owner: SliceOwner): SlicePlan {
  const reusable = remove.filter((slice) => isOwnedBy(slice, owner));
  const remade = create.splice(-reusable.length, reusable.length).map((slice, position) => {
    const old = reusable[position];
    return { ...slice, metadata: { ...slice.metadata, ...identityMetadata(old) } };
  });
  const reused = new Set(reusable.slice(0, remade.length));
  return { create, update: [...update, ...remade], remove: remove.filter((slice) => !reused.has(slice)) };
}

function identityMetadata(slice: EndpointSlice | undefined): EndpointSlice["metadata"] {
  const { name, namespace, uid, resourceVersion, generateName } = slice?.metadata ?? {};
  return { name, namespace, uid, resourceVersion, generateName };
}

function newSlice(
  owner: SliceOwner,
  addressType: AddressType,
  ports: readonly EndpointPort[],
): EndpointSlice {
  const { name = "", namespace } = owner.object.metadata;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: dns1123SubdomainErrors(`${name}-a`).length === 0 ? `${name}-` : name,
      namespace,
      labels: { ...owner.labels },
      ownerReferences: [newControllerRef(owner.object)],
    },
    addressType,
    ports: [...ports],
    endpoints: [],
  };
}

const labelsDiffer = (slice: EndpointSlice, { labels }: SliceOwner): boolean =>
  !deepEqual(slice.metadata.labels ?? {}, labels);

const relabelled = (slice: EndpointSlice, { labels }: SliceOwner): EndpointSlice => ({
  ...slice,
  metadata: { ...slice.metadata, labels: { ...labels } },
});
