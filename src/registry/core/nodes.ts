import type { Node } from "../../api/types/core-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";

const asNode = (object: UnstructuredObject): Node => object as unknown as Node;

/** A node's settings once lay in a ConfigMap that its spec named. Only nodes that have such a source keep it. */
export const nodesExtension: ResourceExtension = {
  group: "",
  resource: "nodes",
  setup: () => ({
    strategy: {
      prepareForCreate(_context, object) {
        const node = asNode(object);
        delete node.spec.configSource;
        dropConfig(node);
      },
      prepareForUpdate(_context, object, old, subresource) {
        const [node, before] = [asNode(object), asNode(old)];
        if (subresource === "status") {
          if (before.status?.config === undefined) dropConfig(node);
        } else if (before.spec.configSource === undefined) delete node.spec.configSource;
      },
    },
  }),
};

function dropConfig(node: Node): void {
  if (node.status?.config === undefined) return;
  const { config: _, ...status } = node.status;
  node.status = status;
}
