import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { writeContext } from "../../src/client/kubeconfig.ts";
import { Cluster, type ClusterOptions } from "../../src/cluster/cluster.ts";
import { pretendedVolumes } from "../../src/cluster/local-volumes.ts";
import { SimulatedNode } from "../../src/cluster/simulated-node.ts";
import { type Kubectl, Processes, run } from "./kubectl.ts";

export interface TestClusterOptions extends ClusterOptions {
  /** How many simulated nodes; default one, named `simulated`. Further ones are `simulated-2` and so on. */
  readonly nodes?: number;
  /** Of the API server; default a free one. */
  readonly port?: number;
}

/** A running line-by-line command, as `kubectl get -w`. */
export interface Following {
  /** Resolves with the output so far, once it matches; rejects when the command ends before, or takes too long. */
  until(pattern: RegExp, timeoutMs?: number): Promise<string>;
  /** Ends it; resolves with everything that it printed. */
  end(): Promise<string>;
}

/**
 * A whole cluster for a test file: control plane and simulated nodes in this process, HTTPS on a free port, a folder
 * with a kubeconfig in it.
 *
 *   const cluster = await TestCluster.start();      // beforeAll
 *   await cluster.kubectl("/usr/bin/kubectl")(["get", "pods"]);
 *   await cluster.stop();                           // afterAll: ends all commands, removes the folder
 */
export class TestCluster {
  readonly cluster: Cluster;
  readonly port: number;
  /** Where commands run: holds `kubeconfig` and whatever tests write there. */
  readonly folder: string;
  readonly #nodes: readonly SimulatedNode[];
  readonly #processes = new Processes();

  private constructor(cluster: Cluster, nodes: readonly SimulatedNode[], port: number, folder: string) {
    this.cluster = cluster;
    this.#nodes = nodes;
    this.port = port;
    this.folder = folder;
  }

  /** Resolves when the API answers, the controllers run and the nodes are registered. */
  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    const dnsAddress = "10.96.0.10";
    const cluster = new Cluster({
      dnsAddress,
      apiEndpoint: { ip: "10.0.0.1", port: 6443 },
      localVolumes: pretendedVolumes("simulated"),
      ...options,
    });
    await cluster.startApi();
    const port = await cluster.listen({ address: "127.0.0.1", port: options.port ?? 0 });
    await cluster.bootstrap();
    await cluster.startControllers();
    const nodes: SimulatedNode[] = [];
    for (let index = 1; index <= (options.nodes ?? 1); index++) {
      const name = index === 1 ? "simulated" : `simulated-${index}`;
      const node = new SimulatedNode(cluster, { name, podCidr: `10.244.${index - 1}.0/24`, dnsAddress });
      await node.start();
      nodes.push(node);
    }
    const folder = mkdtempSync(join(tmpdir(), "sampan-test-"));
    const started = new TestCluster(cluster, nodes, port, folder);
    started.kubeconfig("default");
    return started;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** Writes a kubeconfig of the administrator whose namespace is the given one, and answers its path. */
  kubeconfig(namespace: string): string {
    const { authority, admin } = this.cluster.pki;
    const file = join(this.folder, `kubeconfig-${namespace}`);
    writeContext(file, {
      name: "test",
      namespace,
      server: this.url,
      ca: authority.certificate,
      clientCertificate: admin.certificate,
      clientKey: admin.key,
    });
    return file;
  }

  /** Writes a file into the cluster's folder. */
  write(name: string, text: string): string {
    const file = join(this.folder, name);
    writeFileSync(file, text);
    return file;
  }

  /** The kubectl of that path, set to this cluster and the namespace, and working in the cluster's folder. */
  kubectl(path: string, namespace = "default"): Kubectl {
    const env = this.#environment(namespace);
    return (args, options = {}) =>
      run(path, args, {
        ...options,
        env: { ...env, ...options.env },
        cwd: this.folder,
        processes: this.#processes,
      });
  }

  /** Starts a command that goes on, to read its lines while it does. */
  follow(path: string, args: readonly string[], namespace = "default"): Following {
    const child = spawn(path, [...args], {
      env: this.#environment(namespace),
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#processes.add(child);
    return new FollowingProcess(
      [createInterface(child.stdout), createInterface(child.stderr)],
      new Promise((resolve) => child.once("close", () => resolve())),
      () => child.kill("SIGTERM"),
    );
  }

  /** Stops everything that was started and removes the folder. */
  async stop(): Promise<void> {
    await this.#processes.end();
    await Promise.all(this.#nodes.map((node) => node.stop()));
    await this.cluster.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #environment(namespace: string): Record<string, string> {
    return { PATH: process.env["PATH"] ?? "", HOME: this.folder, KUBECONFIG: this.kubeconfig(namespace) };
  }
}

class FollowingProcess implements Following {
  #text = "";
  #ended = false;
  readonly #closed: Promise<void>;
  readonly #kill: () => void;
  readonly #waiting = new Set<() => void>();

  constructor(outputs: readonly Interface[], closed: Promise<void>, kill: () => void) {
    for (const lines of outputs) {
      lines.on("line", (line) => {
        this.#text += `${line}\n`;
        this.#wake();
      });
    }
    this.#kill = kill;
    this.#closed = closed.then(() => {
      this.#ended = true;
      this.#wake();
    });
  }

  async until(pattern: RegExp, timeoutMs = 10_000): Promise<string> {
    // The timer itself tells that it is late: it may fire a fraction of a millisecond before a clock says so.
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      this.#wake();
    }, timeoutMs);
    while (!pattern.test(this.#text)) {
      if (this.#ended || isLate) {
        clearTimeout(late);
        throw new Error(`${this.#ended ? "ended" : "waited"} before it printed ${pattern}:\n${this.#text}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    clearTimeout(late);
    return this.#text;
  }

  async end(): Promise<string> {
    this.#kill();
    await this.#closed;
    return this.#text;
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** A port of loopback that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** Asks again until the answer is right; throws the last reason when it was not within the time. */
export async function eventually<T>(check: () => Promise<T>, timeoutMs = 20_000): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
