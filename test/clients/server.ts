/**
 * A cluster in a process of its own, so that a test can kill it. Its folder, with keys and state, outlives it. The parent
 * sends a `Start`, then `"compact"` as often as it likes; each is answered with a `Told`.
 */
import { join } from "node:path";
import { RealClock } from "../../src/apimachinery/clock.ts";
import { resources } from "../../src/client/resources.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { loadOrCreatePki } from "../../src/pki/index.ts";
import { SqliteStorage } from "../../src/storage/sqlite/sqlite-storage.ts";
import { TestCluster } from "../harness/cluster.ts";

/** Changes of ConfigMaps that no client can see happen. */
export interface Meanwhile {
  readonly namespace: string;
  readonly create?: readonly string[];
  readonly update?: readonly string[];
  readonly delete?: readonly string[];
  /** Whether history ends after them. */
  readonly compact?: boolean;
}

export interface Start {
  readonly folder: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Done before the server listens. */
  readonly meanwhile?: Meanwhile;
}

export type Told = { readonly port: number; readonly kubeconfig: string } | "compacted";

const clock = new RealClock();

async function start({ folder, port, meanwhile }: Start): Promise<TestCluster> {
  const pki = await loadOrCreatePki(join(folder, "pki"), { clock });
  const open = (): Promise<SqliteStorage> => SqliteStorage.open({ file: join(folder, "state.db"), clock });
  if (meanwhile !== undefined) await happen(new Cluster({ clock, pki, storage: await open() }), meanwhile);
  return await TestCluster.start({ clock, pki, port, storage: await open() });
}

async function happen(cluster: Cluster, meanwhile: Meanwhile): Promise<void> {
  const { namespace, create = [], update = [], delete: gone = [], compact = false } = meanwhile;
  await cluster.startApi();
  const configMaps = cluster.client().resource(resources.configmaps);
  for (const name of create) {
    await configMaps.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace } });
  }
  for (const name of update) {
    await configMaps.patch(name, { data: { meanwhile: "yes" } }, { namespace, type: "merge" });
  }
  for (const name of gone) await configMaps.delete(name, { namespace });
  if (compact) await cluster.storage.compact(await cluster.storage.revision());
  await cluster.stop();
}

const tell = (told: Told): void => void process.send?.(told);

let running: TestCluster | undefined;
process.on("message", (message: Start | "compact") => {
  void (async () => {
    if (message !== "compact") {
      running = await start(message);
      tell({ port: running.port, kubeconfig: running.kubeconfig("default") });
    } else if (running !== undefined) {
      const { storage } = running.cluster;
      await storage.compact(await storage.revision());
      tell("compacted");
    }
  })();
});
// Whoever started it has gone.
process.on("disconnect", () => process.exit());
