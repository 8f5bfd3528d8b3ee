/**
 * Control groups as they are on this host: v2 alone, v1 alone, or both at once (hybrid). A group is known by its path
 * below the root (`/sampan0/burstable/podX/Y`), which is the same in every v1 hierarchy.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

export interface CgroupHost {
  readonly mode: "v1" | "v2" | "hybrid";
  /** v1 controller → where its hierarchy is mounted. Empty on v2. */
  readonly hierarchies: ReadonlyMap<string, string>;
  /** Where v2 is mounted: the root on v2, `…/unified` on hybrid hosts. */
  readonly unified: string | undefined;
  /** Controllers that v2 holds. On hybrid hosts they are missing in v1, and crun 1.x refuses such hosts. */
  readonly unifiedControllers: readonly string[];
}

/** Reads the mount table; undefined when the host has no control groups. */
export function detectCgroups(
  mountInfo = readFileSync("/proc/self/mountinfo", "utf8"),
): CgroupHost | undefined {
  const hierarchies = new Map<string, string>();
  let unified: string | undefined;
  for (const line of mountInfo.split("\n")) {
    const [before, after] = line.split(" - ");
    const target = before?.split(" ")[4];
    const [type, , options] = after?.split(" ") ?? [];
    if (target === undefined) continue;
    if (type === "cgroup2") unified ??= target;
    if (type !== "cgroup") continue;
    for (const option of options?.split(",") ?? []) {
      // `name=systemd`: a hierarchy without a controller, in which the runtime makes groups too.
      const isHierarchy = v1Controllers.has(option) || option.startsWith("name=");
      if (isHierarchy && !hierarchies.has(option)) hierarchies.set(option, target);
    }
  }
  if (unified === undefined && hierarchies.size === 0) return undefined;
  const mode = hierarchies.size === 0 ? "v2" : unified === undefined ? "v1" : "hybrid";
  return { mode, hierarchies, unified, unifiedControllers: controllersOf(unified) };
}

const v1Controllers = new Set([
  "cpu",
  "cpuacct",
  "cpuset",
  "memory",
  "devices",
  "freezer",
  "blkio",
  "pids",
  "hugetlb",
  "net_cls",
  "net_prio",
  "perf_event",
]);

function controllersOf(unified: string | undefined): string[] {
  if (unified === undefined) return [];
  const text = readOptional(join(unified, "cgroup.controllers"))?.trim() ?? "";
  return text === "" ? [] : text.split(" ");
}

export interface CgroupUsage {
  readonly cpuUsageNs: number;
  readonly memoryUsageBytes: number;
  /** Without the page cache that could be dropped at once, as cAdvisor counts it. */
  readonly memoryWorkingSetBytes: number;
}

export interface CgroupLimits {
  readonly cpuShares?: number;
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs?: number;
  readonly memoryLimitBytes?: number;
  readonly pidsLimit?: number;
  readonly cpusetCpus?: string;
}

/** One group. Absent files read as zero, since a group may go at any moment. */
export class Cgroup {
  readonly #host: CgroupHost;
  readonly path: string;

  constructor(host: CgroupHost, path: string) {
    this.#host = host;
    this.path = path;
  }

  /** Folders of the group, one per hierarchy (one in all on v2). */
  get folders(): string[] {
    const roots = new Set(this.#host.hierarchies.values());
    if (this.#host.unified !== undefined) roots.add(this.#host.unified);
    return [...roots].map((root) => join(root, this.path));
  }

  usage(): CgroupUsage {
    if (this.#host.mode === "v2") {
      const stat = keyed(this.#read("unified", "memory.stat"));
      const usage = Number(this.#read("unified", "memory.current") ?? 0);
      const microseconds = keyed(this.#read("unified", "cpu.stat")).get("usage_usec") ?? 0;
      return measured(microseconds * 1000, usage, stat.get("inactive_file") ?? 0);
    }
    const stat = keyed(this.#read("memory", "memory.stat"));
    return measured(
      Number(this.#read("cpuacct", "cpuacct.usage") ?? 0),
      Number(this.#read("memory", "memory.usage_in_bytes") ?? 0),
      stat.get("total_inactive_file") ?? 0,
    );
  }

  /** How many processes the kernel killed for want of memory. */
  outOfMemoryKills(): number {
    const file = this.#host.mode === "v2" ? "memory.events" : "memory.oom_control";
    return keyed(this.#read("memory", file)).get("oom_kill") ?? 0;
  }

  /** Process numbers in the group and in those below it. */
  processes(): number[] {
    const found = new Set<number>();
    const visit = (folder: string): void => {
      for (const line of readOptional(join(folder, "cgroup.procs"))?.split("\n") ?? []) {
        if (line !== "") found.add(Number(line));
      }
      for (const child of childGroups(folder)) visit(child);
    };
    this.folders.forEach(visit);
    return [...found];
  }

  /** Moves a process into the hierarchies where the runtime did not (crun leaves out a lone cpuacct). */
  joinMissing(pid: number): void {
    for (const folder of new Set(this.#host.hierarchies.values())) {
      const group = join(folder, this.path);
      if (existsSync(group) || !existsSync(join(folder, "cpuacct.usage"))) continue;
      mkdirSync(group, { recursive: true });
      writeFileSync(join(group, "cgroup.procs"), String(pid));
    }
  }

  /** Applies those limits that are given. */
  setLimits(limits: CgroupLimits): void {
    const v2 = this.#host.mode === "v2";
    const { cpuShares, cpuQuotaUs, cpuPeriodUs, memoryLimitBytes, pidsLimit, cpusetCpus } = limits;
    if (cpuShares !== undefined) {
      if (v2) this.#write("cpu", "cpu.weight", String(sharesToWeight(cpuShares)));
      else this.#write("cpu", "cpu.shares", String(cpuShares));
    }
    if (cpuQuotaUs !== undefined || cpuPeriodUs !== undefined) this.#setQuota(cpuQuotaUs, cpuPeriodUs, v2);
    if (memoryLimitBytes !== undefined) {
      const text = memoryLimitBytes > 0 ? String(memoryLimitBytes) : v2 ? "max" : "-1";
      this.#write("memory", v2 ? "memory.max" : "memory.limit_in_bytes", text);
    }
    if (pidsLimit !== undefined) this.#write("pids", "pids.max", pidsLimit > 0 ? String(pidsLimit) : "max");
    if (cpusetCpus !== undefined && cpusetCpus !== "") this.#write("cpuset", "cpuset.cpus", cpusetCpus);
  }

  /** Removes the group and those below it. Groups that still hold processes stay; returns whether all went. */
  remove(): boolean {
    return this.folders.map(removeGroups).every((gone) => gone);
  }

  #setQuota(quota: number | undefined, period: number | undefined, v2: boolean): void {
    const periodUs = period ?? 100_000;
    const isLimited = quota !== undefined && quota > 0;
    if (v2) return this.#write("cpu", "cpu.max", `${isLimited ? quota : "max"} ${periodUs}`);
    this.#write("cpu", "cpu.cfs_period_us", String(periodUs));
    this.#write("cpu", "cpu.cfs_quota_us", isLimited ? String(quota) : "-1");
  }

  #file(controller: string, file: string): string | undefined {
    const root =
      this.#host.mode === "v2" || controller === "unified"
        ? this.#host.unified
        : this.#host.hierarchies.get(controller);
    return root === undefined ? undefined : join(root, this.path, file);
  }

  #read(controller: string, file: string): string | undefined {
    const path = this.#file(controller, file);
    return path === undefined ? undefined : readOptional(path);
  }

  #write(controller: string, file: string, value: string): void {
    const path = this.#file(controller, file);
    if (path !== undefined) writeFileSync(path, value);
  }
}

/** The kernel's documented conversion of v1 shares (2…262144) to a v2 weight (1…10000). */
export function sharesToWeight(shares: number): number {
  const bounded = Math.min(Math.max(shares, 2), 262_144);
  return Math.floor(1 + ((bounded - 2) * 9999) / 262_142);
}

const measured = (cpuUsageNs: number, usage: number, inactiveFile: number): CgroupUsage => ({
  cpuUsageNs,
  memoryUsageBytes: usage,
  memoryWorkingSetBytes: Math.max(0, usage - inactiveFile),
});

function removeGroups(folder: string): boolean {
  if (!existsSync(folder)) return true;
  for (const child of childGroups(folder)) removeGroups(child);
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

function childGroups(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name));
  } catch {
    return [];
  }
}

function keyed(text: string | undefined): Map<string, number> {
  return new Map(
    (text ?? "").split("\n").map((line) => {
      const [key, value] = line.split(" ");
      return [key ?? "", Number(value)];
    }),
  );
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** True when something is mounted on the path. */
export function isMountPoint(path: string): boolean {
  const here = statSync(path, { throwIfNoEntry: false });
  const parent = statSync(join(path, ".."), { throwIfNoEntry: false });
  return here !== undefined && parent !== undefined && here.dev !== parent.dev;
}
