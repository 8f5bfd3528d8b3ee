import type { Namespace } from "../../api/types/core-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";

const asNamespace = (object: UnstructuredObject): Namespace => object as unknown as Namespace;

/** A namespace stays until its content is gone: `spec.finalizers` holds it (mirrors pkg/registry/core/namespace). */
export const namespacesExtension: ResourceExtension = {
  group: "",
  resource: "namespaces",
  setup() {
    return {
      strategy: {
        prepareForCreate(_context, object) {
          const namespace = asNamespace(object);
          namespace.status = { phase: "Active" };
          // Defaulting could not know a generated name.
          const { labels, name = "" } = namespace.metadata;
          namespace.metadata.labels = { ...labels, "kubernetes.io/metadata.name": name };
          const finalizers = namespace.spec?.finalizers ?? [];
          if (!finalizers.includes("kubernetes"))
            namespace.spec = { ...namespace.spec, finalizers: [...finalizers, "kubernetes"] };
        },
        prepareForUpdate(_context, object, old, subresource) {
          // Only the finalize subresource takes finalizers of the spec away.
          if (subresource === "finalize") object["status"] = old["status"];
          else object["spec"] = old["spec"];
        },
        holdsDeletion: (object) => (asNamespace(object).spec?.finalizers ?? []).length > 0,
        prepareForDelete(_context, object) {
          const namespace = asNamespace(object);
          namespace.status = { ...namespace.status, phase: "Terminating" };
        },
      },
    };
  },
};
