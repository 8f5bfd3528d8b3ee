import { readFileSync } from "node:fs";
import { CriError } from "../runtime.ts";

/** Capabilities by their numbers in <linux/capability.h>. */
export const allCapabilities: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
];

/** What a container has unless its pod says otherwise; the set of containerd and Docker. */
const defaultCapabilities: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

export interface CapabilityRequest {
  readonly privileged: boolean;
  /** `NET_ADMIN`, `CAP_NET_ADMIN` or `ALL`. */
  readonly add: readonly string[];
  readonly drop: readonly string[];
}

/** The capabilities of a container; none that this host's own user lacks, since no one can pass those on. */
export function containerCapabilities(
  request: CapabilityRequest,
  held: readonly string[] = heldCapabilities(),
): string[] {
  if (request.privileged) return [...held];
  const add = request.add.map(canonical);
  const drop = request.drop.map(canonical);
  const set = new Set(
    add.includes("CAP_ALL") ? allCapabilities : drop.includes("CAP_ALL") ? [] : defaultCapabilities,
  );
  for (const name of drop) set.delete(name);
  for (const name of add) if (name !== "CAP_ALL") set.add(name);
  for (const name of set) {
    if (!allCapabilities.includes(name)) {
      throw new CriError("invalidArgument", `unknown capability to add or drop: ${name}`);
    }
  }
  return [...set].filter((name) => held.includes(name));
}

function canonical(name: string): string {
  const upper = name.toUpperCase();
  return upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
}

let ownCapabilities: readonly string[] | undefined;

/** What this process may do itself. */
export function heldCapabilities(): readonly string[] {
  ownCapabilities ??= parseCapabilities(readFileSync("/proc/self/status", "utf8"));
  return ownCapabilities;
}

function parseCapabilities(status: string): string[] {
  const bits = BigInt(`0x${/^CapPrm:\s*(\w+)/m.exec(status)?.[1] ?? "0"}`);
  return allCapabilities.filter((_, index) => (bits & (1n << BigInt(index))) !== 0n);
}
