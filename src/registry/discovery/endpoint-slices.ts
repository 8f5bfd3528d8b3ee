import type { Endpoint, EndpointSlice } from "../../api/types/discovery-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { dns1123SubdomainErrors } from "../../apimachinery/names.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";

const asSlice = (object: UnstructuredObject): EndpointSlice => object as unknown as EndpointSlice;

/** The topology of the first version is no longer written: whoever changes the endpoints loses it. */
export const endpointSlicesExtension: ResourceExtension = {
  group: "discovery.k8s.io",
  resource: "endpointslices",
  setup: () => ({
    strategy: {
      prepareForCreate(_context, object) {
        dropTopology(asSlice(object), new Set());
      },
      prepareForUpdate(_context, object, old) {
        const [slice, before] = [asSlice(object), asSlice(old)];
        if (deepEqual(slice.endpoints ?? [], before.endpoints ?? [])) return;
        // Counted before the topology goes, and even if nothing else was changed.
        object.metadata.generation = (old.metadata.generation ?? 0) + 1;
        dropTopology(slice, new Set((before.endpoints ?? []).map(hostOf).filter((name) => name !== "")));
      },
    },
  }),
};

const hostOf = ({ deprecatedTopology }: Endpoint): string =>
  deprecatedTopology?.["kubernetes.io/hostname"] ?? "";

/** Endpoints that named their node by its label only, and did so before, keep it by name. */
function dropTopology(slice: EndpointSlice, known: ReadonlySet<string>): void {
  for (const endpoint of slice.endpoints ?? []) {
    const name = hostOf(endpoint);
    const isNode = known.has(name) && dns1123SubdomainErrors(name).length === 0;
    if (endpoint.nodeName === undefined && isNode) endpoint.nodeName = name;
    delete endpoint.deprecatedTopology;
  }
}
