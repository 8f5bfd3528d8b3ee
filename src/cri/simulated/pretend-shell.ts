/**
 * Understands just enough of commands to pretend them: what they print, how long they take, how they exit. Used for
 * the main process of simulated containers and for exec in them, so that manifests written for busybox behave.
 */
export interface Pretence {
  /** In order; `atMs` counts from the start. */
  readonly output: readonly {
    readonly atMs: number;
    readonly stream: "stdout" | "stderr";
    readonly text: string;
  }[];
  /** Infinity when it never ends by itself. */
  readonly durationMs: number;
  readonly exitCode: number;
  /** False when a command was met that means nothing here; the rest is then not to be relied upon. */
  readonly understood: boolean;
}

interface Run {
  readonly env: Readonly<Record<string, string>>;
  readonly output: { atMs: number; stream: "stdout" | "stderr"; text: string }[];
  atMs: number;
  exitCode: number;
  understood: boolean;
  ended: boolean;
}

/** Pretends a command with its arguments. `env` answers `$NAME`, `env` and `hostname` (by HOSTNAME). */
export function pretend(command: readonly string[], env: Readonly<Record<string, string>>): Pretence {
  const run: Run = { env, output: [], atMs: 0, exitCode: 0, understood: true, ended: false };
  runCommand(run, command);
  const { output, atMs, exitCode, understood } = run;
  return { output, durationMs: atMs, exitCode, understood };
}

function runCommand(run: Run, command: readonly string[]): void {
  const [path = "", ...args] = command;
  const name = path.slice(path.lastIndexOf("/") + 1);
  const known = commands[name];
  if (known === undefined) {
    run.understood = false;
    run.ended = true;
    return;
  }
  run.exitCode = 0;
  known(run, args);
}

const print = (run: Run, text: string): void => {
  run.output.push({ atMs: run.atMs, stream: "stdout", text });
};

const commands: Readonly<Record<string, (run: Run, args: readonly string[]) => void>> = {
  true() {},
  ":"() {},
  false(run) {
    run.exitCode = 1;
  },
  exit(run, [code]) {
    run.exitCode = Number(code ?? 0);
    run.ended = true;
  },
  echo(run, args) {
    const bare = args[0] === "-n";
    print(run, `${(bare ? args.slice(1) : args).join(" ")}${bare ? "" : "\n"}`);
  },
  printf(run, [format = ""]) {
    print(run, format.replaceAll("\\n", "\n"));
  },
  sleep(run, [time = "0"]) {
    const [, amount = "0", unit = "s"] = /^([\d.]+)([smhd]?)$/.exec(time) ?? [];
    const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit === "" ? "s" : unit] ?? 1_000;
    run.atMs += time === "infinity" ? Infinity : Number(amount) * unitMs;
    if (run.atMs === Infinity) run.ended = true;
  },
  pause(run) {
    run.atMs = Infinity;
    run.ended = true;
  },
  tail(run, args) {
    if (args.some((arg) => arg.startsWith("-f") || arg.startsWith("-F"))) {
      run.atMs = Infinity;
      run.ended = true;
    } else run.understood = false;
  },
  hostname(run) {
    print(run, `${run.env["HOSTNAME"] ?? "localhost"}\n`);
  },
  env(run) {
    print(
      run,
      Object.entries(run.env)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(""),
    );
  },
  printenv(run, names) {
    if (names.length === 0) return commands["env"]?.(run, []);
    for (const name of names) {
      const value = run.env[name];
      if (value === undefined) run.exitCode = 1;
      else print(run, `${value}\n`);
    }
  },
  sh: shell,
  bash: shell,
  ash: shell,
};

function shell(run: Run, args: readonly string[]): void {
  const at = args.findIndex((arg) => /^-[a-z]*c$/.test(arg));
  const script = at < 0 ? undefined : args[at + 1];
  if (script === undefined) run.understood = args.length === 0;
  else runScript(run, script);
}

/** Loops, pipes, redirections and the like are beyond pretending. */
const beyond = /[|<>`*(){}]|\$\(|\b(while|for|if|until|case|trap|set|read|do|done|then)\b/;

function runScript(run: Run, script: string): void {
  const endless = /\b(while\s+(true|:|\[\s*1\s*\])|while true|until false|for\s*\(\(\s*;;)/.test(script);
  if (beyond.test(script)) {
    run.understood = endless;
    if (endless) run.atMs = Infinity;
    run.ended = true;
    return;
  }
  const parts = script.split(/(&&|\|\||;|\n)/);
  let joiner = ";";
  for (const [index, part] of parts.entries()) {
    if (index % 2 === 1) {
      joiner = part;
      continue;
    }
    const words = splitWords(part, run.env);
    if (words.length === 0 || run.ended) continue;
    if ((joiner === "&&" && run.exitCode !== 0) || (joiner === "||" && run.exitCode === 0)) continue;
    runCommand(run, words[0] === "exec" ? words.slice(1) : words);
  }
}

/** Splits at blanks, minding quotes, and puts variables in where quotes allow it. */
function splitWords(text: string, env: Readonly<Record<string, string>>): string[] {
  const words: string[] = [];
  for (const match of text.matchAll(/(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+/g)) {
    const word = match[0].replaceAll(
      /'([^']*)'|"((?:[^"\\]|\\.)*)"|\$\{?(\w+)\}?/g,
      (whole, single: string | undefined, double: string | undefined, name: string | undefined) => {
        if (single !== undefined) return single;
        if (double !== undefined) return expand(double, env);
        return name === undefined ? whole : (env[name] ?? "");
      },
    );
    words.push(word);
  }
  return words;
}

function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text
    .replaceAll(/\$\{?(\w+)\}?/g, (_, name: string) => env[name] ?? "")
    .replaceAll(/\\(["$\\])/g, "$1");
}
