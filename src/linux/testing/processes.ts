import { readdirSync, readFileSync } from "node:fs";

/** The states (R, S, Z…) of a process's children. */
export function processStates(parent: number): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        const [state = "", parentPid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return Number(parentPid) === parent ? [state] : [];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}
