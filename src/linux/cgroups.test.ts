import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cgroup, type CgroupHost, detectCgroups, sharesToWeight } from "./cgroups.ts";

const v1 = (controller: string, options = controller): string =>
  `32 31 0:29 / /sys/fs/cgroup/${controller} rw - cgroup cgroup rw,${options}`;

describe("detectCgroups() reads the mount table", () => {
  test.each([
    ["v2", ["30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate"], "v2", []],
    ["v1", [v1("memory"), v1("cpu,cpuacct")], "v1", ["memory", "cpu", "cpuacct"]],
    [
      "hybrid",
      [v1("memory"), v1("systemd", "name=systemd"), "41 31 0:38 / /nowhere/unified rw - cgroup2 cgroup2 rw"],
      "hybrid",
      ["memory", "name=systemd"],
    ],
  ])("%s", (_, lines, mode, hierarchies) => {
    const host = detectCgroups(lines.join("\n"));
    expect(host?.mode).toBe(mode);
    expect([...(host?.hierarchies.keys() ?? [])]).toEqual(hierarchies);
  });

  test("a host without any has none", () => {
    expect(detectCgroups("22 27 0:21 / /proc rw - proc proc rw")).toBeUndefined();
  });
});

describe("sharesToWeight() follows the kernel's table", () => {
  test.each([
    [2, 1],
    [1024, 39],
    [262_144, 10_000],
    [0, 1],
  ])("%i → %i", (shares, weight) => {
    expect(sharesToWeight(shares)).toBe(weight);
  });
});

describe("Cgroup", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "sampan-cgroup-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const write = (path: string, text: string): void => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const unified = (): CgroupHost => ({
    mode: "v2",
    hierarchies: new Map(),
    unified: root,
    unifiedControllers: [],
  });
  const legacy = (): CgroupHost => ({
    mode: "v1",
    hierarchies: new Map(["memory", "cpu", "cpuacct"].map((name) => [name, join(root, name)])),
    unified: undefined,
    unifiedControllers: [],
  });

  test("measures on v2", () => {
    write("a/b/cpu.stat", "usage_usec 1500\nuser_usec 1000\n");
    write("a/b/memory.current", "5000\n");
    write("a/b/memory.stat", "anon 1\ninactive_file 2000\n");
    write("a/b/memory.events", "low 0\noom 1\noom_kill 2\n");
    const group = new Cgroup(unified(), "/a/b");
    expect(group.usage()).toEqual({
      cpuUsageNs: 1_500_000,
      memoryUsageBytes: 5000,
      memoryWorkingSetBytes: 3000,
    });
    expect(group.outOfMemoryKills()).toBe(2);
  });

  test("measures on v1", () => {
    write("cpuacct/a/cpuacct.usage", "77\n");
    write("memory/a/memory.usage_in_bytes", "5000\n");
    write("memory/a/memory.stat", "total_inactive_file 4000\n");
    write("memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    const group = new Cgroup(legacy(), "/a");
    expect(group.usage()).toEqual({ cpuUsageNs: 77, memoryUsageBytes: 5000, memoryWorkingSetBytes: 1000 });
    expect(group.outOfMemoryKills()).toBe(1);
  });

  test("reads as nothing when it is gone", () => {
    const group = new Cgroup(unified(), "/none");
    expect(group.usage()).toEqual({ cpuUsageNs: 0, memoryUsageBytes: 0, memoryWorkingSetBytes: 0 });
    expect(group.outOfMemoryKills()).toBe(0);
    expect(group.processes()).toEqual([]);
    expect(group.remove()).toBe(true);
  });

  test("sets limits in the words of each version", () => {
    const limits = { cpuShares: 1024, cpuQuotaUs: 50_000, cpuPeriodUs: 100_000, memoryLimitBytes: 1 << 20 };
    for (const file of ["cpu.weight", "cpu.max", "memory.max"]) write(`g/${file}`, "");
    new Cgroup(unified(), "/g").setLimits(limits);
    const two = (file: string): string => readFileSync(join(root, "g", file), "utf8");
    expect([two("cpu.weight"), two("cpu.max"), two("memory.max")]).toEqual(["39", "50000 100000", "1048576"]);
    for (const file of ["cpu/h/cpu.shares", "cpu/h/cpu.cfs_quota_us", "memory/h/memory.limit_in_bytes"])
      write(file, "");
    new Cgroup(legacy(), "/h").setLimits({ ...limits, cpuQuotaUs: -1, memoryLimitBytes: 0 });
    const one = (file: string): string => readFileSync(join(root, file), "utf8");
    expect([
      one("cpu/h/cpu.shares"),
      one("cpu/h/cpu.cfs_quota_us"),
      one("memory/h/memory.limit_in_bytes"),
    ]).toEqual(["1024", "-1", "-1"]);
  });

  test("finds processes of all groups below, and removes the groups from the bottom", () => {
    for (const path of ["memory/a/b/c", "cpu/a/b"]) mkdirSync(join(root, path), { recursive: true });
    const group = new Cgroup(legacy(), "/a");
    expect(group.remove()).toBe(true);
    expect(existsSync(join(root, "memory/a"))).toBe(false);
    write("memory/a/cgroup.procs", "1\n2\n");
    write("memory/a/b/cgroup.procs", "3\n");
    write("cpu/a/cgroup.procs", "1\n2\n");
    expect(new Set(group.processes())).toEqual(new Set([1, 2, 3]));
  });
});
