/** What other processes cost, as the kernel counts it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";

/** CPU time of a process's threads in nanoseconds, from the scheduler's own count: ticks of 10 ms are too coarse. */
export function cpuNanoseconds(pid: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  }
  return sum;
}

export interface Memory {
  readonly residentMb: number;
  /** The part that no other process shares. */
  readonly anonymousMb: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mb = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1]) / 1024;
  return { residentMb: mb("VmRSS"), anonymousMb: mb("RssAnon") };
}

/** Milliseconds that a program takes from spawn to exit. Its output is dropped; it must succeed. */
export async function timeOf(
  command: string,
  args: readonly string[],
  environment = process.env,
): Promise<number> {
  const startedMs = performance.now();
  const child = spawn(command, args, { stdio: "ignore", env: environment });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}`);
  return performance.now() - startedMs;
}

/** Says when the machine is too busy for times to mean much; ratios and CPU times still do. */
export function busyNote(): string {
  const [load = 0] = loadavg();
  const cores = availableParallelism();
  const busy = load > cores / 2 ? "; the machine is busy: times are longer for its sake" : "";
  return `${cores} cores, load ${load.toFixed(1)}${busy}`;
}

/** What an empty Node process is: the yardstick of a machine in its mood of the moment. */
export async function emptyNode(node: string): Promise<{ startMs: number; memory: Memory }> {
  const startMs = await timeOf(node, ["-e", "0"]);
  const child = spawn(node, ["-e", "console.log(1); setTimeout(() => {}, 60_000)"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  const memory = memoryOf(child.pid ?? 0);
  child.kill();
  await once(child, "exit");
  return { startMs, memory };
}
