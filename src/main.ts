/** The command line: finds the command, runs it, and turns what it throws into a message and an exit code. */
import type { Io } from "./cli/command.ts";

// Compiled code is kept beside the build: a start is about a third faster.
process.getBuiltinModule("node:module").enableCompileCache(new URL("./.cache", import.meta.url).pathname);

// Node makes its streams when they are first asked for, which takes 10 ms: a server is started before.
const io: Io = {
  out: (text) => output().write(text),
  error: (text) => process.stderr.write(text),
  get interactive() {
    return process.stderr.isTTY && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
  },
  environment: process.env,
};

let knowsOutput = false;

/** A reader that has gone (`sampan logs | head`) ends the program quietly, as it does for other tools. */
function output(): NodeJS.WriteStream {
  if (!knowsOutput) {
    knowsOutput = true;
    process.stdout.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(0);
      throw error;
    });
  }
  return process.stdout;
}

async function main(argv: readonly string[]): Promise<number> {
  const [name = "help", ...rest] = argv;
  if (name === "kubectl" || name === "k") {
    output();
    const { kubectl } = await import("./kubectl/index.ts");
    return await kubectl(rest);
  }
  if (name === "server") {
    const { runServerProgram } = await import("./cli/server-program.ts");
    return await runServerProgram(rest, io);
  }
  if (name === "stand-in") {
    const { standIn } = await import("./cli/stand-in.ts");
    return await standIn(rest, io);
  }
  const { commands } = await import("./cli/index.ts");
  if (name === "help" || name === "--help" || name === "-h") {
    const { overview } = await import("./cli/overview.ts");
    io.out(overview(commands));
    return 0;
  }
  if (name === "version" || name === "--version") {
    const { versionText } = await import("./cli/overview.ts");
    io.out(versionText());
    return 0;
  }
  const { runToExit } = await import("./cli/run-to-exit.ts");
  return await runToExit(
    async () => {
      const load = commands.find((command) => command.name === name)?.load;
      if (load === undefined) throw await noCommand(name);
      return await load();
    },
    rest,
    io,
  );
}

async function noCommand(name: string): Promise<Error> {
  const { CommandError, usageExitCode } = await import("./cli/command.ts");
  return new CommandError(`there is no command "${name}"`, {
    remedy: "sampan --help lists them",
    exitCode: usageExitCode,
  });
}

const code = await main(process.argv.slice(2));
// A pipe takes so much at a time: what its reader has not taken yet would be lost.
if (knowsOutput && process.stdout.writableLength > 0)
  await new Promise<void>((resolve) => process.stdout.write("", () => resolve()));
// What a command left open must not hold the process.
process.exit(code);
