import { spawnSync } from "node:child_process";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";

/** How a cluster's things on the machine are known. */
export interface Marks {
  /** The folder below which everything of the cluster is. */
  readonly directory: string;
  readonly interfacePrefix: string;
  /** Beginnings of its addresses: `10.96.`. */
  readonly addresses: readonly string[];
}

/** Everything on this machine that is a cluster's: one line each, empty when it has left nothing. */
export function leftovers({ directory, interfacePrefix, addresses }: Marks): string[] {
  const carries = (text: string): boolean => text.includes(directory) || text.includes(interfacePrefix);
  return [
    ...processes().filter((line) => line.includes(directory)),
    ...lines("mount", readFileSync("/proc/self/mountinfo", "utf8")).filter((line) =>
      line.includes(directory),
    ),
    ...lines("link", output("ip", ["-o", "link"])).filter((line) => line.includes(` ${interfacePrefix}`)),
    ...lines("route", output("ip", ["route", "show", "table", "all"])).filter(
      (line) => addresses.some((start) => line.includes(` ${start}`)) || line.includes(` ${interfacePrefix}`),
    ),
    ...lines("nft", output("nft", ["list", "tables"])).filter((line) => line.includes(` ${interfacePrefix}`)),
    ...globSync(["/sys/fs/cgroup/*", "/sys/fs/cgroup/*/*"])
      .filter((path) => path.endsWith(`/${interfacePrefix}`))
      .map((path) => `cgroup ${path}`),
    ...["/run", "/run/netns", "/run/crun", "/var/run/crun", "/tmp"]
      .filter((folder) => existsSync(folder))
      .flatMap((folder) => readdirSync(folder).map((name) => `${folder}/${name}`))
      .filter((path) => path !== directory && carries(path))
      .map((path) => `file ${path}`),
    ...(existsSync(directory) ? [`directory ${directory}`] : []),
  ];
}

/** All processes but this one: id, command line and groups. */
export function processes(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        const cgroup = readFileSync(`/proc/${pid}/cgroup`, "utf8");
        return [`process ${pid} ${command} ${cgroup.replaceAll("\n", " ")}`];
      } catch {
        // It has ended since.
        return [];
      }
    });
}

const output = (file: string, args: readonly string[]): string =>
  spawnSync(file, args, { encoding: "utf8" }).stdout;

const lines = (what: string, text: string): string[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => `${what} ${line}`);
