import type { Pod } from "../api/types/core-v1.ts";
import type { StageEngine } from "../stages/engine.ts";
import type { Cluster } from "./cluster.ts";
import { adminUser, plainUser } from "./identities.ts";

const definition = "stages.kwok.x-k8s.io";
const definitions = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };

/**
 * kwok's Stages, from when their definition is applied on: until then a look at each change of definitions is all that
 * they cost, and their code is not loaded.
 */
export class ClusterStages {
  readonly #nodes = new Set<string>();
  #cluster: Cluster | undefined;
  #engine: StageEngine | undefined;
  #starting: Promise<StageEngine | undefined> | undefined;

  /** Follows the Stages of this cluster; of the one that was before, which has ended, nothing is left. */
  attach(cluster: Cluster): Cluster {
    this.#cluster = cluster;
    this.#engine = undefined;
    this.#starting = undefined;
    const unsubscribe = cluster.server.reader.onChange(definitions, (object) => {
      if (object?.metadata.name === definition) this.#lookForDefinition();
    });
    cluster.signal.addEventListener("abort", unsubscribe, { once: true });
    return cluster;
  }

  /** A node with an agent runs, or no longer does. */
  setNode(name: string, runs: boolean): void {
    if (runs) this.#nodes.add(name);
    else this.#nodes.delete(name);
    this.#lookForDefinition();
  }

  /** Whether Stages lead the pod through its life, instead of its node's agent. */
  rulesPod(pod: Pod): boolean | Promise<boolean> {
    if (this.#engine !== undefined) return this.#claim(this.#engine, pod);
    this.#lookForDefinition();
    if (this.#starting === undefined) return false;
    return this.#starting.then((engine) => engine !== undefined && this.#claim(engine, pod));
  }

  /** Whether Stages tell how nodes are, instead of their agents. */
  tellOfNodes(): boolean {
    if (this.#engine === undefined) this.#lookForDefinition();
    return this.#engine?.claimsNodes() ?? false;
  }

  #claim(engine: StageEngine, pod: Pod): boolean {
    if (!engine.claimsPod(pod)) return false;
    engine.look(pod);
    return true;
  }

  /** Definitions that lay in the store at the start are not told of as changes. */
  #lookForDefinition(): void {
    const cluster = this.#cluster;
    if (cluster === undefined || this.#starting !== undefined) return;
    const found = cluster.server.reader.get(definitions, "", definition);
    if (found === undefined || !isEstablished(found)) return;
    this.#starting = this.#start(cluster).catch((error: unknown) => {
      cluster.logger.error("Stages are not followed", { error: String(error) });
      return undefined;
    });
  }

  async #start(cluster: Cluster): Promise<StageEngine | undefined> {
    const loading = import("../stages/engine.ts");
    const { StageEngine } = await (cluster.clock.outside?.(loading) ?? loading);
    if (cluster.signal.aborted) return undefined;
    const engine = new StageEngine({
      ...cluster.contextFor("kwok", adminUser),
      hasAgent: (node) => this.#nodes.has(node),
      clientAs: (user) => cluster.contextFor("kwok", plainUser(user)).client,
    });
    await engine.start();
    if (this.#cluster === cluster) this.#engine = engine;
    return engine;
  }
}

const isEstablished = (object: object): boolean => {
  const { status } = object as { status?: { conditions?: { type: string; status: string }[] } };
  return status?.conditions?.some(({ type, status }) => type === "Established" && status === "True") ?? false;
};
