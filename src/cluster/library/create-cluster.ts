import { EmbeddedCluster } from "./embedded-cluster.ts";
import type { CreateClusterOptions } from "./options.ts";

/**
 * A cluster in this process, ready to use: an API server with every check that Kubernetes makes, the controllers, the
 * scheduler, and nodes whose pods obey their annotations instead of running.
 *
 *   await using cluster = await createCluster({ clock: "virtual" });
 *
 * Rejects with TypeError for options that make no sense.
 */
export async function createCluster(options: CreateClusterOptions = {}): Promise<EmbeddedCluster> {
  return await EmbeddedCluster.start(options);
}
