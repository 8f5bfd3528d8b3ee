import type { Pod } from "../../api/types/core-v1.ts";
import { newBadRequest, newServiceUnavailable } from "../../apimachinery/status.ts";
import type { NodeLocator } from "../../apiserver/registry/strategy.ts";
import type { NodeConnection, PodTarget } from "../../streaming/node-connection.ts";

/** The connection to a pod's node, and how the node knows the pod. */
export function nodeOf(pod: Pod, nodes: NodeLocator): { node: NodeConnection; target: PodTarget } {
  const { name = "", namespace = "", uid = "" } = pod.metadata;
  const { nodeName = "" } = pod.spec;
  if (nodeName === "") throw newBadRequest(`pod ${name} does not have a host assigned`);
  const node = nodes.connection(nodeName);
  if (node === undefined) throw newServiceUnavailable(`node ${nodeName} is not connected`);
  return { node, target: { namespace, pod: name, podUid: uid } };
}
