import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { hostListener } from "./host-listeners.ts";

let proc: string;
beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), "sampan-listeners-"));
  mkdirSync(join(proc, "net"));
});
afterEach(() => rmSync(proc, { recursive: true, force: true }));

/** A line of the kernel's table. */
function socket(file: string, local: string, state: string, inode = 77): void {
  const line = `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1`;
  writeFileSync(join(proc, "net", file), `  sl  local_address rem_address\n${line}\n`);
}

function processWith(pid: number, inode: number, name: string, cgroup: string): void {
  mkdirSync(join(proc, String(pid), "fd"), { recursive: true });
  symlinkSync(`socket:[${inode}]`, join(proc, String(pid), "fd", "3"));
  writeFileSync(join(proc, String(pid), "comm"), `${name}\n`);
  writeFileSync(join(proc, String(pid), "cgroup"), cgroup);
}

const ssh = { protocol: "TCP", port: 22 };
const find = (port = ssh) => hostListener(port, ["10.0.0.5"], proc);

describe("hostListener()", () => {
  it.each([
    ["all addresses", "tcp", "00000000:0016", "0A", ssh],
    ["all addresses of IPv6", "tcp6", "00000000000000000000000000000000:0016", "0A", ssh],
    ["the machine's address", "tcp", "0500000A:0016", "0A", ssh],
    ["the machine's address within IPv6", "tcp6", "0000000000000000FFFF00000500000A:0016", "0A", ssh],
    ["UDP", "udp", "00000000:0035", "07", { protocol: "UDP", port: 53 }],
  ])("names who listens on %s", (_, file, local, state, port) => {
    socket(file, local, state);
    processWith(812, 77, "sshd", "0::/system.slice/ssh.service\n");
    expect(find(port)).toEqual({ program: "sshd", pid: 812 });
  });

  it.each([
    ["another port", "tcp", "00000000:0017", "0A"],
    ["the loopback", "tcp", "0100007F:0016", "0A"],
    ["an address that is not asked about", "tcp", "0600000A:0016", "0A"],
    ["the loopback of IPv6", "tcp6", "00000000000000000000000001000000:0016", "0A"],
    ["no port, but has a connection", "tcp", "0500000A:0016", "01"],
    ["another protocol", "udp", "00000000:0016", "07"],
  ])("passes over who listens on %s", (_, file, local, state) => {
    socket(file, local, state);
    expect(find()).toBeUndefined();
  });

  it("passes over containers on the host's network", () => {
    socket("tcp", "00000000:0016", "0A");
    processWith(812, 77, "nginx", `0::/s1/besteffort/pod1234/${"a".repeat(64)}\n`);
    expect(find()).toBeUndefined();
  });

  it("knows of sockets that no process has", () => {
    socket("tcp", "00000000:0016", "0A");
    expect(find()).toEqual({ program: "", pid: undefined });
  });

  it("finds nobody where there are no tables", () => {
    expect(hostListener(ssh, [], join(proc, "none"))).toBeUndefined();
  });
});

test.skipIf(process.platform !== "linux")("a server of this process is found by its port", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  expect(hostListener({ protocol: "TCP", port }, [])).toMatchObject({ pid: process.pid });
  await new Promise((resolve) => server.close(resolve));
});
