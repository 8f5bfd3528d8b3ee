/** A cluster of the built program in a home of its own, started and stopped by the command line as a user does it. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { RealClock } from "../../src/apimachinery/clock.ts";
import { type Client, newClient } from "../../src/client/client.ts";
import { HttpsTransport } from "../../src/client/https-transport.ts";
import { loadKubeconfig, resolveContext } from "../../src/client/kubeconfig.ts";
import { cpuNanoseconds } from "./processes.ts";

/** The repository this file is in. */
export const repository = resolve(import.meta.dirname, "../..");

export interface StageTimes {
  /** Milliseconds from the spawn of `sampan up` until each was reached. */
  readonly apiMs: number;
  readonly nodeMs: number;
  /** Until `sampan up` had ended: with files, until what they start runs. */
  readonly doneMs: number;
  /** CPU time of the server by then: what a start costs, however busy the machine is. */
  readonly cpuMs: number;
}

export interface BenchClusterOptions {
  /** The folder with `sampan` and `dist/`. */
  readonly program?: string;
  readonly runtime?: "crun" | "simulated";
  /** Options of Node for the server and the command line. */
  readonly nodeOptions?: readonly string[];
}

interface Outcome {
  readonly output: string;
  readonly startedAt: number;
  readonly tookMs: number;
}

/**
 *   const cluster = new BenchCluster({ runtime: "simulated" });
 *   await cluster.up();
 *   await cluster.client.resource(resources.pods).list({});
 *   await cluster.remove();                       // nothing stays
 */
export class BenchCluster {
  readonly name = `bench${randomBytes(2).toString("hex")}`;
  readonly home = mkdtempSync(join(tmpdir(), "sampan-bench-"));
  readonly program: string;
  readonly node: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly #options: BenchClusterOptions;
  #transports: HttpsTransport[] = [];

  constructor(options: BenchClusterOptions = {}) {
    this.#options = options;
    this.program = resolve(options.program ?? repository);
    this.node = join(this.program, "node_modules/node/bin/node");
    this.environment = {
      ...process.env,
      SAMPAN_HOME: this.home,
      KUBECONFIG: join(this.home, "kubeconfig"),
    };
  }

  /** Arguments of Node that run the program as the launcher does. */
  get main(): string[] {
    return [
      "--disable-warning=ExperimentalWarning",
      ...(this.#options.nodeOptions ?? []),
      join(this.program, "dist/main.js"),
    ];
  }

  /** Starts the cluster, which must not run. */
  async up(files: readonly string[] = []): Promise<StageTimes> {
    const { output, startedAt, tookMs } = await this.#run(this.#upArguments(files));
    const cpuMs = cpuNanoseconds(this.serverPid) / 1e6;
    const [, api, node] = /API ready after ([\d.]+ m?s), node after ([\d.]+ m?s)/.exec(output) ?? [];
    if (api === undefined || node === undefined) throw new Error(`no stages in:\n${output}`);
    // The server counts from its own start, which is some time after the command's.
    const serverStartMs = Date.parse(this.#record().startedAt) - startedAt;
    return { apiMs: serverStartMs + ms(api), nodeMs: serverStartMs + ms(node), doneMs: tookMs, cpuMs };
  }

  /** Applies files to the running cluster and waits for what they start. */
  async apply(files: readonly string[]): Promise<number> {
    return (await this.#run(this.#upArguments(files))).tookMs;
  }

  #upArguments(files: readonly string[]): string[] {
    return ["up", ...files, "--name", this.name, "--runtime", this.#options.runtime ?? "crun"];
  }

  async down(): Promise<number> {
    return (await this.#run(["down", "--name", this.name])).tookMs;
  }

  /** Ends the cluster and leaves nothing behind. */
  async remove(): Promise<number> {
    for (const transport of this.#transports) transport.close();
    const known = existsSync(join(this.home, this.name, "instance.json"));
    const tookMs = known ? (await this.#run(["down", "--purge", "--name", this.name])).tookMs : 0;
    rmSync(this.home, { recursive: true, force: true });
    return tookMs;
  }

  get serverPid(): number {
    return this.#record().pid;
  }

  get directory(): string {
    return join(this.home, this.name);
  }

  /** A client over HTTPS with connections of its own, as the cluster's administrator. */
  newClient(): Client {
    return newClient(this.newTransport());
  }

  newTransport(): HttpsTransport {
    const { transport } = this.credentials();
    const made = new HttpsTransport({ ...transport, clock: new RealClock() });
    this.#transports.push(made);
    return made;
  }

  credentials(): ReturnType<typeof resolveContext> {
    return resolveContext(loadKubeconfig([join(this.home, "kubeconfig")]), {});
  }

  #record(): { pid: number; startedAt: string } {
    return JSON.parse(readFileSync(join(this.directory, "server.json"), "utf8")) as {
      pid: number;
      startedAt: string;
    };
  }

  async #run(args: readonly string[]): Promise<Outcome> {
    const [startedAt, startedMs] = [performance.timeOrigin + performance.now(), performance.now()];
    const child = spawn(this.node, [...this.main, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: this.environment,
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    const tookMs = performance.now() - startedMs;
    if (code !== 0) throw new Error(`sampan ${args.join(" ")} ended with ${code}:\n${output}`);
    return { output, startedAt, tookMs };
  }
}

/** `430 ms` and `2.4 s` in milliseconds. */
function ms(text: string): number {
  return Number.parseFloat(text) * (text.endsWith("ms") ? 1 : 1000);
}
