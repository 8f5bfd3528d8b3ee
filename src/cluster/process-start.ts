import { readFileSync } from "node:fs";

/** Field 22 of /proc/PID/stat; elsewhere than Linux, whether the process exists. Undefined when it does not run. */
export function processStartTime(pid: number): string | undefined {
  try {
    if (process.platform !== "linux") {
      process.kill(pid, 0);
      return "running";
    }
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie has ended; only its parent has not noticed.
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
