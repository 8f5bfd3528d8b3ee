import { checkOptions } from "./check-options.ts";
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
  checkOptions(options);
  const { from, identities, ...rest } = options;
  if (from !== undefined) {
    const { restoreCluster } = await import("./restore.ts");
    return await restoreCluster(from, options);
  }
  if (identities !== undefined) throw new TypeError("identities needs a cluster to go on from: from");
  return await EmbeddedCluster.start(rest);
}
