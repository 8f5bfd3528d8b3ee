/**
 * The OCI runtime specification of a container, from what CRI asks for and what the image says. A pure function: what it
 * needs to know of the host is given to it.
 */
import type { ImageConfig } from "../../images/image-config.ts";
import { type ContainerConfig, CriError, type LinuxResources, type Mount } from "../runtime.ts";
import type { ResolvedUser } from "./users.ts";

export interface SpecInput {
  readonly config: ContainerConfig;
  readonly image: ImageConfig;
  readonly user: ResolvedUser;
  readonly hostname: string;
  readonly rootfs: string;
  readonly cgroupPath: string;
  readonly capabilities: readonly string[];
  readonly seccomp: unknown;
  /** Kind → file of the namespace; "new" makes one; absent kinds are the host's. */
  readonly namespaces: Readonly<Record<string, string>>;
  /** Files of the pod that every container gets: path in the container → path on the host. */
  readonly podFiles: readonly { readonly containerPath: string; readonly hostPath: string }[];
  /** Folders and files of mounted images: path in the container → path on the host. */
  readonly imageFiles: readonly { readonly containerPath: string; readonly hostPath: string }[];
  /** The host's devices, for privileged containers. */
  readonly hostDevices: readonly HostDevice[];
  readonly openFiles: { readonly soft: number; readonly hard: number };
  /** The lowest score that this host's user may give. */
  readonly oomScoreAdjMin: number;
}

export interface HostDevice {
  readonly path: string;
  readonly type: "c" | "b";
  readonly major: number;
  readonly minor: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** `rwm`, or what of it. */
  readonly access: string;
}

type Json = Readonly<Record<string, unknown>>;

/** A process entry alone: exec needs nothing else. */
export function processSpec(input: SpecInput, args: readonly string[], terminal: boolean): Json {
  const { config, user, image, capabilities } = input;
  const set = [...capabilities];
  return {
    terminal,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.groups, umask: 0o022 },
    args,
    env: environment(input, terminal),
    cwd: config.workingDir || image.workingDir || "/",
    // No inheritable or ambient set: a user other than root gains nothing by running a program.
    capabilities: { bounding: set, effective: set, permitted: set },
    noNewPrivileges: config.security.noNewPrivileges,
    oomScoreAdj: Math.max(config.resources.oomScoreAdj ?? 0, input.oomScoreAdjMin),
    rlimits: [{ type: "RLIMIT_NOFILE", soft: input.openFiles.soft, hard: input.openFiles.hard }],
  };
}

export function runtimeSpec(input: SpecInput): Json {
  const { config } = input;
  const privileged = config.security.privileged;
  return {
    ociVersion: "1.0.2",
    process: processSpec(input, commandOf(config, input.image), config.tty),
    root: { path: input.rootfs, readonly: config.security.readonlyRootfs },
    mounts: mounts(input),
    annotations: config.annotations,
    linux: {
      cgroupsPath: input.cgroupPath,
      resources: resources(input),
      namespaces: Object.entries(input.namespaces).map(([type, path]) =>
        path === "new" ? { type } : { type, path },
      ),
      devices: (privileged ? input.hostDevices : requestedDevices(input)).map((device) => ({
        path: device.path,
        type: device.type,
        major: device.major,
        minor: device.minor,
        fileMode: device.mode & 0o777,
        uid: device.uid,
        gid: device.gid,
      })),
      seccomp: input.seccomp,
      rootfsPropagation: config.mounts.some((mount) => mount.propagation === "bidirectional")
        ? "rshared"
        : config.mounts.some((mount) => mount.propagation === "hostToContainer")
          ? "rslave"
          : undefined,
      maskedPaths: privileged || !config.security.maskedPaths ? [] : maskedPaths,
      readonlyPaths: privileged || !config.security.maskedPaths ? [] : readonlyPaths,
    },
  };
}

/** CRI's rule: a command drops the image's command, arguments alone replace it. */
export function commandOf(config: ContainerConfig, image: ImageConfig): string[] {
  const args =
    config.command.length > 0
      ? [...config.command, ...config.args]
      : [...image.entrypoint, ...(config.args.length > 0 ? config.args : image.command)];
  if (args.length === 0) throw new CriError("invalidArgument", "no command specified");
  return args;
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

function environment({ config, image, user, hostname }: SpecInput, terminal: boolean): string[] {
  const variables = new Map<string, string>([["PATH", defaultPath]]);
  if (terminal) variables.set("TERM", "xterm");
  if (hostname !== "") variables.set("HOSTNAME", hostname);
  for (const line of image.env) {
    const equals = line.indexOf("=");
    if (equals > 0) variables.set(line.slice(0, equals), line.slice(equals + 1));
  }
  for (const { name, value } of config.env) variables.set(name, value);
  if (!variables.has("HOME")) variables.set("HOME", user.home);
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

function mounts(input: SpecInput): object[] {
  const { config, podFiles, imageFiles } = input;
  const privileged = config.security.privileged;
  const all = [...config.mounts.map(bindMount), ...imageFiles.map(imageMount)];
  const asked = new Set(all.map(({ destination }) => destination));
  const standard: Json[] = [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
    {
      destination: "/sys",
      type: "sysfs",
      source: "sysfs",
      options: ["nosuid", "noexec", "nodev", privileged ? "rw" : "ro"],
    },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["nosuid", "noexec", "nodev", "relatime", privileged ? "rw" : "ro"],
    },
  ];
  const pod = podFiles.map(({ containerPath, hostPath }) => ({
    destination: containerPath,
    type: "bind",
    source: hostPath,
    options: [
      "rbind",
      "rprivate",
      config.security.readonlyRootfs && containerPath !== "/dev/shm" ? "ro" : "rw",
    ],
  }));
  // A mount over a folder hides what was mounted below it: outer ones come first.
  const depth = ({ destination }: BindMount): number => destination.split("/").length;
  const requested = all.toSorted((one, other) => depth(one) - depth(other));
  return [...[...standard, ...pod].filter((mount) => !asked.has(String(mount["destination"]))), ...requested];
}

const propagationOptions = { private: "rprivate", hostToContainer: "rslave", bidirectional: "rshared" };

interface BindMount {
  readonly destination: string;
  readonly type: "bind";
  readonly source: string;
  readonly options: readonly string[];
}

function imageMount({ containerPath, hostPath }: SpecInput["imageFiles"][number]): BindMount {
  const options = ["rbind", "rprivate", "ro", "nosuid", "nodev", "noexec"];
  return { destination: normalize(containerPath), type: "bind", source: hostPath, options };
}

function bindMount(mount: Mount): BindMount {
  return {
    destination: normalize(mount.containerPath),
    type: "bind",
    source: mount.hostPath,
    options: ["rbind", propagationOptions[mount.propagation], mount.readonly ? "ro" : "rw"],
  };
}

const normalize = (path: string): string =>
  `/${path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/")}`;

function resources(input: SpecInput): Json {
  const { config } = input;
  const limits = config.resources;
  return {
    devices: config.security.privileged
      ? [{ allow: true, access: "rwm" }]
      : [
          { allow: false, access: "rwm" },
          ...requestedDevices(input).map(({ type, major, minor, access }) => ({
            allow: true,
            type,
            major,
            minor,
            access,
          })),
        ],
    memory: memoryLimits(limits),
    cpu: {
      shares: limits.cpuShares || undefined,
      quota: limits.cpuQuotaUs || undefined,
      period: limits.cpuPeriodUs || undefined,
      cpus: limits.cpusetCpus || undefined,
    },
    pids: limits.pidsLimit === undefined || limits.pidsLimit <= 0 ? undefined : { limit: limits.pidsLimit },
    hugepageLimits: limits.hugepageLimits?.map(({ pageSize, limitBytes }) => ({
      pageSize,
      limit: limitBytes,
    })),
  };
}

/** Swap is not part of a pod's bargain: the limit counts for both where the kernel keeps account of swap. */
function memoryLimits({ memoryLimitBytes }: LinuxResources): Json | undefined {
  return memoryLimitBytes === undefined || memoryLimitBytes <= 0 ? undefined : { limit: memoryLimitBytes };
}

function requestedDevices({ config, hostDevices }: SpecInput): HostDevice[] {
  return config.devices.flatMap((wanted) =>
    hostDevices
      .filter((device) => device.path === wanted.hostPath || device.path.startsWith(`${wanted.hostPath}/`))
      .map((device) => ({
        ...device,
        path: wanted.containerPath + device.path.slice(wanted.hostPath.length),
        access: wanted.permissions,
      })),
  );
}

const maskedPaths = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];

const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
