import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { RealClock, type Timer } from "../apimachinery/clock.ts";
import {
  type CheckedSettings,
  checkSettings,
  keepSettings,
  settingsForRestart,
} from "../cluster/api-server-settings.ts";
import {
  findInstance,
  type Instance,
  openInstance,
  recordServer,
  runningServer,
  withInstanceLock,
} from "../cluster/instance.ts";
import { keepNodes } from "../cluster/node-count.ts";
import { apiServerOptions, givenSettings } from "./api-server-options.ts";
import {
  type Command,
  CommandError,
  type Io,
  isDiskFull,
  nameOption,
  type OptionValues,
  text,
} from "./command.ts";
import { checkName, startTrouble } from "./instances.ts";
import { Progress } from "./progress.ts";
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

/** A server that says nothing for so long does not come up. */
const silenceMs = 60_000;

const pollMs = 50;

export const upCommand: Command = {
  name: "up",
  usage: "up [FILE…] [--name NAME] [--runtime KIND]",
  summary: "start a cluster (or find it running), apply files, wait until they run",
  description:
    "Starts a cluster in the background, or finds it running, and points kubectl at it. Files are applied as\n`kubectl apply` does, and waited for until they are rolled out.",
  options: {
    name: nameOption,
    runtime: runtimeOption,
    nodes: nodesOption,
    port: portOption,
    address: addressOption,
    history: historyOption,
    timeout: {
      type: "string",
      value: "SECONDS",
      default: "120",
      description: "how long to wait for what the files start",
    },
    ...apiServerOptions,
  },
  examples: [
    "sampan up                                 # a cluster, ready for kubectl",
    "sampan up examples/hello.yaml             # … and an app in it",
    "sampan up --name ci --runtime simulated   # the whole control plane, without root",
    "sampan up --name big --runtime simulated --nodes 100",
    "sampan up --audit-policy-file policy.yaml --audit-log-path audit.log   # who did what?",
  ],
  maxArguments: 1000,
  async run(options, files, io) {
    const name = text(options, "name");
    checkName(name);
    const timeoutMs = seconds(options) * 1000;
    for (const file of files) {
      if (file !== "-" && !existsSync(file)) {
        throw new CommandError(`there is no file ${file}`, { remedy: "nothing was started; check the path" });
      }
    }
    const settings = await checkSettings(givenSettings(options), findInstance(name)?.directory);
    const progress = new Progress(io);
    const { instance, wasRunning } = await ensureServer(name, options, settings, progress);
    if (!wasRunning) {
      const api = `https://127.0.0.1:${instance.settings.apiPort}`;
      io.out(`Cluster "${name}" is up at ${api} (${progress.summary()}).\n`);
    } else io.out(`Cluster "${name}" runs already, at https://127.0.0.1:${instance.settings.apiPort}.\n`);
    const context = await mergeKubeconfig(instance, io);
    io.out(`kubectl is set to context "${context.name}" in ${context.file}.\n`);
    if (files.length === 0) return 0;
    const { applyAndWait } = await import("./apply-and-wait.ts");
    return await applyAndWait({ instance, files, timeoutMs, io, progress });
  },
};

function seconds(options: OptionValues): number {
  const value = Number(text(options, "timeout"));
  if (Number.isFinite(value) && value >= 0) return value;
  throw new CommandError(`"${text(options, "timeout")}" is no number of seconds`, {
    remedy: "for example: --timeout 300",
    exitCode: 2,
  });
}

async function ensureServer(
  name: string,
  options: OptionValues,
  settings: CheckedSettings,
  progress: Progress,
): Promise<{ instance: Instance; wasRunning: boolean }> {
  const wanted = runtimeOf(options);
  const known = findInstance(name);
  if (known !== undefined && wanted !== undefined && wanted !== known.settings.runtime) {
    throw new CommandError(`cluster "${name}" was made with the runtime ${known.settings.runtime}`, {
      remedy: `leave --runtime out, use another --name, or remove it first: sampan down --purge --name ${name}`,
    });
  }
  const port = parsePort(options);
  if (known !== undefined && port !== undefined && port !== known.settings.apiPort) {
    throw new CommandError(
      `cluster "${name}" listens on port ${known.settings.apiPort} since its first start`,
      {
        remedy: "leave --port out, or start a cluster of another --name",
      },
    );
  }
  const runtime = wanted ?? known?.settings.runtime ?? "crun";
  const nodes = nodesOf(options, runtime);
  if (known !== undefined && runningServer(known)?.ready === true) {
    changeRunning(known, settings, nodes);
    return { instance: known, wasRunning: true };
  }
  if (runtime === "crun") {
    const { prepareHost } = await import("./prepare-host.ts");
    await prepareHost(progress);
  }
  progress.start(`waiting for another command about cluster "${name}"`);
  return await withInstanceLock(name, async () => {
    const found = await openInstance({ name, runtime, ...(port === undefined ? {} : { apiPort: port }) });
    if (await comesUp(found, progress)) {
      changeRunning(found, settings, nodes);
      return { instance: found, wasRunning: true };
    }
    keepSettings(found.directory, settings);
    const instance = keepNodes(found, nodes);
    await startServer(instance, options, progress);
    return { instance, wasRunning: false };
  });
}

/** Whether a server runs; waits while it starts: that of an `up` that was interrupted, or of `sampan server`. */
async function comesUp(instance: Instance, progress: Progress): Promise<boolean> {
  const endMs = performance.now() + silenceMs;
  for (;;) {
    const server = runningServer(instance);
    if (server === undefined) return false;
    if (server.ready) return true;
    if (server.trouble !== undefined) {
      const { error, remedy } = startTrouble(instance.name, server.trouble);
      throw new CommandError(error, { remedy });
    }
    if (performance.now() > endMs) {
      throw new CommandError(`cluster "${instance.name}" does not become ready, as process ${server.pid}`, {
        remedy: `see its log: sampan logs --name ${instance.name}\nor stop it: sampan down --name ${instance.name}`,
      });
    }
    progress.update(`cluster "${instance.name}" is starting`);
    await wait(pollMs);
  }
}

/** What a running server takes up by itself is changed at once; anything else needs a new start. */
function changeRunning(
  { name, directory, settings: { nodes: has = 1 } }: Instance,
  settings: CheckedSettings,
  nodes = has,
): void {
  if (nodes !== has) {
    throw new CommandError(`cluster "${name}" runs already, with ${has} ${has === 1 ? "node" : "nodes"}`, {
      remedy: `stop it first, its state is kept: sampan down --name ${name}`,
    });
  }
  const fixed = settingsForRestart(directory, settings);
  if (fixed.length > 0) {
    throw new CommandError(
      `cluster "${name}" runs already, with other ${fixed.map((setting) => `--${setting.name}`).join(", ")}`,
      { remedy: `stop it first, its state is kept: sampan down --name ${name}` },
    );
  }
  keepSettings(directory, settings);
}

/**
 * A start makes objects that stay. With V8's first young generation of 1 MB each is copied several times on its way to the
 * old one; with 8 MB a start takes 7 % less CPU time, and the server 5 MB more at rest.
 */
const serverFlags = ["--min-semi-space-size=8"];

/** Starts `sampan server` as a process of its own and waits until it is ready. */
async function startServer(instance: Instance, options: OptionValues, progress: Progress): Promise<void> {
  mkdirSync(instance.directory, { recursive: true, mode: 0o700 });
  const log = openSync(join(instance.directory, "server.log"), "a", 0o600);
  const entry = process.argv[1] ?? "";
  const address = text(options, "address");
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv,
      ...serverFlags,
      entry,
      "server",
      "--name",
      instance.name,
      "--report-fd",
      "3",
      ...(address === "" ? [] : ["--address", address]),
      ...(options["history"] === false ? ["--no-history"] : []),
    ],
    { detached: true, stdio: ["ignore", log, log, "pipe"], cwd: "/" },
  );
  closeSync(log);
  noteServer(instance, child.pid);
  const stages = child.stdio[3];
  if (stages === null || stages === undefined || !("on" in stages))
    throw new TypeError("the server has no report pipe");
  progress.start(`starting cluster "${instance.name}"`);
  await new Promise<void>((resolve, reject) => {
    let pending = "";
    const fail = (message: string, remedy: string): void => {
      watchdog.stop();
      reject(new CommandError(message, { remedy }));
    };
    const watch = (): Timer =>
      new RealClock().after(silenceMs, () =>
        fail(
          `the cluster did not become ready within ${silenceMs / 1000} s`,
          `see its log: sampan logs --name ${instance.name}\nif it is only slow: sampan up --name ${instance.name} goes on waiting`,
        ),
      );
    let watchdog = watch();
    stages.on("data", (chunk: Buffer) => {
      pending += chunk.toString();
      for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n")) {
        const message = JSON.parse(pending.slice(0, end)) as {
          stage?: string;
          atMs?: number;
          error?: string;
          remedy?: string;
        };
        pending = pending.slice(end + 1);
        if (message.error !== undefined)
          fail(message.error, message.remedy ?? `see its log: sampan logs --name ${instance.name}`);
        else if (message.stage === "ready") {
          watchdog.stop();
          resolve();
        } else {
          // It is busy, with many nodes or on a slow machine: whoever says something is not stuck.
          watchdog.stop();
          watchdog = watch();
          if (message.stage !== "nodes") progress.stage(message.stage ?? "", message.atMs ?? 0);
        }
      }
    });
    child.once("error", (error) =>
      fail(
        `could not start the server: ${error.message}`,
        "check that the build is complete: ./sampan version",
      ),
    );
    child.once("exit", (code, signal) => {
      fail(
        `the cluster's process ended at its start (${signal ?? `exit code ${code}`})`,
        lastLines(instance),
      );
    });
  });
  progress.done();
  stages.destroy?.();
  child.unref();
}

/** A disk that is full is the server's to tell of: it knows what else it could not write. */
function noteServer(instance: Instance, pid: number | undefined): void {
  try {
    if (pid !== undefined) recordServer(instance, pid, false);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}

function lastLines(instance: Instance): string {
  const file = join(instance.directory, "server.log");
  const lines = existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n").slice(-5) : [];
  return `its log ends with:\n${lines.join("\n")}`;
}

async function mergeKubeconfig(instance: Instance, io: Io): Promise<{ name: string; file: string }> {
  const { mergeInstanceContext } = await import("./kubeconfig.ts");
  return mergeInstanceContext(instance, io.environment);
}
