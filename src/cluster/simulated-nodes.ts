import type { Node } from "../api/types/core-v1.ts";
import { resources } from "../client/resources.ts";
import type { Cluster } from "./cluster.ts";
import type { InstanceSettings } from "./instance.ts";
import { simulatedNodeNames } from "./names.ts";
import { SimulatedNode, simulatedPodCidr } from "./simulated-node.ts";
import { ClusterStages } from "./stages.ts";

/** So many start at once: their first writes share syncs of the disk. */
const startedTogether = 64;

/**
 * Starts the simulated nodes of an instance; resolves, when all are registered, with what stops them. `onProgress` is told
 * how many there are, now and then. Nodes of an earlier start that had more of them are removed.
 */
export async function startSimulatedNodes(
  cluster: Cluster,
  settings: InstanceSettings,
  onProgress: (started: number) => void,
): Promise<() => Promise<void>> {
  const stages = new ClusterStages();
  stages.attach(cluster);
  const names = simulatedNodeNames(settings.nodes);
  await removeOthers(cluster, new Set(names));
  const { podCidr, dnsAddress, nodes } = settings;
  const all = names.map(
    (name, index) =>
      new SimulatedNode(cluster, {
        name,
        podCidr: nodes === undefined ? podCidr : simulatedPodCidr(index),
        dnsAddress,
        stages,
      }),
  );
  for (let from = 0; from < all.length && !cluster.signal.aborted; from += startedTogether) {
    await Promise.all(all.slice(from, from + startedTogether).map((node) => node.start()));
    onProgress(from + startedTogether);
  }
  return async () => {
    await Promise.all(all.map((node) => node.stop()));
  };
}

/** Nodes that somebody applied have no agent of ours, and say nothing of its runtime. */
async function removeOthers(cluster: Cluster, names: ReadonlySet<string>): Promise<void> {
  const others = cluster.server.reader
    .list<Node>(resources.nodes)
    .filter(
      ({ metadata, status }) =>
        !names.has(metadata.name ?? "") &&
        status?.nodeInfo?.containerRuntimeVersion.startsWith("simulated://") === true,
    );
  const client = cluster.client().resource(resources.nodes);
  await Promise.all(others.map(({ metadata }) => client.delete(metadata.name ?? "")));
}
