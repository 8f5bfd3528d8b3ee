import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { RealClock } from "../apimachinery/clock.ts";
import { SystemRandom } from "../apimachinery/random.ts";
import { keptHistory } from "../history/index.ts";
import { type CertificateName, openPki, type Pki } from "../pki/index.ts";
import { SqliteStorage, type SqliteStorageOptions } from "../storage/sqlite/sqlite-storage.ts";
import { type Storage, StorageError } from "../storage/storage.ts";
import type { ApiServerContext } from "./api-server-parts.ts";
import { readSettings } from "./api-server-settings.ts";
import type { Cluster, ClusterOptions } from "./cluster.ts";
import { historyFiles } from "./history-files.ts";
import { hostAddress, reachableAddress } from "./host-address.ts";
import { MachineHostPorts } from "./host-ports.ts";
import { collectGarbage, collectWhenIdle, processCpuMs } from "./idle-memory.ts";
import {
  type Instance,
  type InstanceSettings,
  machineRegister,
  recordServer,
  runningServer,
} from "./instance.ts";
import { localVolumes, pretendedVolumes } from "./local-volumes.ts";
import { type LogLevel, newLogger } from "./log.ts";
import { logFile } from "./log-file.ts";
import { contextName, kubeconfigFile, notedKubeconfigsFile, simulatedNodeNames } from "./names.ts";
import { lookForTrouble } from "./start-trouble.ts";
import { logStrayFailures } from "./stray-failures.ts";

/** Services and pods are looked at within a second of a start. */
const hostPortsSettledMs = 30_000;

/**
 * What a server tells while it starts, in this order; `nodes` now and then while there are more and more of them. Times are
 * in milliseconds since the process began.
 */
export type ServerStage = "api" | "nodes" | "node" | "ready";

export interface ServerProcessOptions {
  readonly instance: Instance;
  readonly logLevel: LogLevel;
  /** Further addresses to listen on; loopback always is. */
  readonly address?: string;
  /** False: what changes, and through whom, is not remembered. */
  readonly history?: boolean;
  /** Lines of the log; by default they go to `server.log` in the instance's folder. */
  readonly writeLog?: (line: string) => void;
  readonly onStage: (stage: ServerStage, atMs: number) => void;
  /** Called once when something keeps it from becoming ready; it goes on trying. */
  readonly onTrouble?: (trouble: string) => void;
  /** Called whenever the server comes to rest after work: for what need not be done before. */
  readonly atRest?: () => void;
}

/** Why a server could not start, for the person who started it. */
export class ServerStartError extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ServerStartError";
    this.remedy = remedy;
  }
}

export interface RunningServer {
  /** Resolves when the server has stopped. */
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Runs an instance in this process: storage, API server, controllers, and a node of the instance's runtime. What can be
 * done at once is; the order of what cannot is: storage and keys, API, roles, caches. Programs that the API does not need
 * are loaded once it listens.
 */
export async function runServer(options: ServerProcessOptions): Promise<RunningServer> {
  const { instance, onStage } = options;
  const { directory, settings } = instance;
  const other = runningServer(instance);
  if (other !== undefined && other.pid !== process.pid) {
    throw new ServerStartError(
      `cluster "${instance.name}" runs already, as process ${other.pid}`,
      "stop it with: sampan down",
    );
  }
  // Known from the first moment: whoever stops the cluster while it starts must find it.
  recordServer(instance, process.pid, false);
  const clock = new RealClock();
  const random = new SystemRandom();
  const logger = newLogger(
    clock,
    options.logLevel,
    options.writeLog ?? logFile(join(directory, "server.log")),
  );
  const apiAddress = settings.serviceCidr.replace(/\.\d+\/\d+$/, ".1");
  const own = settings.runtime === "crun";
  const hostPorts = own ? new MachineHostPorts(instance, machineRegister()) : undefined;

  // The storage thread reads the file while this one loads the program.
  const keeper = options.history === false ? undefined : historyFiles(directory);
  const opening = openStorage({
    file: join(directory, "state.db"),
    clock,
    ...(keeper && { archive: keeper }),
  });
  opening.catch(() => {});
  const { pki, saved, made } = openPki(join(directory, "pki"), {
    clock,
    serverNames: {
      dnsNames: [],
      ipAddresses: [apiAddress, ...named(hostAddress()), ...named(options.address)],
    },
  });
  const { Cluster } = await import("./cluster.ts");
  const storage = await opening;
  const parts = await apiServerParts({ directory, clock, random, logger }, storage);
  if (parts.storage === undefined) storage.archive?.protect([], () => false);
  const { archive } = parts.storage ?? storage;
  const history = archive && keptHistory(archive, clock);
  const cluster = new Cluster({
    clock,
    random,
    logger,
    storage,
    ...(history === undefined ? {} : { history }),
    ...parts,
    cpuMs: processCpuMs,
    pki,
    onRenewed: async (names) => {
      await writeOwnKubeconfig(instance, pki);
      await renewNoted(directory, pki, names);
    },
    serviceCidr: settings.serviceCidr,
    dnsAddress: settings.dnsAddress,
    localVolumes: own
      ? localVolumes(directory)
      : pretendedVolumes(simulatedNodeNames(settings.nodes)[0] ?? ""),
    ...endpointOf(own ? apiAddress : reachableAddress(options.address), own ? 443 : settings.apiPort),
    ...(hostPorts === undefined ? {} : { hostPorts }),
  });
  await cluster.startApi();
  await saved;
  await listen(cluster, { address: "127.0.0.1", port: settings.apiPort });
  if (options.address !== undefined)
    await listen(cluster, { address: options.address, port: settings.apiPort });
  onStage("api", sinceStartMs());
  const endLooking = lookForTrouble({
    clock,
    find: () => cluster.server.unreadable(),
    tell: (trouble) => {
      recordServer(instance, process.pid, false, trouble);
      options.onTrouble?.(trouble);
    },
  });

  // Controllers may do nothing before the roles are there that let them. The node comes up meanwhile; its caches fill
  // with those of the controllers.
  const [stopNode] = await Promise.all([
    hostPorts !== undefined
      ? startCrunNode(cluster, instance, apiAddress, hostPorts)
      : startSimulated(cluster, settings, () => onStage("nodes", sinceStartMs())),
    cluster.bootstrap().then(() => cluster.startControllers()),
    writeOwnKubeconfig(instance, pki),
  ]);
  // Of a cluster that was stopped when its certificates were due.
  await renewNoted(directory, pki, made).catch((error: unknown) => {
    logger.error("a kubeconfig is old; write it anew with: sampan kubeconfig --merge", {
      error: String(error),
    });
  });
  onStage("node", sinceStartMs());
  endLooking();
  // A signal, because who may send it is who may read the cluster's files, and it costs nothing until it comes.
  process.on("SIGUSR2", () => {
    import("./snapshot/answer-request.ts")
      .then(({ answerRequest }) => answerRequest(directory, storage, logger))
      .catch((error: unknown) => logger.error("no snapshot was taken", { error: String(error) }));
  });
  // Until here such a failure ends the process, and whoever started it is told at once.
  const endLogging = logStrayFailures(process, logger);
  recordServer(instance, process.pid, true);
  logger.info("ready", { runtime: settings.runtime, api: `https://127.0.0.1:${settings.apiPort}` });
  onStage("ready", sinceStartMs());
  const collect = async (): Promise<void> => {
    // Before the collector has been there: it takes code that has not been used for a while.
    options.atRest?.();
    await collectGarbage();
  };
  collectWhenIdle({
    clock,
    signal: cluster.signal,
    cpuMs: processCpuMs,
    residentBytes: () => process.memoryUsage.rss(),
    collect,
  });

  let stopping: Promise<void> | undefined;
  const stopped = Promise.withResolvers<void>();
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      logger.info("stopping");
      cluster.server.announceClose();
      await stopNode();
      await cluster.stop();
      rmSync(join(directory, "server.json"), { force: true });
      endLogging();
      stopped.resolve();
    })();
    return stopping;
  };
  return { stopped: stopped.promise, stop };
}

/** What the kept settings of the API server make of it; nothing is loaded for settings that are not there. */
async function apiServerParts(context: ApiServerContext, storage: Storage): Promise<Partial<ClusterOptions>> {
  const settings = readSettings(context.directory);
  if (Object.keys(settings).length === 0) return {};
  const { newApiServerParts } = await import("./api-server-parts.ts");
  return await newApiServerParts(settings, context, storage);
}

/** Starts the node of this machine; resolves, when it is registered, with what stops it. */
async function startCrunNode(
  cluster: Cluster,
  { directory, settings }: Instance,
  apiAddress: string,
  hostPorts: MachineHostPorts,
): Promise<() => Promise<void>> {
  const { CrunNode } = await import("./crun-node.ts");
  const nodeSettings = { directory, apiAddress, hostPorts, ...settings };
  const node = new CrunNode(cluster, nodeSettings);
  await Promise.all([
    node.open(),
    node.prepareServiceInterface().then(() => cluster.listen({ address: apiAddress, port: 443 })),
  ]);
  await node.start();
  // Whoever still wants a port that an earlier server had has asked for it by then.
  const settled = cluster.clock.after(hostPortsSettledMs, () => hostPorts.forgetOthers());
  return () => {
    settled.stop();
    return node.stop();
  };
}

async function startSimulated(
  cluster: Cluster,
  settings: InstanceSettings,
  onProgress: () => void,
): Promise<() => Promise<void>> {
  const { startSimulatedNodes } = await import("./simulated-nodes.ts");
  return await startSimulatedNodes(cluster, settings, onProgress);
}

/** Where the API server says that it is reached. */
const endpointOf = (ip: string | undefined, port: number): Pick<ClusterOptions, "apiEndpoint"> =>
  ip === undefined ? {} : { apiEndpoint: { ip, port } };

const named = (address: string | undefined): string[] => (address === undefined ? [] : [address]);

const sinceStartMs = (): number => Math.round(performance.now());

async function openStorage(options: SqliteStorageOptions): Promise<SqliteStorage> {
  const { file } = options;
  try {
    return await SqliteStorage.open(options);
  } catch (error) {
    if (error instanceof StorageError && error.code === "corrupt") {
      throw new ServerStartError(
        `the cluster's state in ${file} cannot be read: ${error.message}`,
        "restore it from a copy, or start anew with: sampan down --purge",
        { cause: error },
      );
    }
    if (error instanceof StorageError && error.code === "noSpace") {
      throw new ServerStartError(
        `the disk of ${file} is full`,
        "free some space and start again; nothing is lost",
        { cause: error },
      );
    }
    throw error;
  }
}

async function listen(cluster: Cluster, at: { address: string; port: number }): Promise<void> {
  try {
    await cluster.listen(at);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") {
      throw new ServerStartError(
        `port ${at.port} of ${at.address} is in use by another program`,
        "stop that program, or start a cluster of another name, which takes another port: sampan up --name NAME",
        { cause: error },
      );
    }
    if (code === "EADDRNOTAVAIL") {
      throw new ServerStartError(
        `${at.address} is not an address of this machine`,
        "name one that is with --address",
        { cause: error },
      );
    }
    throw error;
  }
}

async function writeOwnKubeconfig({ name, directory, settings }: Instance, pki: Pki): Promise<void> {
  const { writeContext } = await import("../client/kubeconfig.ts");
  writeContext(kubeconfigFile(directory), {
    name: contextName(name),
    server: `https://127.0.0.1:${settings.apiPort}`,
    ca: pki.authority.certificate,
    clientCertificate: pki.admin.certificate,
    clientKey: pki.admin.key,
  });
}

/** In files of the user's, what `up` has put there. */
async function renewNoted(directory: string, pki: Pki, renewed: readonly CertificateName[]): Promise<void> {
  if (!renewed.includes("admin") && !renewed.includes("ca")) return;
  if (!existsSync(notedKubeconfigsFile(directory))) return;
  const { renewNotedKubeconfigs } = await import("./kubeconfig-files.ts");
  renewNotedKubeconfigs(directory, pki);
}
