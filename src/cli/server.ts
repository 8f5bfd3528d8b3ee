import { writeSync } from "node:fs";
import { checkSettings, keepSettings } from "../cluster/api-server-settings.ts";
import { findInstance, InstanceError, openInstance, runningServer } from "../cluster/instance.ts";
import type { LogLevel } from "../cluster/log.ts";
import { keepNodes } from "../cluster/node-count.ts";
import { apiServerOptions, givenSettings } from "./api-server-options.ts";
import { type Command, CommandError, nameOption, type OptionValues, text, usageExitCode } from "./command.ts";
import { checkName, startTrouble } from "./instances.ts";
import {
  addressOption,
  historyOption,
  nodesOf,
  nodesOption,
  parsePort,
  portOption,
  runtimeOf,
  runtimeOption,
} from "./server-options.ts";

const levels: readonly string[] = ["debug", "info", "warn", "error"];

/** `atRest` is called whenever the server comes to rest after work: for what need not be done before. */
export const newServerCommand = (atRest?: () => void): Command => ({
  name: "server",
  usage: "server [--name NAME] [--runtime KIND]",
  summary: "run a cluster in the foreground",
  description:
    "Runs a cluster in the foreground, with its log on standard error, until it is interrupted.\nContainers run on when it stops; `sampan down` ends them.",
  options: {
    name: nameOption,
    runtime: runtimeOption,
    nodes: nodesOption,
    port: portOption,
    address: addressOption,
    history: historyOption,
    "log-level": {
      type: "string",
      value: "LEVEL",
      default: "info",
      description: "debug, info, warn or error",
    },
    "report-fd": {
      type: "string",
      value: "FD",
      description: "for `sampan up`: where stages are told as lines of JSON",
    },
    ...apiServerOptions,
  },
  examples: ["sampan server", "sampan server --name ci --runtime simulated --log-level debug"],
  maxArguments: 0,
  async run(options, _positionals, io) {
    const level = text(options, "log-level");
    if (!levels.includes(level)) {
      throw new CommandError(`"${level}" is no log level`, {
        remedy: `use one of: ${levels.join(", ")}`,
        exitCode: usageExitCode,
      });
    }
    const report = reporter(options);
    const name = text(options, "name");
    checkName(name);
    const port = parsePort(options);
    const known = findInstance(name);
    const runtime = known?.settings.runtime ?? runtimeOf(options) ?? "crun";
    const nodes = nodesOf(options, runtime);
    const settings = await checkSettings(givenSettings(options), known?.directory);
    let instance = await openInstance({
      name,
      runtime,
      ...(port === undefined ? {} : { apiPort: port }),
    });
    // A server that runs already is not to find its settings changed: runServer refuses below.
    if (runningServer(instance) === undefined) {
      keepSettings(instance.directory, settings);
      instance = keepNodes(instance, nodes);
    }
    const { runServer, ServerStartError } = await import("../cluster/server-process.ts");
    try {
      const server = await runServer({
        instance,
        logLevel: level as LogLevel,
        ...(text(options, "address") === "" ? {} : { address: text(options, "address") }),
        history: options["history"] !== false,
        ...(report === undefined ? { writeLog: io.error } : {}),
        onStage: (stage, atMs) => report?.({ stage, atMs }),
        onTrouble: (trouble) => report?.(startTrouble(name, trouble)),
        ...(atRest === undefined ? {} : { atRest }),
      });
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void server.stop());
      await server.stopped;
      return 0;
    } catch (error) {
      const full = (error as NodeJS.ErrnoException).code === "ENOSPC";
      const told = full
        ? new ServerStartError(
            `the disk of ${instance.directory} is full`,
            "free some space and start again; nothing is lost",
          )
        : error;
      if (told instanceof ServerStartError || told instanceof InstanceError) {
        report?.({ error: told.message, remedy: told.remedy });
        throw new CommandError(told.message, { remedy: told.remedy, cause: error });
      }
      report?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      throw error;
    }
  },
});

/** A line of JSON per stage for the process that started this one; undefined in a terminal. */
function reporter(options: OptionValues): ((message: Record<string, unknown>) => void) | undefined {
  const fd = Number(text(options, "report-fd"));
  if (!Number.isInteger(fd) || fd < 3) return undefined;
  return (message) => {
    try {
      writeSync(fd, `${JSON.stringify(message)}\n`);
    } catch {
      // Whoever started this has gone and does not wait any more.
    }
  };
}
