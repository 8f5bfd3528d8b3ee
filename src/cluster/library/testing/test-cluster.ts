import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { SystemRandom } from "../../../apimachinery/random.ts";
import { createCluster } from "../create-cluster.ts";
import type { EmbeddedCluster } from "../embedded-cluster.ts";
import type { CreateClusterOptions } from "../options.ts";
import { recentEvents } from "../until.ts";

/** The options of `createCluster`, and what becomes of a failure. */
export interface TestClusterOptions extends CreateClusterOptions {
  /**
   * A folder: the cluster of a test that fails is written there as a file, with its whole history, for `sampan replay`.
   * Default: SAMPAN_ARTIFACTS, else nothing is written.
   */
  readonly artifacts?: string;
}

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
  /** Where failures are written. */
  readonly #artifacts: string;

  private constructor(
    cluster: EmbeddedCluster,
    options: TestClusterOptions,
    seed: number,
    artifacts: string,
  ) {
    this.cluster = cluster;
    this.#options = options;
    this.#seed = seed;
    this.#artifacts = artifacts;
  }

  static async start(given: TestClusterOptions = {}): Promise<TestCluster> {
    const { artifacts = process.env["SAMPAN_ARTIFACTS"] ?? "", ...options } = given;
    const seed = options.seed ?? seedOf(process.env) ?? Math.floor(new SystemRandom().next() * 2 ** 32);
    const record = options.record ?? artifacts !== "";
    const cluster = await createCluster({ ...options, record, seed });
    return new TestCluster(cluster, options, seed, artifacts);
  }

  /** Closes the cluster. Resolves, for a test that failed, with what its runner should print. */
  async end(failed?: FailedTest): Promise<string | undefined> {
    try {
      return failed === undefined ? undefined : await this.#tell(failed);
    } finally {
      await this.cluster.close();
    }
  }

  async #tell(failed: FailedTest): Promise<string> {
    const { name } = failed;
    const again =
      this.#options.clock === "virtual" ? `: SAMPAN_SEED=${this.#seed} runs it again, step by step` : "";
    const events = await recentEvents(this.cluster.client);
    return [
      `sampan: ${JSON.stringify(name)} failed with seed ${this.#seed}${again}`,
      ...(events.length === 0 ? [] : ["what the cluster tells, newest first:", ...events]),
      this.#artifacts === "" ? hint : await this.#keep(failed),
      "",
    ].join("\n");
  }

  /** A failure to write must not hide the one that is told of. */
  async #keep({ name, error }: FailedTest): Promise<string> {
    const title = name.replaceAll(/[^A-Za-z0-9]+/g, "-").slice(0, 80);
    const file = join(resolve(this.#artifacts), `${title}-${this.#seed}.sampan`);
    try {
      mkdirSync(this.#artifacts, { recursive: true });
      await this.cluster.artifact(file, { test: name, error });
      return `look into it: sampan replay ${file}`;
    } catch (failure) {
      return `its cluster could not be written to ${file}: ${failure instanceof Error ? failure.message : String(failure)}`;
    }
  }
}

/** For whoever would like to see more. */
const hint =
  "SAMPAN_ARTIFACTS=FOLDER keeps all that happens in a cluster whose test fails, for sampan replay";

function seedOf({ SAMPAN_SEED: text = "" }: NodeJS.ProcessEnv): number | undefined {
  if (text === "") return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new TypeError(`SAMPAN_SEED=${text}: a seed is a whole number`);
}
