import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  findFolder,
  findInstance,
  homeDirectory,
  type Instance,
  InstanceError,
  type InstanceRequest,
  listFolders,
  machineRegister,
  nameProblem,
  openFolder,
  openInstance as openInstanceOf,
  runningServer,
} from "./instance.ts";
import { release, reservations } from "./machine-register.ts";
import { processStartTime } from "./process-start.ts";

let base: string;
let home: string;
let otherHome: string;
let register: string;
let addresses: string[];
beforeEach(() => {
  addresses = ["127.0.0.1", "192.0.2.2"];
  base = mkdtempSync(join(tmpdir(), "sampan-home-"));
  home = join(base, "one");
  otherHome = join(base, "two");
  register = join(base, "machine", ".register");
  for (const folder of [home, otherHome, register]) mkdirSync(folder, { recursive: true });
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const openInstance = (request: InstanceRequest, at: string): Promise<Instance> =>
  openInstanceOf(request, at, { register, addresses: () => addresses });
const simulated = (name: string): InstanceRequest => ({ name, runtime: "simulated" });

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
    symlinkSync("999999999 1", join(register, ".lock"));
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

  it("lets those that start at once choose one after the other, and takes over the lock of a recycled pid", async () => {
    symlinkSync(`${process.pid} 1`, join(register, ".lock"));
    const names = ["one", "two", "three", "four"];
    const opened = await Promise.all(names.map((name) => openInstance({ name, runtime: "simulated" }, home)));
    expect(new Set(opened.map(({ settings }) => settings.index)).size).toBe(4);
    expect(readdirSync(home).toSorted()).toEqual(names.toSorted());
    expect(readdirSync(register).every((name) => name.endsWith(".json"))).toBe(true);
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

  it.each([
    ["torn", "{"],
    ["empty", ""],
    ["no JSON", "hello"],
    ["no object", "null"],
    ["of another program", '{"index":"zero"}'],
  ])(
    "names a settings file that is %s, and the next step, instead of choosing anew",
    async (_what, content) => {
      const { directory } = await openInstance(simulated("one"), home);
      writeFileSync(join(directory, "instance.json"), content);
      await expect(openInstance(simulated("one"), home)).rejects.toMatchObject({
        message: expect.stringContaining('cluster "one" is damaged: '),
        remedy: expect.stringContaining("sampan down --purge --name one"),
      });
      expect((await openInstance(simulated("two"), home)).settings.index).toBe(1);
      expect(listFolders(home).map(({ name, damage }) => [name, damage !== undefined])).toEqual([
        ["one", true],
        ["two", false],
      ]);
    },
  );
});

describe("the register of a machine", () => {
  it("keeps apart the clusters of several homes, also while none of them runs", async () => {
    const all = [
      await openInstance(simulated("sampan"), home),
      await openInstance(simulated("sampan"), otherHome),
      await openInstance(simulated("more"), home),
    ];
    expect(all.map(({ settings }) => settings.index)).toEqual([0, 1, 2]);
    expect(new Set(all.map(({ settings }) => settings.apiPort)).size).toBe(3);
  });

  it("keeps a port for the cluster that has it", async () => {
    const { settings } = await openInstance(simulated("one"), home);
    await expect(openInstance({ ...simulated("two"), apiPort: settings.apiPort }, otherHome)).rejects.toThrow(
      `port ${settings.apiPort} is kept for cluster "one"`,
    );
  });

  it("gives the number of a removed folder to the next, and what release() gave back", async () => {
    const first = await openInstance(simulated("one"), home);
    rmSync(first.directory, { recursive: true });
    const second = await openInstance(simulated("two"), otherHome);
    expect(second.settings.index).toBe(0);
    await openInstance(simulated("removed by hand"), home);
    for (const folder of [second.directory, join(home, "removed by hand")])
      rmSync(folder, { recursive: true });
    release(register, second.directory);
    expect(existsSync(join(base, "machine"))).toBe(false);
    expect((await openInstance(simulated("three"), home)).settings.index).toBe(0);
  });

  it("enters a cluster that it does not know: of an earlier version, or moved", async () => {
    const first = await openInstance(simulated("one"), home);
    rmSync(register, { recursive: true });
    await openInstance(simulated("one"), home);
    renameSync(first.directory, join(otherHome, "one"));
    await openInstance(simulated("one"), otherHome);
    expect(reservations(register)).toMatchObject([{ index: 0, directory: join(otherHome, "one") }]);
  });

  it("refuses the copy of a cluster that is still there, and names both", async () => {
    const first = await openInstance(simulated("one"), home);
    cpSync(first.directory, join(otherHome, "one"), { recursive: true });
    await expect(openInstance(simulated("one"), otherHome)).rejects.toThrow(
      `cluster "one" in ${join(otherHome, "one")} has the same addresses as cluster "one" in ${first.directory}`,
    );
  });

  it("knows a home by its folder, not by the way there", async () => {
    const link = join(base, "link");
    symlinkSync(home, link);
    expect(homeDirectory({ SAMPAN_HOME: link })).toBe(home);
    expect(homeDirectory({ SAMPAN_HOME: join(link, "later", "home") })).toBe(join(home, "later", "home"));
    const first = await openInstance(simulated("one"), home);
    expect((await openInstance(simulated("one"), link)).settings).toEqual(first.settings);
  });

  it("keeps the number of a damaged cluster, with a copy of its settings", async () => {
    const { directory, settings } = await openInstance(simulated("one"), home);
    writeFileSync(join(directory, "instance.json"), "");
    expect((await openInstance(simulated("two"), otherHome)).settings.index).toBe(1);
    expect(reservations(register)[0]).toMatchObject({ directory, settings });
  });

  it.each(["10.96.0.1", "10.244.7.7"])("keeps off ranges in which the machine has %s", async (address) => {
    addresses.push(address);
    expect((await openInstance(simulated("one"), home)).settings.index).toBe(1);
  });

  it("passes over entries that are torn", async () => {
    writeFileSync(join(register, "0.json"), "{");
    expect((await openInstance(simulated("one"), home)).settings.index).toBe(0);
    expect(JSON.parse(readFileSync(join(register, "0.json"), "utf8"))).toMatchObject({ name: "one" });
  });

  it("is the home's own where its user has no other place to write", () => {
    const blocked = join(base, "file");
    writeFileSync(blocked, "");
    const usual = process.getuid?.() === 0 ? "/var/lib/sampan/.machine" : join(home, ".machine");
    expect(machineRegister(home, { XDG_DATA_HOME: blocked })).toBe(usual);
    if (usual.startsWith("/var")) release(usual, "/nowhere");
  });
});

describe("listFolders()", () => {
  it("is empty where nothing was ever started", () => {
    expect(listFolders(join(home, "absent"))).toEqual([]);
    expect(findInstance("one", home)).toBeUndefined();
  });

  it("knows a cluster that has images and was never started, and gives it no number", async () => {
    const directory = openFolder("one", home);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(findFolder("one", home)).toEqual({ name: "one", directory });
    expect(findInstance("one", home)).toBeUndefined();
    expect((await openInstance(simulated("two"), home)).settings.index).toBe(0);
    expect((await openInstance(simulated("one"), home)).settings.index).toBe(1);
  });

  it("passes over what is no cluster's: files, and names that none can have", () => {
    writeFileSync(join(home, "notes"), "");
    mkdirSync(join(home, "lost+found"));
    expect(listFolders(home)).toEqual([]);
  });

  it.skipIf(process.getuid?.() === 0)("names a folder that is another user's", async () => {
    const { directory } = await openInstance(simulated("one"), home);
    chmodSync(directory, 0);
    expect(listFolders(home)[0]?.damage?.remedy).toContain("another user");
    chmodSync(directory, 0o700);
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
