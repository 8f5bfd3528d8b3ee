import { readdirSync, readFileSync } from "node:fs";
import { Computed, type Metric } from "../../apimachinery/metrics.ts";
import { version } from "../endpoints/version.ts";

/** What the process itself costs, and what it is. Read when somebody asks. */
export function registerProcessMetrics(register: (metric: Metric) => void): void {
  const number = (
    type: "gauge" | "counter",
    name: string,
    help: string,
    read: () => number | undefined,
  ): void =>
    register(
      new Computed(type, { name, help }, () => {
        const value = read();
        return value === undefined ? [] : [[[], value]];
      }),
    );
  number("counter", "process_cpu_seconds_total", "Processor time of all threads.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  number("gauge", "process_resident_memory_bytes", "Memory in use.", () => process.memoryUsage.rss());
  number("gauge", "process_virtual_memory_bytes", "Address space in use.", virtualBytes);
  number("gauge", "process_virtual_memory_max_bytes", "Most address space; none is set.", () => 2 ** 64);
  number("gauge", "process_open_fds", "Open file descriptors.", () => entries("/proc/self/fd"));
  number("gauge", "process_max_fds", "Most file descriptors that may be open.", maxFiles);
  number("gauge", "process_start_time_seconds", "When the process began, since 1970.", () => {
    return Math.round(performance.timeOrigin) / 1000;
  });
  register(
    new Computed(
      "gauge",
      {
        name: "version_info",
        help: "Which version is spoken, and from which on clients are served alike; always 1.",
        labels: ["binary", "component", "emulation", "min_compat"],
      },
      () => {
        const { emulationMajor, emulationMinor, minCompatibilityMajor, minCompatibilityMinor } = version;
        const spoken = `${emulationMajor}.${emulationMinor}`;
        return [[[spoken, "kube", spoken, `${minCompatibilityMajor}.${minCompatibilityMinor}`], 1]];
      },
    ),
  );
  register(
    new Computed(
      "gauge",
      {
        name: "kubernetes_build_info",
        help: "Which Kubernetes is spoken and who speaks it; always 1.",
        labels: [
          "build_date",
          "compiler",
          "git_commit",
          "git_tree_state",
          "git_version",
          "go_version",
          "major",
          "minor",
          "platform",
        ],
      },
      () => {
        const { buildDate, compiler, gitCommit, gitTreeState, gitVersion, goVersion } = version;
        const { major, minor, platform } = version;
        const labels = [
          buildDate,
          compiler,
          gitCommit,
          gitTreeState,
          gitVersion,
          goVersion,
          major,
          minor,
          platform,
        ];
        return [[labels, 1]];
      },
    ),
  );
}

function entries(folder: string): number | undefined {
  try {
    return readdirSync(folder).length;
  } catch {
    return undefined;
  }
}

function fromProc(file: string, pattern: RegExp): number | undefined {
  try {
    const found = pattern.exec(readFileSync(file, "utf8"))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}

const maxFiles = (): number | undefined => fromProc("/proc/self/limits", /^Max open files +(\d+)/m);

function virtualBytes(): number | undefined {
  const kilobytes = fromProc("/proc/self/status", /^VmSize:\s+(\d+)/m);
  return kilobytes === undefined ? undefined : kilobytes * 1024;
}
