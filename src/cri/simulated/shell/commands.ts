import { LoopJump, ShellExit } from "./jumps.ts";
import type { Running, Shell } from "./shell.ts";

/** What is known of a command: what it prints, how long it takes, how it ends. */
type Known = (shell: Shell, args: readonly string[]) => Running | undefined;

const echo: Known = (shell, args) => {
  const options = args.findIndex((arg) => !/^-[neE]+$/.test(arg));
  const words = options < 0 ? [] : args.slice(options);
  const given = (options < 0 ? args : args.slice(0, options)).join("");
  const text = given.includes("e") ? escapes(words.join(" ")) : words.join(" ");
  return shell.print(given.includes("n") ? text : `${text}\n`);
};

const printf: Known = (shell, [format = "", ...args]) => {
  const left = [...args];
  let text = "";
  do {
    text += escapes(format).replaceAll(/%(%|-?\d*(?:\.\d+)?[sdiu])/g, (whole) =>
      whole === "%%" ? "%" : (left.shift() ?? ""),
    );
  } while (left.length > 0 && /%[^%]/.test(format));
  return shell.print(text);
};

const escapes = (text: string): string =>
  text.replaceAll(/\\([nt\\])/g, (_, code: string) => ({ n: "\n", t: "\t" })[code] ?? "\\");

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Of several durations it is their sum. One that is none ends it at once, as an error does. */
const sleep: Known = (shell, args) => {
  const times = args.map((arg) => {
    if (/^inf(inity)?$/i.test(arg)) return Infinity;
    const [, amount, unit = "s"] = /^(\d+\.?\d*|\.\d+)([smhd])?$/.exec(arg) ?? [];
    return amount === undefined ? undefined : Number(amount) * (unitMs[unit] ?? 0);
  });
  const wrong = args.find((_, index) => times[index] === undefined);
  if (wrong !== undefined || args.length === 0) {
    shell.status = 1;
    const why = wrong === undefined ? "missing operand" : `invalid time interval '${wrong}'`;
    return shell.print(`sleep: ${why}\n`, "stderr");
  }
  return shell.sleep(times.reduce<number>((sum, ms) => sum + (ms ?? 0), 0));
};

/** It passes on what the stage before it printed; without one it is a program that waits. */
const passOn: Known = (shell, args) => {
  if (shell.input !== undefined) return shell.print(shell.input);
  if (args.length === 0) shell.isProgram = true;
  shell.understood = false;
  return undefined;
};

/** It does something that nobody sees, and succeeds at once. */
const unseen: Known = (shell) => {
  shell.understood = false;
};

/** It changes what nobody looks at. */
const done: Known = () => undefined;

const exit: Known = (shell, [code]) => {
  shell.status = /^\d+$/.test(code ?? "") ? Number(code) & 255 : shell.lastStatus;
  throw new ShellExit();
};

function* subShell(shell: Shell, args: readonly string[]): Running {
  const at = args.findIndex((arg) => /^-[a-z]*c$/.test(arg));
  const script = at < 0 ? undefined : args[at + 1];
  if (script === undefined) {
    shell.understood = args.length === 0;
    shell.isProgram = args.length > 0;
    return;
  }
  const outer = shell.exitsOnFailure;
  shell.exitsOnFailure = args.slice(0, at + 1).some((arg) => /^-[a-z]*e/.test(arg));
  try {
    yield* shell.script(script);
  } catch (error) {
    if (!(error instanceof ShellExit)) throw error;
  } finally {
    shell.exitsOnFailure = outer;
  }
}

/** `set -e`, and all that means nothing here. */
const set: Known = (shell, args) => {
  for (const arg of args) {
    if (/^-[a-z]*e/.test(arg)) shell.exitsOnFailure = true;
    if (/^\+[a-z]*e/.test(arg)) shell.exitsOnFailure = false;
  }
};

const assign: Known = ({ env }, args) => {
  for (const arg of args) {
    const at = arg.indexOf("=");
    if (at > 0) env.set(arg.slice(0, at), arg.slice(at + 1));
  }
};

function* exec(shell: Shell, args: readonly string[]): Running {
  if (args.length === 0) return;
  yield* shell.command(args);
  throw new ShellExit();
}

/** `timeout 30 command`: what is under way then ends with 124. */
function* timeout(shell: Shell, args: readonly string[]): Running {
  const options = args.findIndex((arg) => !arg.startsWith("-"));
  const [time = "0", ...command] = options < 0 ? [] : args.slice(options);
  const [, amount = "0", unit = "s"] = /^([\d.]+)([smhd]?)$/.exec(time) ?? [];
  const endMs = shell.atMs + Number(amount) * (unitMs[unit === "" ? "s" : unit] ?? 0);
  try {
    for (const happening of shell.command(command)) {
      if (happening.atMs > endMs) break;
      yield happening;
    }
  } catch (error) {
    if (shell.atMs !== Infinity) throw error;
  }
  if (shell.atMs <= endMs) return;
  shell.atMs = endMs;
  shell.status = 124;
  yield { atMs: endMs };
}

function* wait(shell: Shell): Running {
  shell.isProgram = shell.hasBackgroundProgram;
  const ms = Math.max(0, shell.backgroundMs - shell.atMs);
  if (ms > 0) yield* shell.sleep(ms);
}

const forever: Known = (shell) => shell.sleep(Infinity);

const jump =
  (isBreak: boolean): Known =>
  () => {
    throw new LoopJump(isBreak);
  };

/** Of files nothing is known: they are there. */
const test: Known = (shell, args) => {
  const words = args.at(-1) === "]" || args.at(-1) === "]]" ? args.slice(0, -1) : [...args];
  let isNot = false;
  while (words[0] === "!") {
    isNot = !isNot;
    words.shift();
  }
  shell.status = holds(shell, words) === isNot ? 1 : 0;
};

function holds(shell: Shell, [left = "", operator, right = ""]: readonly string[]): boolean {
  if (operator === undefined) return left !== "";
  if (left === "-n") return operator !== "";
  if (left === "-z") return operator === "";
  const [a, b] = [Number(left), Number(right)];
  const compared: Readonly<Record<string, boolean>> = {
    "=": left === right,
    "==": left === right,
    "!=": left !== right,
    "-eq": a === b,
    "-ne": a !== b,
    "-lt": a < b,
    "-le": a <= b,
    "-gt": a > b,
    "-ge": a >= b,
  };
  const known = compared[operator];
  if (known === undefined) shell.understood = false;
  return known ?? true;
}

const seq: Known = (shell, args) => {
  const numbers = args.map(Number);
  const last = numbers.at(-1) ?? 0;
  const first = numbers.length > 1 ? (numbers[0] ?? 1) : 1;
  const step = numbers.length > 2 ? (numbers[1] ?? 1) : 1;
  const count = Math.min(10_000, Math.max(0, Math.floor((last - first) / step) + 1)) || 0;
  return shell.print(Array.from({ length: count }, (_, index) => `${first + index * step}\n`).join(""));
};

/** In the cluster's time. */
const date: Known = (shell, args) => {
  const now = new Date(shell.startedAtMs + shell.atMs);
  const [day, time] = now.toISOString().slice(0, 19).split("T");
  const [year = "", month = "", date = ""] = (day ?? "").split("-");
  const [hour = "", minute = "", second = ""] = (time ?? "").split(":");
  const fields: Readonly<Record<string, string>> = {
    Y: year,
    m: month,
    d: date,
    H: hour,
    M: minute,
    S: second,
    F: day ?? "",
    T: time ?? "",
    s: String(Math.floor(now.getTime() / 1000)),
  };
  const format = args.find((arg) => arg.startsWith("+"))?.slice(1);
  const usual = `${now.toUTCString().slice(0, 3)} ${now.toUTCString().slice(8, 11)} ${String(Number(date)).padStart(2)} ${time} UTC ${year}`;
  return shell.print(
    `${format?.replaceAll(/%(\w)/g, (whole, name: string) => fields[name] ?? whole) ?? usual}\n`,
  );
};

const printenv: Known = (shell, names) => {
  if (names.length === 0)
    return shell.print(Array.from(shell.env, ([name, value]) => `${name}=${value}\n`).join(""));
  const values = names.map((name) => shell.env.get(name));
  if (values.includes(undefined)) shell.status = 1;
  return shell.print(values.flatMap((value) => (value === undefined ? [] : [`${value}\n`])).join(""));
};

const tail: Known = (shell, args) =>
  args.some((arg) => /^-([fF]|-follow)/.test(arg)) ? shell.sleep(Infinity) : passOn(shell, args);

const readLine: Known = (shell, args) => {
  const input = shell.input ?? "";
  if (input === "") {
    shell.status = 1;
    return;
  }
  const end = input.indexOf("\n");
  const line = end < 0 ? input : input.slice(0, end);
  shell.input = end < 0 ? "" : input.slice(end + 1);
  shell.env.set(args.findLast((arg) => !arg.startsWith("-")) ?? "REPLY", line);
};

/** Whatever is not among them is a program that takes no time where something follows it. */
export const commands: Readonly<Record<string, Known>> = {
  true: done,
  ":": done,
  cd: done,
  trap: done,
  umask: done,
  ulimit: done,
  unset: ({ env }, names) => {
    for (const name of names) env.delete(name);
  },
  export: assign,
  local: assign,
  readonly: assign,
  set,
  exit,
  return: exit,
  exec,
  timeout,
  wait,
  sleep,
  break: jump(true),
  continue: jump(false),
  false: (shell) => {
    shell.status = 1;
  },
  test,
  "[": test,
  "[[": test,
  echo,
  printf,
  seq,
  date,
  printenv,
  env: (shell, args) =>
    args.length === 0 ? printenv(shell, args) : shell.command(withoutAssignments(shell, args)),
  hostname: (shell) => shell.print(`${shell.env.get("HOSTNAME") ?? "localhost"}\n`),
  pause: forever,
  tail,
  read: readLine,
  cat: passOn,
  tee: passOn,
  sh: subShell,
  bash: subShell,
  ash: subShell,
  dash: subShell,
  ...Object.fromEntries(
    "awk base64 chmod chown cp curl cut dig find grep gzip head id kill ln ls md5sum mkdir mktemp mv nc nslookup ps pwd rm sed sha256sum sort sync tar touch tr uname uniq wc wget whoami xargs"
      .split(" ")
      .map((name) => [name, unseen]),
  ),
};

function withoutAssignments(shell: Shell, args: readonly string[]): readonly string[] {
  const at = args.findIndex((arg) => !arg.includes("="));
  assign(shell, at < 0 ? args : args.slice(0, at));
  return at < 0 ? ["true"] : args.slice(at);
}
