import { newNotFound, newServiceUnavailable } from "../apimachinery/status.ts";
import type { NodeConnection } from "../streaming/node-connection.ts";
import type { ObjectReader } from "./object-reader.ts";
import type { NodeLocator } from "./registry/strategy.ts";

const nodeResource = { group: "", resource: "nodes" };

/** What is known of nodes: their objects, and the connections to their agents. */
export interface ClusterNodes {
  readonly reader: ObjectReader;
  readonly nodes: NodeLocator;
}

/** The connection to a node's agent: 404 when there is no such Node, 503 while its agent is not connected. */
export function connectedNode({ reader, nodes }: ClusterNodes, name: string): NodeConnection {
  const connection = nodes.connection(name);
  if (connection !== undefined) return connection;
  if (reader.get(nodeResource, "", name) === undefined) throw newNotFound(nodeResource, name);
  throw newServiceUnavailable(`node ${name} is not connected`);
}
