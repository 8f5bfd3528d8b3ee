/**
 * conmon: a small process per container that owns its output, terminal and exit code, so that the container outlives
 * this program. It writes the log in CRI's form and, at the end, a file with the exit code.
 */
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { programEnvironment } from "../../linux/spawned-operations.ts";
import type { System } from "../../linux/system.ts";
import type { CommandLine } from "./oci-runtime.ts";

export interface MonitorRequest {
  readonly id: string;
  readonly name: string;
  /** Where config.json lies, and where conmon keeps its sockets. */
  readonly bundle: string;
  readonly exitDirectory: string;
  readonly logPath: string;
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** Standard input closes when the first client leaves. */
  readonly stdinOnce: boolean;
  readonly runtime: CommandLine;
}

/** The container could not be made; the message is the runtime's. */
export class CreateFailed extends Error {}

/** Creates the container under a monitor; resolves with its process number when it waits to be started. */
export async function createMonitored(
  system: System,
  conmon: string,
  request: MonitorRequest,
): Promise<number> {
  const { bundle, runtime } = request;
  const args = [
    `--cid=${request.id}`,
    `--cuuid=${request.id}`,
    `--name=${request.name}`,
    `--bundle=${bundle}`,
    `--runtime=${runtime.program}`,
    ...runtime.args.map((arg) => `--runtime-arg=${arg}`),
    `--exit-dir=${request.exitDirectory}`,
    `--log-path=${request.logPath}`,
    "--log-level=error",
    `--container-pidfile=${join(bundle, "pid")}`,
    `--conmon-pidfile=${monitorPidFile(bundle)}`,
    "--full-attach",
    "--no-sync-log",
    "--no-new-keyring",
    ...(request.terminal ? ["--terminal"] : []),
    ...(request.stdin ? ["--stdin"] : []),
    ...(request.stdin && !request.stdinOnce ? ["--leave-stdin-open"] : []),
  ];
  // Descriptor 3 is the pipe on which conmon tells how the creation went: it forks and its first process ends early.
  const report = await system.startReporting({
    program: conmon,
    args,
    directory: bundle,
    errorFile: join(bundle, "conmon.log"),
    environment: { PATH: programEnvironment["PATH"] ?? "", _OCI_SYNCPIPE: "3", XDG_RUNTIME_DIR: "/run" },
  });
  return processNumberIn(report, bundle);
}

const monitorPidFile = (bundle: string): string => join(bundle, "conmon.pid");

/** The monitor's process number, or undefined before it has written it. */
export function monitorPid(bundle: string): number | undefined {
  try {
    return Number(readFileSync(monitorPidFile(bundle), "utf8"));
  } catch {
    return undefined;
  }
}

/** One line: `{"pid":123}`, or a negative number with the runtime's message. */
function processNumberIn(text: string, bundle: string): number {
  const { pid, data, message } = parseReport(text);
  const number = pid ?? data ?? -1;
  if (number > 0) return number;
  throw new CreateFailed(cleanMessage(message) || readErrors(bundle) || "the container could not be created");
}

function parseReport(text: string): { pid?: number; data?: number; message?: string } {
  try {
    return JSON.parse(text) as { pid?: number; data?: number; message?: string };
  } catch {
    return {};
  }
}

/** crun begins its lines with a time and a level; runc's are `time="…" level=error msg="…"`. */
export function cleanMessage(message: string | undefined): string {
  return (message ?? "")
    .split("\n")
    .map(
      (line) =>
        /msg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1]?.replaceAll('\\"', '"') ??
        line.replace(/^\S+Z: /, "").trim(),
    )
    .filter((line) => line !== "")
    .join("; ");
}

function readErrors(bundle: string): string {
  try {
    return readFileSync(join(bundle, "conmon.log"), "utf8").trim().slice(-1000);
  } catch {
    return "";
  }
}

/** How a container ended, from the file that its monitor wrote; undefined while it runs. */
export function readExitFile(
  exitDirectory: string,
  id: string,
): { readonly code: number; readonly atMs: number } | undefined {
  const path = join(exitDirectory, id);
  try {
    const code = Number(readFileSync(path, "utf8").trim());
    return { code, atMs: Math.round(statSync(path).mtimeMs) };
  } catch {
    return undefined;
  }
}

/** After the log was renamed: has the monitor open its path anew. */
export function reopenLog(bundle: string): void {
  control(bundle, "2 0 0\n");
}

export function resizeContainerTerminal(bundle: string, width: number, height: number): void {
  control(bundle, `1 ${height} ${width}\n`);
}

/** The control file is a pipe: opening it must not wait for a monitor that is gone. */
function control(bundle: string, line: string): void {
  const O_WRONLY_NONBLOCK = 0o4001;
  const fd = openSync(join(bundle, "ctl"), O_WRONLY_NONBLOCK);
  try {
    writeFileSync(fd, line);
  } finally {
    closeSync(fd);
  }
}
