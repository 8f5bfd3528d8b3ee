import { type ChildProcess, fork, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cacheFolder } from "./programs.ts";
import type { Meanwhile, Start, Told } from "./server.ts";

/** How a scenario went; a line of JSON of a client's program. */
export interface Outcome {
  readonly scenario: string;
  readonly ok: boolean;
  readonly ms: number;
  /** Why it failed, or what it measured. */
  readonly detail?: string;
  /** Why it was left out. */
  readonly skipped?: string;
}

/**
 * A server that can be killed and started again at the same port with the same state, for one file of tests. Programs in
 * other languages ask for that by `POST`: /kill, /start (with a `Meanwhile`, or nothing), /compact.
 */
export class Lab {
  readonly folder = mkdtempSync(join(tmpdir(), "sampan-clients-"));
  readonly kubeconfig = join(this.folder, "kubeconfig");
  #port = 0;
  #server: ChildProcess | undefined;
  /** What servers that were killed could not clean up. */
  readonly #left: string[] = [];
  readonly #control = createServer((request, response) => {
    this.#obey(request).then(
      () => response.end("ok\n"),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });

  static async open(): Promise<Lab> {
    const lab = new Lab();
    try {
      await lab.start();
    } catch (error) {
      await lab.close();
      throw error;
    }
    await new Promise<void>((listening) => lab.#control.listen(0, "127.0.0.1", listening));
    return lab;
  }

  /** Where programs ask for restarts. */
  get control(): string {
    const address = this.#control.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }

  /** Resolves when the cluster is ready. */
  async start(meanwhile?: Meanwhile): Promise<void> {
    const server = fork(join(import.meta.dirname, "server.ts"), {
      execPath: process.execPath,
      execArgv: ["--disable-warning=ExperimentalWarning"],
      // A server starts several times: what Node makes of its sources is kept.
      env: { ...process.env, NODE_COMPILE_CACHE: join(cacheFolder, "node") },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#server = server;
    const start: Start = { folder: this.folder, port: this.#port, ...(meanwhile && { meanwhile }) };
    server.send(start);
    const told = await answer(server);
    if (told === "compacted") throw new Error("the server answered what it was not asked");
    this.#port = told.port;
    this.#left.push(dirname(told.kubeconfig));
    if (!existsSync(this.kubeconfig)) copyFileSync(told.kubeconfig, this.kubeconfig);
  }

  /** As a loss of power: nothing is said to clients. */
  async kill(): Promise<void> {
    const server = this.#server;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const gone = new Promise((done) => server.once("exit", done));
    server.kill("SIGKILL");
    await gone;
  }

  /** Forgets all history of the store. */
  async compact(): Promise<void> {
    if (this.#server === undefined) throw new Error("no server runs");
    const answered = answer(this.#server);
    this.#server.send("compact");
    await answered;
  }

  async close(): Promise<void> {
    await this.kill();
    this.#control.closeAllConnections();
    this.#control.close();
    for (const folder of [...this.#left, this.folder]) rmSync(folder, { recursive: true, force: true });
  }

  async #obey(request: IncomingMessage): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    if (request.url === "/kill") await this.kill();
    else if (request.url === "/compact") await this.compact();
    else if (request.url === "/start") {
      await this.start(body === "" ? undefined : (JSON.parse(body) as Meanwhile));
    } else throw new Error(`no such request: ${request.url}`);
  }
}

function answer(server: ChildProcess): Promise<Told> {
  return new Promise((resolveAnswer, reject) => {
    const ended = (): void => reject(new Error("the server ended"));
    server.once("exit", ended);
    server.once("message", (told: Told) => {
      server.off("exit", ended);
      resolveAnswer(told);
    });
  });
}

/**
 * Runs a client's program to its end; answers the outcome of each scenario by name. What the program says beside its
 * report goes to standard error when it fails. It is killed when it takes too long; the report is then what it had.
 */
export function runScenarios(
  [file, ...args]: readonly [string, ...string[]],
  { env, timeoutMs }: { readonly env: Readonly<Record<string, string>>; readonly timeoutMs: number },
): Promise<Map<string, Outcome>> {
  return new Promise((resolveReport, reject) => {
    const child = spawn(file, args, {
      env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    let report = "";
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (report += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said = `${said}${text}`.slice(-20_000)));
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code !== 0) console.error(`${file} ended with ${signal ?? code}:\n${said}`);
      const outcomes = report
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as Outcome);
      resolveReport(new Map(outcomes.map((outcome) => [outcome.scenario, outcome])));
    });
  });
}
