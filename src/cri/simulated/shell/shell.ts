import { commands } from "./commands.ts";
import { type Expansion, expandText, expandWord } from "./expand.ts";
import { Endless, LoopJump, ShellExit } from "./jumps.ts";
import { parseScript, type Redirects, type Script, type SimpleCommand } from "./parse.ts";
import { BeyondPretending } from "./tokens.ts";

/** Something that a command prints, or that time passes. Times count from the start. */
export interface Happening {
  readonly atMs: number;
  readonly stream?: "stdout" | "stderr";
  readonly text?: string;
}

/** How it ended; Infinity when it never does by itself. */
export interface Ending {
  readonly atMs: number;
  readonly exitCode: number;
  /** False when a command was met that means nothing here: what it would have done is not to be relied upon. */
  readonly understood: boolean;
  /** The last thing that it does is a program that is not known: a server, or the work of a Job. */
  readonly isProgram: boolean;
}

export type Running = Generator<Happening, void>;
type Target = "stdout" | "stderr" | "captured" | "nowhere";

/** So many commands without a moment's passing come to no end, and so much in the background is not looked at. */
const stepsMax = 10_000;
const backgroundMax = 1_000;
/** The name of no command. */
const beyond = "/";

/** Goes through a script as a shell would, without doing anything: what it prints comes out, and so does the time it takes. */
export class Shell {
  readonly env: Map<string, string>;
  /** When it started, in milliseconds since the Unix epoch. */
  readonly startedAtMs: number;
  atMs = 0;
  status = 0;
  /** Of the command before the one that runs. */
  lastStatus = 0;
  understood = true;
  isProgram = false;
  /** `set -e`: the first command that fails is the last. */
  exitsOnFailure = false;
  /** What the stage before it in a pipe has printed. */
  input: string | undefined;
  /** When the last thing in the background ends, and whether a program that is not known is there. */
  backgroundMs = 0;
  hasBackgroundProgram = false;
  #targets: { readonly stdout: Target; readonly stderr: Target } = { stdout: "stdout", stderr: "stderr" };
  #captured = "";
  /** What happens in the background, in time order. */
  #background: Happening[] = [];
  /** Within conditions a failure is an answer. */
  #conditions = 0;
  #steps = 0;
  #lastMs = 0;

  constructor(env: Readonly<Record<string, string>>, startedAtMs = 0) {
    this.env = new Map(Object.entries(env));
    this.startedAtMs = startedAtMs;
  }

  /** All of it, from the first command to the ending. */
  *play(command: readonly string[]): Generator<Happening, Ending> {
    try {
      yield* this.command(command);
      if (this.atMs < Infinity) yield* this.#untilNow();
    } catch (error) {
      if (error instanceof Endless) this.atMs = Infinity;
      else if (!(error instanceof ShellExit || error instanceof LoopJump)) throw error;
      yield* this.#untilNow();
    }
    const { atMs, status: exitCode, understood, isProgram } = this;
    return { atMs, exitCode, understood, isProgram };
  }

  /** A command with its arguments. */
  *command([path = "", ...args]: readonly string[]): Running {
    this.#step();
    const known = commands[path.slice(path.lastIndexOf("/") + 1)];
    // What follows a program was not its end.
    this.isProgram = known === undefined;
    this.lastStatus = this.status;
    this.status = 0;
    if (known === undefined) this.understood = false;
    else yield* known(this, args) ?? [];
  }

  *print(text: string, stream: "stdout" | "stderr" = "stdout"): Running {
    const target = this.#targets[stream];
    if (target === "captured") this.#captured += text;
    else if (target !== "nowhere" && text !== "") {
      yield* this.#untilNow();
      yield { atMs: this.atMs, stream: target, text };
    }
  }

  *sleep(ms: number): Running {
    this.atMs += ms;
    if (this.atMs === Infinity) throw new Endless();
    yield* this.#untilNow();
    // Who listens may stop here; where it is caught nobody does.
    yield { atMs: this.atMs };
  }

  /** One that is beyond pretending is a program that is not known. */
  *script(text: string): Running {
    yield* this.#run(this.#parsed(text));
  }

  #parsed(text: string): Script {
    try {
      return parseScript(text);
    } catch (error) {
      if (!(error instanceof BeyondPretending)) throw error;
      return { type: "command", assignments: [], words: [beyond], redirects: [] };
    }
  }

  *#run(script: Script): Running {
    switch (script.type) {
      case "sequence":
        for (const step of script.steps) yield* this.#run(step);
        return;
      case "command":
        return yield* this.#simple(script);
      case "background":
        return this.#inBackground(script.script);
      case "and":
      case "or":
        yield* this.#condition(script.left);
        if ((this.status === 0) === (script.type === "and")) yield* this.#run(script.right);
        return;
      case "not":
        yield* this.#condition(script.script);
        this.status = this.status === 0 ? 1 : 0;
        return;
      case "if":
        yield* this.#condition(script.test);
        return yield* this.#run(this.status === 0 ? script.body : script.otherwise);
      case "loop":
        return yield* this.#loop(script);
      case "each":
        for (const word of script.words.flatMap((each) => expandWord(each, this.#expansion))) {
          this.env.set(script.name, word);
          if (!(yield* this.#turn(script.body))) return;
        }
        return;
      case "pipe":
        return yield* this.#pipe(script.stages);
      case "group":
        return yield* this.#redirected(script.redirects, () =>
          script.isSubshell ? this.#subshell(script.script) : this.#run(script.script),
        );
    }
  }

  *#simple({ assignments, words, redirects }: SimpleCommand): Running {
    for (const { name, value } of assignments) this.env.set(name, expandText(value, this.#expansion));
    const fields = words.flatMap((word) => expandWord(word, this.#expansion));
    if (fields.length === 0) {
      if (words.length === 0) this.#step();
      return;
    }
    yield* this.#redirected(redirects, () => this.command(fields));
    if (this.exitsOnFailure && this.status !== 0 && this.#conditions === 0) throw new ShellExit();
  }

  *#condition(script: Script): Running {
    this.#conditions++;
    try {
      yield* this.#run(script);
    } finally {
      this.#conditions--;
    }
  }

  *#loop({ test, body, until }: Script & { type: "loop" }): Running {
    for (;;) {
      yield* this.#condition(test);
      if ((this.status === 0) === until) break;
      if (!(yield* this.#turn(body))) break;
    }
    this.status = 0;
  }

  /** Answers whether the loop goes on. */
  *#turn(body: Script): Generator<Happening, boolean> {
    this.#step();
    try {
      yield* this.#run(body);
      return true;
    } catch (error) {
      if (error instanceof LoopJump) return !error.isBreak;
      throw error;
    }
  }

  *#subshell(script: Script): Running {
    const env = new Map(this.env);
    try {
      yield* this.#run(script);
    } catch (error) {
      if (!(error instanceof ShellExit)) throw error;
    }
    this.env.clear();
    for (const [name, value] of env) this.env.set(name, value);
  }

  *#pipe(stages: readonly Script[]): Running {
    const outer = this.input;
    let isProgram = false;
    for (const [index, stage] of stages.entries()) {
      const isLast = index === stages.length - 1;
      if (isLast) yield* this.#subshell(stage);
      else this.input = this.#capture(() => this.#subshell(stage));
      isProgram ||= this.isProgram;
    }
    this.input = outer;
    this.isProgram = isProgram;
  }

  /** Runs it at once, with all the time that it takes, and answers what it prints. */
  #capture(run: () => Running): string {
    const outer = { targets: this.#targets, captured: this.#captured };
    this.#targets = { stdout: "captured", stderr: outer.targets.stderr };
    this.#captured = "";
    try {
      this.#collect(run());
      return this.#captured;
    } finally {
      this.#targets = outer.targets;
      this.#captured = outer.captured;
    }
  }

  /** What it prints past who runs it comes at its time. */
  #collect(running: Running): void {
    let count = 0;
    for (const happening of running) {
      if (++count > backgroundMax) throw new Endless();
      if (happening.text !== undefined) this.#background.push(happening);
    }
    this.#background.sort((a, b) => a.atMs - b.atMs);
  }

  /** It goes on beside the rest: what it prints comes at its time, and `wait` waits for it. */
  #inBackground(script: Script): void {
    const { atMs, status } = this;
    try {
      this.#collect(this.#subshell(script));
    } catch (error) {
      if (!(error instanceof Endless)) throw error;
      this.atMs = Infinity;
    }
    this.hasBackgroundProgram ||= this.isProgram;
    this.backgroundMs = Math.max(this.backgroundMs, this.atMs);
    this.atMs = atMs;
    this.status = status;
  }

  *#redirected(redirects: Redirects, run: () => Running): Running {
    if (redirects.length === 0) return yield* run();
    const outer = this.#targets;
    for (const { from, text, to } of redirects) {
      const [place = ""] = expandWord(to, this.#expansion);
      if (!text.startsWith(">")) continue;
      const target = text === ">&" ? this.#targetOf(place) : targetOfFile(place, this.#targets);
      if (from === "&") this.#targets = { stdout: target, stderr: target };
      else this.#targets = { ...this.#targets, [from === "2" ? "stderr" : "stdout"]: target };
    }
    try {
      yield* run();
    } finally {
      this.#targets = outer;
    }
  }

  #targetOf(descriptor: string): Target {
    return descriptor === "2" ? this.#targets.stderr : descriptor === "1" ? this.#targets.stdout : "nowhere";
  }

  *#untilNow(): Running {
    for (
      let next = this.#background[0];
      next !== undefined && next.atMs <= this.atMs;
      next = this.#background[0]
    ) {
      this.#background.shift();
      yield next;
    }
  }

  #step(): void {
    if (this.atMs > this.#lastMs) this.#steps = 0;
    this.#lastMs = this.atMs;
    if (++this.#steps > stepsMax) throw new Endless();
  }

  readonly #expansion: Expansion = {
    variable: (name) => (name === "?" ? String(this.status) : this.env.get(name)),
    substitute: (text) => this.#capture(() => this.#subshell(this.#parsed(text))),
  };
}

/** Files are nobody's, but for those that are the streams. */
function targetOfFile(path: string, targets: { readonly stdout: Target; readonly stderr: Target }): Target {
  if (/^\/dev\/stdout$|\/fd\/1$/.test(path)) return targets.stdout;
  return /^\/dev\/stderr$|\/fd\/2$/.test(path) ? targets.stderr : "nowhere";
}
