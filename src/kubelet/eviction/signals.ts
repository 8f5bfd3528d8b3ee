import { readFile, statfs } from "node:fs/promises";

/** What is left on the node of that which pods can use up. */
export interface NodeSignals {
  readonly memoryAvailableBytes: number;
  readonly diskAvailableBytes: number;
  readonly pidsAvailable: number;
}

export interface EvictionThresholds {
  readonly memoryAvailableBytes: number;
  readonly diskAvailableBytes: number;
  readonly pidsAvailable: number;
}

/**
 * Memory as the kubelet's default. For the disk the kubelet asks for a share (a tenth), which on a developer's large
 * and well-filled disk would stop everything though there is room: here it is an amount.
 */
export const defaultThresholds: EvictionThresholds = {
  memoryAvailableBytes: 100 * 2 ** 20,
  diskAvailableBytes: 500 * 2 ** 20,
  pidsAvailable: 100,
};

/** Reads the machine. What cannot be read counts as plenty. */
export async function readSignals(directory: string): Promise<NodeSignals> {
  const [memory, disk, pidMax, loads] = await Promise.all([
    readFile("/proc/meminfo", "utf8").catch(() => ""),
    statfs(directory).catch(() => undefined),
    readFile("/proc/sys/kernel/pid_max", "utf8").catch(() => ""),
    readFile("/proc/loadavg", "utf8").catch(() => ""),
  ]);
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(memory)?.[1];
  const processes = /\s\d+\/(\d+)\s/.exec(loads)?.[1];
  return {
    memoryAvailableBytes: available === undefined ? Infinity : Number(available) * 1024,
    diskAvailableBytes: disk === undefined ? Infinity : disk.bavail * disk.bsize,
    pidsAvailable: pidMax === "" || processes === undefined ? Infinity : Number(pidMax) - Number(processes),
  };
}
