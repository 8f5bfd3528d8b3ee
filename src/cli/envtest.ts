import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Command, CommandError, type OptionValues, text, usageExitCode } from "./command.ts";

export const envtestCommand: Command = {
  name: "envtest",
  usage: "envtest DIR [--controllers NAMES] [--nodes N]",
  summary: "write stand-ins of etcd, kube-apiserver and kubectl, for test suites that start them",
  description: `For suites that bring up an API server by starting Kubernetes' own programs: controller-runtime's envtest and
what was made after it in other languages. Nothing in the suite changes: it finds the programs in the folder that
KUBEBUILDER_ASSETS names. The path of the folder is printed, and nothing else.

As with Kubernetes' own programs nothing runs beside the API server: no controller, no scheduler, no node. The two
options change that.`,
  options: {
    controllers: {
      type: "string",
      value: "NAMES",
      repeats: true,
      description: 'run these controllers too, by Kubernetes\' names, or "all"',
    },
    nodes: {
      type: "string",
      value: "N",
      description:
        "run so many simulated nodes and a scheduler; pods obey their annotations instead of running",
    },
  },
  examples: [
    "KUBEBUILDER_ASSETS=$(sampan envtest ./bin/sampan) go test ./...",
    "sampan envtest ./bin/sampan --controllers namespace-controller,garbage-collector-controller",
    "sampan envtest ./bin/sampan --controllers all --nodes 2",
  ],
  maxArguments: 1,
  async run(options, [folder], io) {
    if (folder === undefined) {
      throw new CommandError("envtest needs a folder to write to", {
        remedy: "for example: KUBEBUILDER_ASSETS=$(sampan envtest ./bin/sampan) go test ./...",
        exitCode: usageExitCode,
      });
    }
    const directory = resolve(folder);
    const flags = ownFlags(options);
    await checkControllers(flags);
    const programs = {
      etcd: ["stand-in", "etcd"],
      "kube-apiserver": ["stand-in", "kube-apiserver", ...flags],
      kubectl: ["kubectl"],
    };
    try {
      mkdirSync(directory, { recursive: true });
      for (const [name, words] of Object.entries(programs)) {
        writeFileSync(join(directory, name), script(words), { mode: 0o755 });
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new CommandError(`the programs cannot be written to ${directory}: ${why}`, { cause: error });
    }
    io.out(`${directory}\n`);
    return 0;
  },
};

function ownFlags(options: OptionValues): string[] {
  const [controllers, nodes] = [options["controllers"], options["nodes"]];
  if (nodes !== undefined && !/^\d{1,4}$/.test(String(nodes))) {
    throw new CommandError(`--nodes ${String(nodes)}: how many is a number from 0 to 9999`, {
      exitCode: usageExitCode,
    });
  }
  return [
    ...(controllers === undefined ? [] : [`--sampan-controllers=${text(options, "controllers")}`]),
    ...(nodes === undefined ? [] : [`--sampan-nodes=${text(options, "nodes")}`]),
  ];
}

/** A suite would hear of a misspelt name as of a server that does not come up: so one is brought up here, and ended. */
async function checkControllers(flags: readonly string[]): Promise<void> {
  const named = flags.filter((flag) => flag.startsWith("--sampan-controllers="));
  if (named.length === 0) return;
  const { startApiServer } = await import("../cluster/stand-in/api-server.ts");
  const { FlagError } = await import("../cluster/stand-in/flags.ts");
  try {
    const server = await startApiServer([...named, "--secure-port=0"]);
    await server.stop();
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    throw new CommandError(error.message.replace("--sampan-controllers", "--controllers"), {
      exitCode: usageExitCode,
      cause: error,
    });
  }
}

/** Starts this very program, wherever the suite runs, and tells it who has started it: that may be gone before it looks. */
function script(words: readonly string[]): string {
  const program = [process.execPath, ...process.execArgv, resolve(process.argv[1] ?? ""), ...words];
  const quoted = program.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(" ");
  return `#!/bin/sh\nexport SAMPAN_STARTED_BY=$PPID\nexec ${quoted} "$@"\n`;
}
