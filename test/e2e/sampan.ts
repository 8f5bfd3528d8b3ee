/**
 * Sampan as its user has it: the built program, a home of its own, a kubeconfig of its own, and the kubectl of this
 * machine. Nothing is reached into: what a test knows it was told by a command, or saw on the machine.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export const repository = resolve(import.meta.dirname, "../..");

/** What a command said, and how it ended; -1 when it was killed. */
export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Kills it after that time; default one minute. */
  readonly timeoutMs?: number;
}

/** What these tests need of the machine and it does not have; empty when they can run. */
export function missingHere(): string[] {
  const programs = ["crun", "conmon", "nft", "ip", "kubectl", "curl", "script"];
  const missing = programs.filter((name) => spawnSync("which", [name]).status !== 0);
  return [...(process.getuid?.() === 0 ? [] : ["root"]), ...missing];
}

/** The kubectl of a version beside the one in PATH, or undefined. */
export function kubectlOfVersion(version: string): string | undefined {
  const found = spawnSync("which", ["kubectl"], { encoding: "utf8" }).stdout.trim();
  if (found === "") return undefined;
  const file = join(dirname(realpathSync(found)), `kubectl.${version}`);
  return existsSync(file) ? file : undefined;
}

let built: string | undefined;

/** Builds the program into a folder of its own, so that another build does not pull it away under a running cluster. */
function mainFile(): string {
  const given = process.env["SAMPAN_E2E_PROGRAM"];
  if (given !== undefined) return given;
  if (built === undefined) {
    // Inside the repository, because native packages are found in its node_modules.
    const folder = join(repository, ".cache", `e2e-${process.pid}`);
    execFileSync(process.execPath, ["tools/build.ts", folder], { cwd: repository });
    built = join(folder, "main.js");
  }
  return built;
}

/** Removes what was built; for the end of the tests. */
export function removeProgram(): void {
  if (built !== undefined) rmSync(dirname(built), { recursive: true, force: true });
  built = undefined;
}

/** Node's arguments that run the built program. */
export const program = (): string[] => ["--disable-warning=ExperimentalWarning", mainFile()];

/** A home in which clusters are started. End it with `leave()`, whatever happened. */
export class Home {
  readonly folder = mkdtempSync(join(tmpdir(), "sampan-e2e-"));
  readonly #running = new Set<ChildProcess>();
  readonly #names = new Set<string>();

  get environment(): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "",
      LANG: "C.UTF-8",
      HOME: this.folder,
      SAMPAN_HOME: join(this.folder, "clusters"),
      KUBECONFIG: join(this.folder, "kubeconfig"),
    };
  }

  /** Writes a file into the home; answers its path. */
  write(name: string, content: string): string {
    const file = join(this.folder, name);
    writeFileSync(file, content);
    return file;
  }

  /** `sampan kubectl` as a program of its own. */
  builtInKubectl(): string {
    const words = [process.execPath, ...program(), "kubectl"].map((word) => `'${word}'`);
    const file = this.write("built-in-kubectl", `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`);
    chmodSync(file, 0o755);
    return file;
  }

  /** `sampan ARGUMENTS`. It never rejects: a failure is its exit code. */
  sampan(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const at = args.indexOf("--name");
    if (at >= 0) this.#names.add(args[at + 1] ?? "");
    return this.run(process.execPath, [...program(), ...args], {
      timeoutMs: 150_000,
      ...options,
    });
  }

  /** As `sampan`, for what tests build on: a failure is an error that says what it said. */
  async must(args: readonly string[]): Promise<string> {
    const { stdout, stderr, code } = await this.sampan(args);
    if (code !== 0) throw new Error(`sampan ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** Any other command, in this home. */
  run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const { input, env, timeoutMs = 60_000 } = options;
    return new Promise((resolveRun) => {
      const child = spawn(file, args, {
        cwd: this.folder,
        env: { ...this.environment, ...env },
        timeout: timeoutMs,
        killSignal: "SIGKILL",
      });
      this.#watch(child);
      let stdout = "";
      let stderr = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
      child.once("error", (error) => resolveRun({ stdout, stderr: String(error), code: -1 }));
      child.once("close", (code) => resolveRun({ stdout, stderr, code: code ?? -1 }));
      // Who ends before it has read everything closes the pipe; that is not our failure.
      child.stdin.on("error", () => {});
      child.stdin.end(input ?? "");
    });
  }

  /** Starts a command that goes on. */
  follow(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Following {
    const child = spawn(file, args, {
      cwd: this.folder,
      env: { ...this.environment, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#watch(child);
    return new Following(child);
  }

  /** The files that say what an instance has taken of the machine. */
  settings(name: string): {
    readonly interfacePrefix: string;
    readonly serviceCidr: string;
    readonly podCidr: string;
    readonly apiPort: number;
  } {
    return JSON.parse(readFileSync(join(this.folder, "clusters", name, "instance.json"), "utf8")) as never;
  }

  /** The process that runs a cluster. */
  serverPid(name: string): number {
    const file = join(this.folder, "clusters", name, "server.json");
    return (JSON.parse(readFileSync(file, "utf8")) as { pid: number }).pid;
  }

  /** Ends what still runs, removes the clusters and the folder. */
  async leave(): Promise<void> {
    const ended = [...this.#running].map((child) => new Promise((done) => child.once("close", done)));
    for (const child of this.#running) child.kill("SIGKILL");
    await Promise.all(ended);
    for (const name of this.#names) {
      if (existsSync(join(this.folder, "clusters", name))) {
        await this.sampan(["down", "--purge", "--name", name], { timeoutMs: 60_000 });
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  #watch(child: ChildProcess): void {
    this.#running.add(child);
    child.once("close", () => this.#running.delete(child));
  }
}

/** A command that goes on, as `kubectl logs -f`: what it has printed, on both outputs. */
export class Following {
  readonly #child: ChildProcess;
  readonly #closed: Promise<number>;
  readonly #waiting = new Set<() => void>();
  #text = "";
  #ended = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#text += text;
        this.#wake();
      });
    }
    this.#closed = new Promise((done) =>
      child.once("close", (code) => {
        this.#ended = true;
        this.#wake();
        done(code ?? -1);
      }),
    );
    child.stdin?.on("error", () => {});
  }

  get text(): string {
    return this.#text;
  }

  /** Writes to its standard input. */
  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Closes its standard input. */
  endInput(): void {
    this.#child.stdin?.end();
  }

  /** Resolves with the output so far once it matches; rejects when it does not in time, or the command ends before. */
  async until(pattern: RegExp, timeoutMs = 20_000): Promise<string> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, timeoutMs);
    try {
      while (!pattern.test(this.#text)) {
        if (this.#ended || late) {
          throw new Error(`${this.#ended ? "it ended" : "time passed"} before ${pattern}:\n${this.#text}`);
        }
        await new Promise<void>((wake) => this.#waiting.add(wake));
      }
      return this.#text;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves with its exit code when it ends by itself. */
  ended(): Promise<number> {
    return this.#closed;
  }

  /** Ends it without a word; resolves when it has gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#closed;
  }

  /** Ends it as Ctrl-C does; resolves with everything that it printed. */
  async stop(): Promise<string> {
    this.#child.kill("SIGINT");
    await this.#closed;
    return this.#text;
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** A cluster of a home, and a user's way to it. */
export class RunningCluster {
  readonly home: Home;
  readonly name: string;
  readonly #kubectl: string;
  readonly #namespace: string;

  constructor(home: Home, name: string, { kubectl = "kubectl", namespace = "default" } = {}) {
    this.home = home;
    this.name = name;
    this.#kubectl = kubectl;
    this.#namespace = namespace;
  }

  /** The same cluster through another kubectl or in another namespace. */
  with(options: { kubectl?: string; namespace?: string }): RunningCluster {
    return new RunningCluster(this.home, this.name, {
      kubectl: options.kubectl ?? this.#kubectl,
      namespace: options.namespace ?? this.#namespace,
    });
  }

  #args(args: readonly string[]): string[] {
    return ["--context", `sampan-${this.name}`, "--namespace", this.#namespace, ...args];
  }

  /** Runs kubectl to its end, however it ends. */
  try(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.home.run(this.#kubectl, this.#args(args), options);
  }

  /** Runs kubectl and answers what it printed; a failure is an error that says what it said. */
  async kubectl(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { stdout, stderr, code } = await this.try(args, options);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  }

  apply(yaml: string): Promise<string> {
    return this.kubectl(["apply", "-f", "-"], { input: yaml });
  }

  follow(args: readonly string[], env: Readonly<Record<string, string>> = {}): Following {
    return this.home.follow(this.#kubectl, this.#args(args), env);
  }

  /** kubectl on a terminal, as `script` gives it one. */
  onTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}): Following {
    const command = [this.#kubectl, ...this.#args(args)].map((arg) => `'${arg.replaceAll("'", `'\\''`)}'`);
    return this.home.follow("script", ["-qec", command.join(" "), "/dev/null"], env);
  }

  /** One value of an object. */
  async get(object: string, path: string): Promise<string> {
    return await this.kubectl(["get", ...object.split(" "), "-o", `jsonpath={${path}}`]);
  }

  /** Runs a shell line in a pod and answers what it printed. */
  sh(pod: string, line: string): Promise<string> {
    return this.kubectl(["exec", pod, "--", "sh", "-c", line]);
  }

  /** Reasons and messages of the events about an object. */
  async events(kind: string, name: string): Promise<string> {
    return await this.kubectl([
      "get",
      "events",
      "--field-selector",
      `involvedObject.kind=${kind},involvedObject.name=${name}`,
      "-o",
      `jsonpath={range .items[*]}{.type} {.reason} {.message}{"\\n"}{end}`,
    ]);
  }

  waitFor(object: string, condition: string, seconds = 30): Promise<string> {
    return this.kubectl(["wait", ...object.split(" "), `--for=${condition}`, `--timeout=${seconds}s`]);
  }

  rollout(object: string, seconds = 60): Promise<string> {
    return this.kubectl(["rollout", "status", object, `--timeout=${seconds}s`]);
  }
}

/** Asks again until the check passes; throws its last failure when it did not in time. */
export async function eventually<T>(check: () => Promise<T> | T, timeoutMs = 20_000): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
      await pause(100);
    }
  }
}

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** The body of a page; throws when it does not come, or comes with a failure. */
export async function page(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5000), headers: { connection: "close" } });
  const body = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${body}`);
  return body;
}
