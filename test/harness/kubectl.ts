import { type ChildProcess, execFile, spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

/** What a command said, and how it ended. */
export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

export interface KubectlOptions {
  /** Written to its standard input. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Kills it after that time; default one minute. */
  readonly timeoutMs?: number;
}

/** kubectl of one version, set to one cluster. */
export type Kubectl = (args: readonly string[], options?: KubectlOptions) => Promise<Finished>;

/** The versions of kubectl on this machine, oldest first: `kubectl.1.27` beside the one in PATH, else that one alone. */
export function kubectlBinaries(wanted: readonly string[]): { version: string; path: string }[] {
  const found = spawnSync("which", ["kubectl"], { encoding: "utf8" }).stdout.trim();
  if (found === "") return [];
  const folder = dirname(realpathSync(found));
  const versioned = wanted
    .map((version) => ({ version, path: join(folder, `kubectl.${version}`) }))
    .filter(({ path }) => existsSync(path));
  return versioned.length > 0 ? versioned : [{ version: "in PATH", path: found }];
}

/** Processes that still run; whoever stops a cluster ends them. */
export class Processes {
  readonly #running = new Set<ChildProcess>();

  add(child: ChildProcess): void {
    this.#running.add(child);
    child.once("close", () => this.#running.delete(child));
  }

  /** Resolves when all have gone. */
  async end(): Promise<void> {
    const gone = [...this.#running].map((child) => new Promise((resolve) => child.once("close", resolve)));
    for (const child of this.#running) child.kill("SIGKILL");
    await Promise.all(gone);
  }
}

/** Runs a command to its end. It never rejects: a failure is a code other than 0, -1 when it was killed. */
export function run(
  file: string,
  args: readonly string[],
  options: KubectlOptions & { readonly cwd: string; readonly processes: Processes },
): Promise<Finished> {
  const { input, env, timeoutMs = 60_000, cwd, processes } = options;
  return new Promise((resolve) => {
    const child = execFile(
      file,
      [...args],
      { env: { ...env }, cwd, timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 64 * 2 ** 20 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ stdout, stderr, code });
      },
    );
    processes.add(child);
    // A command that ends before it has read everything closes the pipe; that is not our failure.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input ?? "");
  });
}
