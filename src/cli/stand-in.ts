import { RealClock } from "../apimachinery/clock.ts";
import { FlagError, type FlagTable, flagHelp } from "../cluster/stand-in/flags.ts";
import { kubernetesVersion } from "../cluster/version.ts";
import { type Io, usageExitCode } from "./command.ts";

/**
 * The programs that `sampan envtest` puts into a folder: `stand-in etcd …`, `stand-in kube-apiserver …`. They run until
 * they are told to stop, or whoever started them is gone.
 */
export async function standIn([program = "", ...args]: readonly string[], io: Io): Promise<number> {
  const table = await tableOf(program);
  if (table === undefined) {
    io.error(`sampan: there is no stand-in of "${program}", but of etcd and kube-apiserver\n`);
    return usageExitCode;
  }
  if (args.some((arg) => arg === "--help" || arg === "-h")) {
    io.out(`Sampan's stand-in of ${program}.\n\nFlags:\n${flagHelp(table)}`);
    return 0;
  }
  if (args.some((arg) => arg === "--version" || arg === "--version=true")) {
    io.out(program === "etcd" ? "etcd Version: 3.6.8\n" : `Kubernetes ${kubernetesVersion}\n`);
    return 0;
  }
  const parent = Number(io.environment["SAMPAN_STARTED_BY"] ?? process.ppid);
  const stopped = Promise.withResolvers<void>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopped.resolve());
  try {
    const stop = await start(program, args);
    const watching = new RealClock().every(orphanCheckMs, () => {
      if (process.ppid !== parent) stopped.resolve();
    });
    await stopped.promise;
    watching.stop();
    await stop();
    return 0;
  } catch (error) {
    if (!(error instanceof FlagError) && !isSystemError(error)) throw error;
    io.error(`Error: ${error.message}\n`);
    return 1;
  }
}

/** A suite that was killed takes its servers with it, within this time. */
const orphanCheckMs = 1_000;

async function tableOf(program: string): Promise<FlagTable | undefined> {
  if (program === "etcd") return (await import("../cluster/stand-in/etcd.ts")).etcdFlags;
  return program === "kube-apiserver"
    ? (await import("../cluster/stand-in/api-server-flags.ts")).apiServerFlags
    : undefined;
}

async function start(program: string, args: readonly string[]): Promise<() => Promise<void>> {
  if (program === "etcd") {
    await (await import("../cluster/stand-in/etcd.ts")).startEtcd(args);
    return async () => undefined;
  }
  const server = await (await import("../cluster/stand-in/api-server.ts")).startApiServer(args);
  return () => server.stop();
}

/** A port in use, an address that is not this machine's: the message says it. */
const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && "syscall" in error;
