import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostPortRefusal } from "../apimachinery/host-ports.ts";
import type { HostListener } from "./host-listeners.ts";
import { MachineHostPorts, releaseHostPorts } from "./host-ports.ts";

let register: string;
/** Programs of the host, by port. */
const listening = new Map<number, HostListener>();
const http = { protocol: "TCP", port: 80 };
const https = { protocol: "TCP", port: 443 };

beforeEach(() => {
  register = mkdtempSync(join(tmpdir(), "sampan-ports-"));
});
afterEach(() => {
  listening.clear();
  rmSync(register, { recursive: true, force: true });
});

function cluster(name: string): MachineHostPorts {
  const directory = join(register, name);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "instance.json"), "{}");
  return new MachineHostPorts({ name, directory }, register, ({ port }) => listening.get(port));
}

describe("MachineHostPorts", () => {
  it("gives a port to one cluster and tells the other who has it, until it is given up", () => {
    const [one, two] = [cluster("one"), cluster("two")];
    expect(one.hold("Service default/web", [http])).toBeUndefined();
    const rival = two.hold("Service shop/site", [https, http]);
    expect(rival).toMatchObject({ port: 80, cluster: "one", object: "Service default/web" });
    expect(rival === undefined ? "" : hostPortRefusal(rival)).toBe(
      `Port 80 of the host is taken by Service default/web of cluster "one" (in ${join(register, "one")}); choose another port, or delete that one or stop that cluster`,
    );
    one.hold("Service default/web", []);
    expect(two.hold("Service shop/site", [https, http])).toBeUndefined();
  });

  it("keeps none of the ports when one of them is refused", () => {
    const [one, two] = [cluster("one"), cluster("two")];
    one.hold("Service default/web", [http]);
    two.hold("Service shop/site", [https, http]);
    expect(one.hold("Service default/other", [https])).toBeUndefined();
  });

  it("takes no port that a program of the host listens on, until it has ended", () => {
    const one = cluster("one");
    listening.set(22, { program: "sshd", pid: 812 });
    const ssh = { protocol: "TCP", port: 22 };
    const rival = one.hold("Service default/git", [http, ssh]);
    expect(rival === undefined ? "" : hostPortRefusal(rival)).toBe(
      "Port 22 of the host is taken by the program sshd (process 812); choose another port or stop that program",
    );
    expect(readdirSync(join(register, "ports"))).toEqual([]);
    listening.clear();
    expect(one.hold("Service default/git", [http, ssh])).toBeUndefined();
  });

  it("keeps a port that it had when a program came to listen there meanwhile", () => {
    cluster("one").hold("Service default/web", [http]);
    listening.set(80, { program: "", pid: undefined });
    expect(cluster("one").hold("Service default/web", [http])).toBeUndefined();
    expect(cluster("two").hold("x", [http])?.cluster).toBe("one");
  });

  it("tells ports of different protocols apart", () => {
    const [one, two] = [cluster("one"), cluster("two")];
    expect(one.hold("a", [{ protocol: "TCP", port: 53 }])).toBeUndefined();
    expect(two.hold("a", [{ protocol: "UDP", port: 53 }])).toBeUndefined();
  });

  it("lets objects of one cluster share a port, which is free when the last has left", () => {
    const [one, two] = [cluster("one"), cluster("two")];
    expect(one.hold("Service default/web", [http])).toBeUndefined();
    expect(one.hold("Pod default/web", [http])).toBeUndefined();
    one.hold("Service default/web", []);
    expect(two.hold("x", [http])?.cluster).toBe("one");
    one.hold("Pod default/web", []);
    expect(two.hold("x", [http])).toBeUndefined();
  });

  it("takes up what an earlier server of the cluster had, and gives back what nobody wants any more", () => {
    cluster("one").hold("Service default/web", [http, https]);
    const [again, two] = [cluster("one"), cluster("two")];
    expect(again.hold("Service default/web", [http])).toBeUndefined();
    expect(two.hold("x", [https])?.cluster).toBe("one");
    again.forgetOthers();
    expect(two.hold("x", [https])).toBeUndefined();
    expect(two.hold("y", [http])?.cluster).toBe("one");
  });

  it("passes over claims of a cluster that is gone, of before the last boot, and torn ones", () => {
    const two = cluster("two");
    cluster("one").hold("Service default/web", [http]);
    rmSync(join(register, "one"), { recursive: true });
    expect(two.hold("x", [http])).toBeUndefined();
    cluster("three").hold("y", [https]);
    const file = join(register, "ports", "tcp-443");
    const claim = JSON.parse(readFileSync(file, "utf8")) as object;
    writeFileSync(file, JSON.stringify({ ...claim, boot: "earlier" }));
    expect(two.hold("z", [https])).toBeUndefined();
    writeFileSync(join(register, "ports", "tcp-7"), "{");
    expect(two.hold("echo", [{ protocol: "tcp", port: 7 }])).toBeUndefined();
  });

  it("releaseHostPorts() frees all ports of a cluster and no other's", () => {
    const [one, two] = [cluster("one"), cluster("two")];
    one.hold("a", [http]);
    two.hold("b", [https]);
    releaseHostPorts(register, join(register, "one"));
    expect(readdirSync(join(register, "ports"))).toEqual(["tcp-443"]);
  });

  it("refuses nobody where nothing can be written down", () => {
    const one = cluster("one");
    writeFileSync(join(register, "ports"), "no folder");
    expect(one.hold("a", [http])).toBeUndefined();
  });
});
