import { SystemRandom } from "../../../apimachinery/random.ts";
import { createCluster } from "../create-cluster.ts";
import type { EmbeddedCluster } from "../embedded-cluster.ts";
import type { CreateClusterOptions } from "../options.ts";
import { recentEvents } from "../until.ts";

/** The options of `createCluster`. */
export type TestClusterOptions = CreateClusterOptions;

/** A test that failed, as its runner tells. */
export interface FailedTest {
  readonly name: string;
  readonly error: unknown;
}

/**
 * A cluster that lives as long as one test, for helpers of test runners. Every test has a seed, drawn unless it is given
 * by the options or by SAMPAN_SEED, so that one that fails can be run again with the same chance.
 */
export class TestCluster {
  readonly cluster: EmbeddedCluster;
  readonly #options: TestClusterOptions;
  readonly #seed: number;

  private constructor(cluster: EmbeddedCluster, options: TestClusterOptions, seed: number) {
    this.cluster = cluster;
    this.#options = options;
    this.#seed = seed;
  }

  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    const seed = options.seed ?? seedOf(process.env) ?? Math.floor(new SystemRandom().next() * 2 ** 32);
    const cluster = await createCluster({ ...options, seed });
    return new TestCluster(cluster, options, seed);
  }

  /** Closes the cluster. Resolves, for a test that failed, with what its runner should print. */
  async end(failed?: FailedTest): Promise<string | undefined> {
    try {
      return failed === undefined ? undefined : await this.#tell(failed);
    } finally {
      await this.cluster.close();
    }
  }

  async #tell({ name }: FailedTest): Promise<string> {
    const again =
      this.#options.clock === "virtual" ? `: SAMPAN_SEED=${this.#seed} runs it again, step by step` : "";
    const events = await recentEvents(this.cluster.client);
    return [
      `sampan: ${JSON.stringify(name)} failed with seed ${this.#seed}${again}`,
      ...(events.length === 0 ? [] : ["what the cluster tells, newest first:", ...events]),
      "",
    ].join("\n");
  }
}

function seedOf({ SAMPAN_SEED: text = "" }: NodeJS.ProcessEnv): number | undefined {
  if (text === "") return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new TypeError(`SAMPAN_SEED=${text}: a seed is a whole number`);
}
