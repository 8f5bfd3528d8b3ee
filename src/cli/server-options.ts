import type { RuntimeKind } from "../cluster/instance.ts";
import { CommandError, type OptionSpec, type OptionValues, text, usageExitCode } from "./command.ts";

export const runtimeOption: OptionSpec = {
  type: "string",
  value: "KIND",
  description: "crun (real containers; needs Linux and root) or simulated (pods only pretend)",
};

export const portOption: OptionSpec = {
  type: "string",
  value: "PORT",
  description: "port of the API server at the first start (default: the first free one from 6443 on)",
};

export const addressOption: OptionSpec = {
  type: "string",
  value: "IP",
  description: "a further address of this machine to listen on; loopback always is",
};

export const historyOption: OptionSpec = {
  type: "boolean",
  isOn: true,
  description: "do not keep what changes, and through whom, for sampan history, diff and rewind",
};

export const nodesOption: OptionSpec = {
  type: "string",
  value: "N",
  description: "so many simulated nodes, for --runtime simulated; kept for later starts (default: 1)",
};

/** Every node has a range of addresses for its pods, and there are so many. */
const nodesMax = 32_768;

/** How many nodes are asked for; undefined when nothing is said. `runtime`: what the cluster runs with. */
export function nodesOf(options: OptionValues, runtime: RuntimeKind): number | undefined {
  const given = text(options, "nodes");
  if (given === "") return undefined;
  if (!/^\d{1,5}$/.test(given) || Number(given) > nodesMax) {
    throw new CommandError(`"${given}" is no number of nodes`, {
      remedy: `give a number from 0 to ${nodesMax}`,
      exitCode: usageExitCode,
    });
  }
  if (runtime === "simulated") return Number(given);
  throw new CommandError(
    "--nodes needs simulated nodes: with the runtime crun this machine is the one node",
    {
      remedy: "add --runtime simulated, with a --name of its own beside a cluster that runs containers",
      exitCode: usageExitCode,
    },
  );
}

export function runtimeOf(options: OptionValues): RuntimeKind | undefined {
  const runtime = text(options, "runtime");
  if (runtime === "" || runtime === "crun" || runtime === "simulated")
    return runtime === "" ? undefined : runtime;
  throw new CommandError(`"${runtime}" is no runtime`, {
    remedy: "use --runtime crun or --runtime simulated",
    exitCode: usageExitCode,
  });
}

export function parsePort(options: OptionValues): number | undefined {
  const given = text(options, "port");
  if (given === "") return undefined;
  const port = Number(given);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new CommandError(`"${given}" is no port`, {
    remedy: "give a number between 1 and 65535",
    exitCode: usageExitCode,
  });
}
