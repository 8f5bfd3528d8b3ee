import type { Pod } from "../../api/types/core-v1.ts";
import { newBadRequest } from "../../apimachinery/status.ts";
import { type ClusterNodes, connectedNode } from "../../apiserver/connected-node.ts";
import type { NodeConnection, PodTarget } from "../../streaming/node-connection.ts";

/** The connection to a pod's node, and how the node knows the pod. */
export function nodeOf(pod: Pod, cluster: ClusterNodes): { node: NodeConnection; target: PodTarget } {
  const { name = "", namespace = "", uid = "" } = pod.metadata;
  const { nodeName = "" } = pod.spec;
  if (nodeName === "") throw newBadRequest(`pod ${name} does not have a host assigned`);
  return { node: connectedNode(cluster, nodeName), target: { namespace, pod: name, podUid: uid } };
}
