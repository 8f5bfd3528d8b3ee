import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  findInstance,
  homeDirectory,
  InstanceError,
  listInstances,
  nameProblem,
  openInstance,
  processStartTime,
  runningServer,
} from "./instance.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sampan-home-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe("openInstance()", () => {
  it("keeps what it chose at the first start", async () => {
    const first = await openInstance({ name: "one", runtime: "simulated" }, home);
    const again = await openInstance({ name: "one", runtime: "crun", apiPort: 1 }, home);
    expect(again).toEqual(first);
  });

  it("gives each cluster of a machine its own ports, ranges and interface names", async () => {
    const instances = [];
    for (const name of ["sampan", "sampan-two", "sampan-three"]) {
      instances.push(await openInstance({ name, runtime: "simulated" }, home));
    }
    for (const field of [
      "index",
      "apiPort",
      "podCidr",
      "serviceCidr",
      "dnsAddress",
      "interfacePrefix",
    ] as const) {
      expect(new Set(instances.map(({ settings }) => settings[field])).size, field).toBe(3);
    }
  });

  it("keeps apart clusters that are started at the same time", async () => {
    const names = ["a", "b", "c", "d"];
    const instances = await Promise.all(
      names.map((name) => openInstance({ name, runtime: "simulated" }, home)),
    );
    expect(new Set(instances.map(({ settings }) => settings.index)).size).toBe(names.length);
  });

  it("passes over the lock of a process that was killed", async () => {
    writeFileSync(join(home, ".lock"), "999999999");
    await expect(openInstance({ name: "one", runtime: "simulated" }, home)).resolves.toMatchObject({
      name: "one",
    });
  });

  it("no cluster's interface names begin with another's prefix", async () => {
    const prefixes: string[] = [];
    for (const name of ["0", "a", "a0", "a0b", "sampan", "sampan0", "sampan-0-1"]) {
      prefixes.push((await openInstance({ name, runtime: "simulated" }, home)).settings.interfacePrefix);
    }
    for (const prefix of prefixes) {
      expect(prefix).toMatch(/^[a-z]/);
      expect(prefixes.filter((other) => other.startsWith(prefix))).toEqual([prefix]);
    }
  });

  it("refuses a port that is in use, and keeps nothing of the attempt", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const apiPort = typeof address === "object" && address !== null ? address.port : 0;
    const request = { name: "one", runtime: "simulated", apiPort } as const;
    await expect(openInstance(request, home)).rejects.toThrow(InstanceError);
    expect(findInstance("one", home)).toBeUndefined();
    await new Promise((resolve) => server.close(resolve));
    expect((await openInstance(request, home)).settings.apiPort).toBe(apiPort);
  });

  it("lets those that start at once choose one after the other, and takes over a dead one's lock", async () => {
    writeFileSync(join(home, ".lock"), "4194304999");
    const names = ["one", "two", "three", "four"];
    const opened = await Promise.all(names.map((name) => openInstance({ name, runtime: "simulated" }, home)));
    expect(new Set(opened.map(({ settings }) => settings.index)).size).toBe(4);
    expect(readdirSync(home).toSorted()).toEqual(names.toSorted());
  });

  it("keeps interface names short enough for Linux", async () => {
    const { settings } = await openInstance(
      { name: "a-very-long-name-of-a-cluster", runtime: "simulated" },
      home,
    );
    expect(settings.interfacePrefix.length).toBeLessThanOrEqual(8);
  });

  it("makes a folder that only its owner may enter", async () => {
    const { directory } = await openInstance({ name: "one", runtime: "simulated" }, home);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, "instance.json")).mode & 0o777).toBe(0o600);
  });

  it("names a damaged settings file instead of choosing anew", async () => {
    const { directory } = await openInstance({ name: "one", runtime: "simulated" }, home);
    writeFileSync(join(directory, "instance.json"), "{");
    await expect(openInstance({ name: "one", runtime: "simulated" }, home)).rejects.toThrow(
      /instance.json is damaged/,
    );
  });
});

describe("listInstances()", () => {
  it("is empty where nothing was ever started", () => {
    expect(listInstances(join(home, "absent"))).toEqual([]);
    expect(findInstance("one", home)).toBeUndefined();
  });
});

describe("nameProblem()", () => {
  it.each(["sampan", "a", "a-1", "0", "a".repeat(32)])("accepts %s", (name) => {
    expect(nameProblem(name)).toBeUndefined();
  });
  it.each(["", "-a", "a-", "A", "a_b", "../x", "a".repeat(33)])("refuses %j", (name) => {
    expect(nameProblem(name)).toContain("cannot be a cluster's name");
  });
});

describe("runningServer()", () => {
  it("tells a running server from a recycled pid", async () => {
    const instance = await openInstance({ name: "one", runtime: "simulated" }, home);
    const record = { pid: process.pid, startTime: processStartTime(process.pid), apiPort: 1, startedAt: "" };
    writeFileSync(join(instance.directory, "server.json"), JSON.stringify(record));
    expect(runningServer(instance)?.pid).toBe(process.pid);
    writeFileSync(join(instance.directory, "server.json"), JSON.stringify({ ...record, startTime: "other" }));
    expect(runningServer(instance)).toBeUndefined();
  });
});

it("homeDirectory() follows SAMPAN_HOME before anything else", () => {
  expect(homeDirectory({ SAMPAN_HOME: "/somewhere" })).toBe("/somewhere");
});
