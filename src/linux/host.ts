/** What this machine offers for running containers, and what to do about what it lacks. */
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { detectCgroups } from "./cgroups.ts";
import { programEnvironment } from "./spawned-operations.ts";

export interface HostProblem {
  readonly what: string;
  /** The command, or the step, that mends it. */
  readonly remedy: string;
  readonly fatal: boolean;
}

/** Absolute path of a program, looked for on the path and in the sbin folders. */
export function findProgram(name: string): string | undefined {
  for (const folder of (programEnvironment["PATH"] ?? "").split(delimiter)) {
    if (folder === "") continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Next folder.
    }
  }
  return undefined;
}

interface NeededProgram {
  /** Any of them will do. */
  readonly programs: readonly string[];
  readonly packages: string;
  readonly purpose: string;
  readonly fatal: boolean;
}

const needed: readonly NeededProgram[] = [
  { programs: ["crun", "runc"], packages: "crun", purpose: "starts containers", fatal: true },
  { programs: ["conmon"], packages: "conmon", purpose: "watches over a container", fatal: true },
  { programs: ["nft"], packages: "nftables", purpose: "routes Services and host ports", fatal: true },
  { programs: ["ip"], packages: "iproute2", purpose: "sets up pod networks", fatal: true },
  {
    programs: ["catatonit"],
    packages: "catatonit",
    purpose: "holds a process namespace that a pod's containers share",
    fatal: false,
  },
];

/** Lists what is missing or degraded, by name, each with what mends it. Empty on a host that has all. */
export function probeHost(): HostProblem[] {
  if (process.platform !== "linux") {
    return [
      {
        what: `containers need Linux, and this is ${process.platform}`,
        remedy: "run with --runtime simulated, or inside a Linux virtual machine",
        fatal: true,
      },
    ];
  }
  return [...rootProblems(), ...programProblems(), ...kernelProblems()];
}

function rootProblems(): HostProblem[] {
  if (process.getuid?.() !== 0) {
    return [
      {
        what: "not running as root: namespaces, mounts and networks need it",
        remedy: "run as root (sudo sampan up), or with --runtime simulated",
        fatal: true,
      },
    ];
  }
  const CAP_SYS_ADMIN = 21n;
  const CAP_NET_ADMIN = 12n;
  const held = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0"}`);
  const lacks = (bit: bigint): boolean => (held & (1n << bit)) === 0n;
  if (!lacks(CAP_SYS_ADMIN) && !lacks(CAP_NET_ADMIN)) return [];
  return [
    {
      what: "this root user may not make namespaces or mounts (CAP_SYS_ADMIN, CAP_NET_ADMIN are missing)",
      remedy: "give the surrounding container --privileged, or run with --runtime simulated",
      fatal: true,
    },
  ];
}

function programProblems(): HostProblem[] {
  return needed
    .filter(({ programs }) => programs.every((program) => findProgram(program) === undefined))
    .map(({ programs, packages, purpose, fatal }) => ({
      what: `${programs.join(" or ")} is not installed (it ${purpose})`,
      remedy: installCommand(packages),
      fatal,
    }));
}

function kernelProblems(): HostProblem[] {
  const problems: HostProblem[] = [];
  for (const kind of ["net", "ipc", "uts", "pid", "mnt"]) {
    if (existsSync(`/proc/self/ns/${kind}`)) continue;
    problems.push({
      what: `the kernel has no ${kind} namespaces`,
      remedy: "use a kernel with namespaces (CONFIG_NAMESPACES)",
      fatal: true,
    });
  }
  if (!/^nodev\s+overlay$/m.test(readFileSync("/proc/filesystems", "utf8"))) {
    problems.push({
      what: "the kernel has no overlay file system yet",
      remedy: "modprobe overlay",
      fatal: !existsSync("/proc/modules"),
    });
  }
  if (detectCgroups() === undefined) {
    problems.push({
      what: "no control groups are mounted",
      remedy: "mount -t cgroup2 none /sys/fs/cgroup",
      fatal: true,
    });
  }
  return problems;
}

/** How this system's package manager installs packages (named as in Debian). */
export function installCommand(packages: string): string {
  const managers: readonly [program: string, command: string][] = [
    ["apt-get", `apt-get install -y ${packages}`],
    ["dnf", `dnf install -y ${packages}`],
    ["apk", `apk add ${packages}`],
    ["pacman", `pacman -S ${packages}`],
    ["zypper", `zypper install ${packages}`],
  ];
  const found = managers.find(([program]) => findProgram(program) !== undefined);
  return found?.[1] ?? `install ${packages}`;
}
