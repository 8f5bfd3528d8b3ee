/** The library: a cluster in your own process. */
export { Cluster, type ClusterOptions, type ListenAt } from "./cluster.ts";
export { SimulatedNode, type SimulatedNodeSettings } from "./simulated-node.ts";
