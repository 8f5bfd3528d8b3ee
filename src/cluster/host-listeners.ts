/** Programs of the host that listen on ports, from the kernel's own tables. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { HostPort } from "../apimachinery/host-ports.ts";

export interface HostListener {
  /** Empty where nothing tells: a socket of the kernel, or of a process that has ended since. */
  readonly program: string;
  readonly pid: number | undefined;
}

const tables: Readonly<Record<string, { readonly files: readonly string[]; readonly state: string }>> = {
  tcp: { files: ["net/tcp", "net/tcp6"], state: "0A" },
  // A socket that is bound and not connected.
  udp: { files: ["net/udp", "net/udp6"], state: "07" },
};

/** `rest of the cgroup/pod<uid>/<container>`: what a node of Kubernetes runs. */
const containerCgroup = /\/pod[^/]+\/[0-9a-f]{64}\b/;

/**
 * Who listens on the port at all addresses of this machine, or at one of `addresses`. Those who listen at others, such as
 * the loopback, lose nothing to who takes the port. Neither do containers on the host's network: a Service that leads to
 * one, under the same port, is no theft.
 */
export function hostListener(
  { protocol, port }: HostPort,
  addresses: readonly string[],
  proc = "/proc",
): HostListener | undefined {
  const table = tables[protocol.toLowerCase()];
  for (const file of table?.files ?? []) {
    for (const inode of listeningSockets(join(proc, file), table?.state ?? "", port, addresses)) {
      const pid = ownerOf(inode, proc);
      if (pid === undefined) return { program: "", pid };
      if (!containerCgroup.test(read(join(proc, String(pid), "cgroup"))))
        return { program: read(join(proc, String(pid), "comm")).trim(), pid };
    }
  }
  return undefined;
}

function listeningSockets(file: string, state: string, port: number, addresses: readonly string[]): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return read(file)
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([, local = "", , is]) =>
        is === state && local.endsWith(suffix) && concerns(local.slice(0, -suffix.length), addresses),
    )
    .map((fields) => fields[9] ?? "");
}

/** The table's addresses are hexadecimal words in the machine's order; those of IPv4 are the last word, also in IPv6. */
function concerns(local: string, addresses: readonly string[]): boolean {
  if (/^0+$/.test(local)) return true;
  const isIpv4 = local.length === 8 || local.startsWith("0000000000000000FFFF0000");
  if (!isIpv4) return false;
  const bytes = Buffer.from(local.slice(-8), "hex").reverse();
  return addresses.includes(bytes.join("."));
}

/** The process that has the socket; all of them are asked, so ask only when there is one. */
function ownerOf(inode: string, proc: string): number | undefined {
  const socket = `socket:[${inode}]`;
  for (const pid of entries(proc)) {
    if (!/^\d+$/.test(pid)) continue;
    const descriptors = join(proc, pid, "fd");
    if (entries(descriptors).some((fd) => target(join(descriptors, fd)) === socket)) return Number(pid);
  }
  return undefined;
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function target(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
