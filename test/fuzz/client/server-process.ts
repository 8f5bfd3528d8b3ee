import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Measurement, Question, Report } from "../server/messages.ts";
import type { Address } from "./http1-client.ts";

export interface ServerEvents {
  onFault(text: string): void;
  onStall(cpuMs: number): void;
  /** The process ended by itself. */
  onCrash(how: string): void;
}

/** The other end of `server/process.ts`. Questions are asked one after the other. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #answers: ((value: unknown) => void)[] = [];
  #isStopping = false;
  readonly address: Address;

  private constructor(child: ChildProcess, address: Address, events: ServerEvents) {
    this.#child = child;
    this.address = address;
    child.on("message", (report: Report) => {
      if (report.type === "answer") this.#answers.shift()?.(report.value);
      else if (report.type === "fault") events.onFault(report.text);
      else if (report.type === "stall") events.onStall(report.cpuMs);
    });
    child.on("exit", (code, signal) => {
      if (!this.#isStopping) events.onCrash(`exit code ${code}, signal ${signal}`);
      for (const resolve of this.#answers) resolve(undefined);
    });
  }

  static start(events: ServerEvents): Promise<ServerProcess> {
    const file = fileURLToPath(new URL("../server/process.ts", import.meta.url));
    const child = fork(file, { execArgv: ["--expose-gc", "--disable-warning=ExperimentalWarning"] });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`the server ended with ${code} before it was ready`)));
      const onMessage = (report: Report): void => {
        if (report.type === "fault") events.onFault(report.text);
        if (report.type !== "ready") return;
        child.off("message", onMessage);
        child.removeAllListeners("exit");
        resolve(new ServerProcess(child, { port: report.port, ca: report.ca }, events));
      };
      child.on("message", onMessage);
    });
  }

  /** What could not be removed. */
  sweep = async (): Promise<readonly string[]> => ((await this.#ask({ type: "sweep" })) ?? []) as string[];
  inspect = async (): Promise<readonly string[]> =>
    ((await this.#ask({ type: "inspect" })) ?? []) as string[];
  busiestMs = async (): Promise<number> => Number((await this.#ask({ type: "busiest" })) ?? 0);
  measure = async (): Promise<Measurement | undefined> =>
    (await this.#ask({ type: "measure" })) as Measurement | undefined;

  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.#child.exitCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    await this.#ask({ type: "stop" });
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await exited;
    clearTimeout(late);
  }

  #ask(question: Question): Promise<unknown> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#answers.push(resolve);
      this.#child.send(question);
    });
  }
}
