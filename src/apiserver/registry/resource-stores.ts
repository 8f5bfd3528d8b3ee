import type { GroupVersionResource } from "../../apimachinery/gvk.ts";
import { deepCopy } from "../../apimachinery/json.ts";
import type { DeleteOptions } from "../../apimachinery/meta-v1.ts";
import { newNotFound } from "../../apimachinery/status.ts";
import { createObject } from "./create.ts";
import { deleteObject } from "./delete.ts";
import { recordUpdate } from "./managed-fields.ts";
import type { ServedResource, ServedResources } from "./served-resources.ts";
import type { GenericStore } from "./store.ts";
import type { ResourceStores } from "./strategy.ts";
import { updateObject } from "./update.ts";

type Stored = ServedResource & { readonly store: GenericStore };

const unchecked = (): Promise<void> => Promise.resolve();

/** The stores as strategies and subresources use them: with validation, without admission. */
export function resourceStores(resources: ServedResources): ResourceStores {
  return {
    async get(_context, group, resource, namespace, name) {
      const { info, store } = find(resources, group, resource);
      const cached = await store.read(info, info.namespaced ? namespace : "", name);
      return (await store.inVersion(info, cached)).object;
    },
    async update(context, group, resource, namespace, name, subresource, change) {
      const { info, store } = find(resources, group, resource);
      const result = await updateObject(store, context, info, {
        namespace: info.namespaced ? namespace : "",
        name,
        subresource,
        change(current) {
          if (current === undefined) throw newNotFound(info, name);
          const changed = change(current);
          // What is changed in place from here on; the rest may be shared with the stored object.
          const owned = { ...changed, metadata: { ...changed.metadata } };
          recordUpdate(store, context, info, current, owned, subresource);
          return owned;
        },
        validate: unchecked,
      });
      return result.object.object;
    },
    async create(context, group, resource, namespace, object) {
      const { info, store } = find(resources, group, resource);
      const owned = deepCopy(object);
      if (info.namespaced) owned.metadata.namespace = namespace;
      store.scheme.applyDefaults(info, owned);
      recordUpdate(store, context, info, undefined, owned, "");
      return (await createObject(store, context, info, owned, { validate: unchecked })).object;
    },
    async delete(context, group, resource, namespace, name, options) {
      const { info, store } = find(resources, group, resource, context.resource);
      const wanted = (options ?? {}) as DeleteOptions;
      return (
        await deleteObject(store, context, info, info.namespaced ? namespace : "", name, wanted, unchecked)
      ).object.object;
    },
  };
}

/** In the version that is wanted, where there is such a resource: no object needs to be converted from its own one. */
function find(
  resources: ServedResources,
  group: string,
  resource: string,
  wanted?: GroupVersionResource,
): Stored {
  const isWanted = wanted?.group === group && wanted.resource === resource;
  const served =
    (isWanted ? resources.find(group, wanted.version, resource) : undefined) ??
    resources.findPreferred(group, resource);
  if (served?.store === undefined) throw newNotFound({ group, resource }, "");
  return { ...served, store: served.store };
}
