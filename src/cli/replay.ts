import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { kubeconfigPathToWrite, loadKubeconfig, writeContext } from "../client/kubeconfig.ts";
import type { Artifact } from "../cluster/replay/artifact.ts";
import type { ReplayServer } from "../cluster/replay/replay-server.ts";
import type { Moment } from "../cluster/replay/timeline.ts";
import { BundleError } from "../cluster/snapshot/bundle.ts";
import { type Command, CommandError, type Io, type OptionValues, text, usageExitCode } from "./command.ts";
import { endContexts, replayContext, replayUrl, switchTo } from "./replay-context.ts";
import { parsePort } from "./server-options.ts";

export const replayCommand: Command = {
  name: "replay",
  usage: "replay FILE [--revision N | --at TIME] [-- COMMAND…] | replay --to MOMENT",
  summary: "look into the cluster of a failed test with kubectl, at any revision",
  description: `Opens the artifact of a failed test (cluster.artifact(FILE)) and serves its cluster on loopback as it was, until it is
interrupted: kubectl get, describe, logs and events work, ages are those of that moment, and nothing can be changed.
With a COMMAND, runs that and ends with it; kubectl finds the replay by KUBECONFIG. Meanwhile --to, in another
terminal, sets kubectl to another moment; --server URL/at/MOMENT does it for one call.`,
  options: {
    revision: { type: "string", value: "N", description: "what was at that revision (default: the last)" },
    at: { type: "string", value: "TIME", description: "what was at that time: 2026-01-01T00:05:00Z" },
    to: {
      type: "string",
      value: "MOMENT",
      description: "sets kubectl to another revision or time of the replay that runs",
    },
    list: { type: "boolean", description: "prints each revision: when, who, what; and ends" },
    info: {
      type: "boolean",
      description: "prints the failure, seed, options, versions and faults; and ends",
    },
    log: { type: "boolean", description: "prints what the server logged; and ends" },
    port: { type: "string", value: "PORT", description: "where to listen (default: a free one)" },
    kubeconfig: {
      type: "string",
      value: "FILE",
      description: "where the context is written (default: as kubectl has it)",
    },
  },
  examples: [
    "sampan replay failure.sampan --list                       # what happened, in order",
    "sampan replay failure.sampan                              # then: kubectl get pods -A",
    "sampan replay --to 120                                    # … as it was at revision 120",
    "sampan replay failure.sampan --revision 120 -- kubectl describe pod web-1",
  ],
  maxArguments: 1000,
  async run(options, [file, ...command], io) {
    if (text(options, "to") !== "") return await to(text(options, "to"), file, options, io);
    if (file === undefined) {
      throw new CommandError("say which file to replay", {
        remedy: "sampan replay FILE; a test writes one with cluster.artifact(FILE)",
        exitCode: usageExitCode,
      });
    }
    const artifact = await open(file);
    if (options["info"] === true) return info(artifact, io);
    if (options["log"] === true) return log(artifact, io);
    if (options["list"] === true) return await list(artifact, io);
    return await replay(artifact, file, command, options, io);
  },
};

async function open(file: string): Promise<Artifact> {
  if (!existsSync(file)) throw new CommandError(`there is no file ${file}`, { remedy: "check the path" });
  const { readArtifact } = await import("../cluster/replay/artifact.ts");
  try {
    return await readArtifact(file);
  } catch (error) {
    if (error instanceof BundleError)
      throw new CommandError(error.message, { remedy: error.remedy, cause: error });
    throw error;
  }
}

async function to(at: string, file: string | undefined, options: OptionValues, io: Io): Promise<number> {
  if (file !== undefined) {
    throw new CommandError("--to is for the replay that runs: it takes no FILE", {
      remedy: `sampan replay ${file} --revision N begins at another revision`,
      exitCode: usageExitCode,
    });
  }
  const kubeconfig = kubeconfigOf(options, io);
  const name = await switchTo(kubeconfig, at);
  io.out(`kubectl is set to context "${name}" in ${kubeconfig}.\n`);
  return 0;
}

const kubeconfigOf = (options: OptionValues, io: Io): string =>
  text(options, "kubeconfig") === "" ? kubeconfigPathToWrite(io.environment) : text(options, "kubeconfig");

async function replay(
  artifact: Artifact,
  file: string,
  command: readonly string[],
  options: OptionValues,
  io: Io,
): Promise<number> {
  const { ReplayServer } = await import("../cluster/replay/replay-server.ts");
  const at = text(options, "revision") === "" ? text(options, "at") : text(options, "revision");
  const server = await ReplayServer.of(artifact, { at }).catch((error: unknown) => {
    if (!(error instanceof RangeError)) throw error;
    throw new CommandError(error.message, {
      remedy: `sampan replay ${file} --list shows what there is`,
      cause: error,
    });
  });
  const port = await server.listen(parsePort(options) ?? 0).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EADDRINUSE") throw error;
    throw new CommandError(`port ${text(options, "port")} of 127.0.0.1 is in use by another program`, {
      remedy: "name another with --port, or leave it out",
      cause: error,
    });
  });
  const url = `https://127.0.0.1:${port}`;
  try {
    return command.length > 0
      ? await runBeside(command, server, url, io)
      : await stay(server, url, kubeconfigOf(options, io), io);
  } finally {
    await server.close();
  }
}

const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs a command that finds the replay, and nothing else, by its KUBECONFIG. */
async function runBeside(
  command: readonly string[],
  server: ReplayServer,
  url: string,
  io: Io,
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-replay-"));
  const kubeconfig = join(folder, "kubeconfig");
  try {
    write(kubeconfig, server, url);
    const [program = "", ...args] = command;
    return await new Promise<number>((resolve, reject) => {
      const env = { ...io.environment, KUBECONFIG: kubeconfig };
      const child = spawn(program, args, { stdio: "inherit", env });
      // The command decides what a signal ends; only then is the replay over. A terminal tells both of Ctrl-C.
      const pass = (signal: NodeJS.Signals): void => {
        if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
      };
      for (const signal of endings) process.on(signal, pass);
      child.once("close", () => {
        for (const signal of endings) process.off(signal, pass);
      });
      child.once("error", (error) =>
        reject(
          new CommandError(`${program} could not be started: ${error.message}`, {
            exitCode: 127,
            cause: error,
          }),
        ),
      );
      child.once("close", (code, signal) =>
        resolve(code ?? (signal === null ? 1 : 128 + constants.signals[signal])),
      );
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Serves until it is interrupted, and leaves the kubeconfig as it was. */
async function stay(server: ReplayServer, url: string, kubeconfig: string, io: Io): Promise<number> {
  const before = loadKubeconfig([kubeconfig]).currentContext;
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of endings) process.once(signal, () => resolve());
  });
  const name = write(kubeconfig, server, url);
  io.out(`${summary(server)}
kubectl is set to context "${name}" in ${kubeconfig}: what was then can be read, and not changed.
  sampan replay --to MOMENT                            another revision or time
  kubectl --server ${url}/at/MOMENT get pods   for one call
Ctrl-C ends it.
`);
  await interrupted;
  endContexts(kubeconfig, url, before);
  return 0;
}

function write(kubeconfig: string, { pki, revision }: ReplayServer, url: string): string {
  const name = replayContext(revision);
  writeContext(kubeconfig, {
    name,
    server: replayUrl(url, revision),
    ca: pki.authority.certificate,
    clientCertificate: pki.admin.certificate,
    clientKey: pki.admin.key,
  });
  return name;
}

function summary({ artifact, timeline }: ReplayServer): string {
  const { test, seed, firstRevision, revision } = artifact.header;
  const [first] = timeline.moments;
  const last = timeline.moments.at(-1);
  return [
    test === undefined ? "A cluster" : `The cluster of ${JSON.stringify(test)}`,
    `revisions ${Math.max(1, firstRevision)} to ${revision}`,
    ...(first === undefined || last === undefined
      ? []
      : [`${timeText(first.atMs)} to ${timeText(last.atMs)}`]),
    ...(seed === undefined ? [] : [`seed ${seed}`]),
  ]
    .join(", ")
    .concat(".");
}

const timeText = (ms: number): string => new Date(ms).toISOString();

async function list(artifact: Artifact, io: Io): Promise<number> {
  const { Timeline } = await import("../cluster/replay/timeline.ts");
  const { moments } = await Timeline.of(artifact);
  const row = ({ revision, atMs, who, verb, object, cause }: Moment): string[] => [
    String(revision),
    timeText(atMs),
    who === "" ? "?" : who,
    verb,
    cause === undefined ? object : `${object}  (${cause})`,
  ];
  const rows = [["REVISION", "TIME", "WHO", "VERB", "OBJECT"], ...moments.map(row)];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((cells) => (cells[column] ?? "").length)));
  for (const cells of rows)
    io.out(`${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}\n`);
  return 0;
}

function info({ header, faults }: Artifact, io: Io): number {
  const { test, error, seed, options, sampan, kubernetes, node, platform, createdAt } = header;
  const lines = [
    ...(test === undefined ? [] : [`test      ${test}`]),
    `written   ${createdAt} on the cluster's clock`,
    `versions  sampan ${sampan}, Kubernetes ${kubernetes}, Node ${node}, ${platform}`,
    `history   revisions ${Math.max(1, header.firstRevision)} to ${header.revision}${header.firstRevision > 0 ? "; what was before is forgotten: make the cluster with record: true" : ""}`,
    ...(seed === undefined ? [] : [`seed      ${seed}`]),
    `options   ${JSON.stringify(options ?? {})}`,
    ...(faults.length === 0 ? [] : ["faults"]),
    ...faults.map(({ atMs, what }) => `  ${timeText(atMs)} ${what}`),
    ...(error === undefined ? [] : ["failure", ...error.split("\n").map((line) => `  ${line}`)]),
  ];
  io.out(`${lines.join("\n")}\n`);
  return 0;
}

function log({ log: lines, header }: Artifact, io: Io): number {
  if (lines === "" && header.options?.["record"] === true) {
    io.out("The server logged nothing.\n");
    return 0;
  }
  if (lines === "") {
    throw new CommandError("the server's log is not in the file", {
      remedy: "it is written down when the cluster is made with record: true",
    });
  }
  io.out(lines);
  return 0;
}
