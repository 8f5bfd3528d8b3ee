import { readFileSync } from "node:fs";

/** A process that can be told from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between boot and its start. */
  readonly startTicks: number;
}

/** Undefined when there is no such process, or only its remains wait for their parent. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name stands in parentheses and may hold anything, also parentheses.
    const fields = status.slice(status.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return { pid, startTicks: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

/** True while exactly this process runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTicks === identity.startTicks;
}

/** Sends a signal to exactly this process. False when it has ended. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals | number): boolean {
  if (!isRunning(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false;
  }
}
