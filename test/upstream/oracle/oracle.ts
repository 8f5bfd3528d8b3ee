import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Answer, Question } from "./question.ts";

/** Kubernetes' own code, which answers in the order of the questions. */
export class Oracle {
  readonly #program: ChildProcess;
  readonly #waiting: ((answer: Answer) => void)[] = [];

  constructor(path: string) {
    this.#program = spawn(path, [], { stdio: ["pipe", "pipe", "ignore"] });
    const { stdout } = this.#program;
    if (stdout === null) throw new Error("the oracle has no output");
    createInterface({ input: stdout }).on("line", (line) => {
      this.#waiting.shift()?.(JSON.parse(line) as Answer);
    });
    this.#program.once("exit", (code) => {
      for (const answer of this.#waiting.splice(0)) answer({ fault: `the oracle ended with code ${code}` });
    });
  }

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#program.stdin?.write(`${JSON.stringify(question)}\n`);
    });
  }

  async close(): Promise<void> {
    this.#program.stdin?.end();
    if (this.#program.exitCode === null) await once(this.#program, "exit");
  }
}
