import { readFile, statfs } from "node:fs/promises";
import { arch, availableParallelism, hostname, release, totalmem } from "node:os";

/** What the Node object tells of the machine. */
export interface Machine {
  readonly hostname: string;
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly systemUuid: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** Reads the machine, in a few small files. */
export async function readMachine(rootDirectory: string): Promise<Machine> {
  const [osRelease, machineId, bootId, productUuid, disk] = await Promise.all([
    text("/etc/os-release"),
    text("/etc/machine-id"),
    text("/proc/sys/kernel/random/boot_id"),
    text("/sys/class/dmi/id/product_uuid"),
    statfs(rootDirectory).catch(() => undefined),
  ]);
  return {
    hostname: hostname(),
    architecture: goArchitecture(arch()),
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?(.*?)"?$/m.exec(osRelease)?.[1] ?? "Linux",
    machineId: machineId.trim(),
    bootId: bootId.trim(),
    systemUuid: productUuid.trim() === "" ? machineId.trim() : productUuid.trim(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    diskBytes: disk === undefined ? 0 : disk.blocks * disk.bsize,
  };
}

/** A machine for nodes that pretend: the same everywhere, so that runs repeat. */
export const pretendMachine: Machine = {
  hostname: "",
  architecture: "amd64",
  kernelVersion: "6.18.0",
  osImage: "Sampan (simulated)",
  machineId: "",
  bootId: "",
  systemUuid: "",
  cpus: 8,
  memoryBytes: 32 * 2 ** 30,
  diskBytes: 100 * 2 ** 30,
};

const text = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");

/** Node's names of architectures are not those of Go, which Kubernetes uses. */
function goArchitecture(name: string): string {
  return { x64: "amd64", ia32: "386", mipsel: "mipsle" }[name] ?? name;
}
