/** Sandboxes: a pod's namespaces, its address and the files that all its containers see. */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { hostname as hostName } from "node:os";
import { join } from "node:path";
import { type HostPortHolder, type HostPorts, hostPortRefusal } from "../../apimachinery/host-ports.ts";
import { Cgroup, isMountPoint } from "../../linux/cgroups.ts";
import { namespaceKinds, type SandboxNamespace } from "../../linux/operations.ts";
import { CriError, type DnsConfig, type PodSandboxConfig, type PodSandboxStatus } from "../runtime.ts";
import { type Engine, newId, podCgroupPath, requireSandbox } from "./engine.ts";
import type { SandboxRecord } from "./records.ts";
import { startSandboxInit, stopSandboxInit } from "./sandbox-init.ts";

/** What the kernel gives /dev/shm in other runtimes. */
const sharedMemoryBytes = 64 << 20;

/** As containerd sets them: ports below 1024 and ping need no privilege inside a pod. */
const podSysctls: Readonly<Record<string, string>> = {
  "net.ipv4.ip_unprivileged_port_start": "0",
  "net.ipv4.ping_group_range": "0 2147483647",
};

export async function runSandbox(engine: Engine, config: PodSandboxConfig): Promise<string> {
  for (const other of engine.sandboxes.values()) {
    const { uid, attempt } = other.config;
    if (uid === config.uid && attempt === config.attempt) {
      throw new CriError(
        "alreadyExists",
        `a sandbox of pod ${config.namespace}/${config.name} exists: ${other.id}`,
      );
    }
  }
  const id = newId(engine.random);
  const namespaces = namespacesOf(config);
  const record: SandboxRecord = {
    id,
    config,
    createdAtMs: engine.clock.now(),
    namespaces,
    ready: true,
    ...(!config.hostNetwork && {
      address: engine.addresses.take(),
      hostInterface: interfaceName(engine, id),
    }),
  };
  await engine.placesReady;
  mkdirSync(engine.places.sandbox(id), { mode: 0o711 });
  // Recorded before anything is made: after a crash the rest is found and removed.
  engine.sandboxes.put({ ...record, ready: false });
  try {
    await makeSandbox(engine, record);
  } catch (error) {
    await removeSandbox(engine, id).catch((failure: unknown) =>
      engine.logger.warn("a sandbox that could not be made was not cleaned up", {
        id,
        error: String(failure),
      }),
    );
    throw error;
  }
  return id;
}

/** The machine's ports that lead to the pod; `none` gives them up. Answers who has one of them already. */
export function holdHostPorts(
  hostPorts: HostPorts | undefined,
  { id, config, address }: SandboxRecord,
  none = false,
): HostPortHolder | undefined {
  // A mapping of one address shares its port with those of other addresses.
  const ports = config.portMappings
    .filter(({ hostPort, hostIp }) => hostPort > 0 && (hostIp === "" || hostIp === "0.0.0.0"))
    .map(({ protocol, hostPort }) => ({ protocol, port: hostPort }));
  if (address === undefined || ports.length === 0) return undefined;
  const object = `Pod ${config.namespace}/${config.name} (sandbox ${id.slice(0, 12)})`;
  return hostPorts?.hold(object, none ? [] : ports);
}

async function makeSandbox(engine: Engine, record: SandboxRecord): Promise<void> {
  const rival = holdHostPorts(engine.hostPorts, record);
  if (rival !== undefined) throw new CriError("resourceExhausted", hostPortRefusal(rival));
  const { config, id } = record;
  const directory = engine.places.sandbox(id);
  if (config.logDirectory !== "") mkdirSync(config.logDirectory, { recursive: true, mode: 0o755 });
  writeFileSync(join(directory, "hostname"), `${hostnameOf(config)}\n`);
  writeResolvConf(join(directory, "resolv.conf"), config.dns);
  await engine.system.createSandbox({
    directory,
    namespaces: record.namespaces,
    hostname: hostnameOf(config),
    sysctls: { ...(config.hostNetwork ? {} : podSysctls), ...config.sysctls },
    ...(record.address !== undefined &&
      record.hostInterface !== undefined && {
        network: {
          hostInterface: record.hostInterface,
          podInterface: "eth0",
          address: record.address,
          gateway: engine.addresses.gateway,
          mtu: engine.mtu,
        },
      }),
  });
  if (!config.hostIpc) {
    const shm = join(directory, "shm");
    mkdirSync(shm);
    await engine.system.mount({
      source: "shm",
      target: shm,
      type: "tmpfs",
      flags: ["nosuid", "nodev", "noexec"],
      data: `mode=1777,size=${sharedMemoryBytes}`,
    });
  }
  if (record.address !== undefined) {
    await engine.networkReady;
    await engine.network.addHostPorts(config.portMappings, record.address);
    allowLoopbackRouting(record);
  }
  const init =
    config.shareProcessNamespace && !config.hostPid ? await startSandboxInit(engine, record) : undefined;
  engine.sandboxes.put({ ...record, ...(init !== undefined && { init }) });
}

/** Lets 127.0.0.1 with a host port, or with the node port of a Service, reach the pod from this machine. */
function allowLoopbackRouting({ hostInterface }: SandboxRecord): void {
  writeFileSync(`/proc/sys/net/ipv4/conf/${hostInterface}/route_localnet`, "1");
}

export async function stopSandbox(engine: Engine, id: string): Promise<void> {
  const record = engine.sandboxes.get(id);
  if (record === undefined) return;
  if (record.ready) engine.sandboxes.put({ ...record, ready: false });
  if (record.init !== undefined) await stopSandboxInit(engine, record);
  killGroup(engine, record);
  if (record.address !== undefined) {
    if (record.config.portMappings.length > 0) {
      await engine.network.removeHostPorts(record.config.portMappings, record.address);
      holdHostPorts(engine.hostPorts, record, true);
    }
  }
  const directory = engine.places.sandbox(id);
  await engine.system.deleteSandbox({
    directory,
    namespaces: record.namespaces,
    ...(record.hostInterface !== undefined && { hostInterface: record.hostInterface }),
  });
  if (existsSync(join(directory, "shm"))) await engine.system.unmount(join(directory, "shm"));
  if (record.address !== undefined) engine.addresses.release(record.address);
}

export async function removeSandbox(engine: Engine, id: string): Promise<void> {
  const record = engine.sandboxes.get(id);
  if (record === undefined) return;
  await stopSandbox(engine, id);
  await removeGroup(engine, record);
  await engine.places.removeSandbox(id);
  engine.sandboxes.remove(id);
}

/** Folders without a record: creations that a crash cut short, and records that a power cut tore. */
export async function removeSandboxOrphans(engine: Engine): Promise<void> {
  const { places, sandboxes, system } = engine;
  for (const id of sandboxes.orphans(places.found().sandboxes)) {
    const directory = places.sandbox(id);
    await system.deleteSandbox({
      directory,
      namespaces: namespaceKinds.filter((kind) => existsSync(join(directory, kind))),
      hostInterface: interfaceName(engine, id),
    });
    if (existsSync(join(directory, "shm"))) await system.unmount(join(directory, "shm"));
    await places.removeSandbox(id);
  }
}

/** Killed processes leave their group a moment later. Another sandbox of the pod keeps it. */
async function removeGroup(engine: Engine, { id, config }: SandboxRecord): Promise<void> {
  if (engine.sandboxes.values().some((other) => other.id !== id && other.config.uid === config.uid)) return;
  const group = podCgroup(engine, { config });
  for (let tries = 0; tries < 25 && !group.remove(); tries++) await engine.clock.sleep(20);
}

export function sandboxStatus(engine: Engine, id: string): PodSandboxStatus {
  return describeSandbox(engine, requireSandbox(engine, id));
}

export function describeSandbox(engine: Engine, record: SandboxRecord): PodSandboxStatus {
  const { config } = record;
  return {
    id: record.id,
    name: config.name,
    namespace: config.namespace,
    uid: config.uid,
    attempt: config.attempt,
    state: record.ready && isWhole(engine, record) ? "ready" : "notReady",
    createdAtMs: record.createdAtMs,
    ips: record.address === undefined ? [] : [record.address],
    labels: config.labels,
    annotations: config.annotations,
  };
}

/** After a reboot its namespaces are gone. */
function isWhole(engine: Engine, { id, namespaces }: SandboxRecord): boolean {
  return namespaces.every((kind) => isMountPoint(join(engine.places.sandbox(id), kind)));
}

function podCgroup(engine: Engine, { config }: Pick<SandboxRecord, "config">): Cgroup {
  return new Cgroup(engine.cgroups, podCgroupPath(engine.interfacePrefix, config.qosClass, config.uid));
}

/** Whatever still runs in the pod's group, wherever it came from. */
function killGroup(engine: Engine, record: SandboxRecord): void {
  const others = engine.sandboxes
    .values()
    .some((other) => other.id !== record.id && other.config.uid === record.config.uid && other.ready);
  if (others) return;
  for (const pid of podCgroup(engine, record).processes()) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
}

function namespacesOf(config: PodSandboxConfig): SandboxNamespace[] {
  return namespaceKinds.filter((kind) => (kind === "ipc" ? !config.hostIpc : !config.hostNetwork));
}

/** At most 15 characters: the cluster's prefix, then as much of the id as fits. */
function interfaceName(engine: Engine, id: string): string {
  return `${engine.interfacePrefix}${id}`.slice(0, 15);
}

export function hostnameOf(config: PodSandboxConfig): string {
  return config.hostNetwork || config.hostname === "" ? hostName() : config.hostname;
}

function writeResolvConf(path: string, dns: DnsConfig | undefined): void {
  if (
    dns === undefined ||
    (dns.servers.length === 0 && dns.searches.length === 0 && dns.options.length === 0)
  ) {
    if (dns === undefined && existsSync("/etc/resolv.conf")) copyFileSync("/etc/resolv.conf", path);
    else writeFileSync(path, "");
    return;
  }
  const lines = [
    ...(dns.searches.length > 0 ? [`search ${dns.searches.join(" ")}`] : []),
    ...dns.servers.map((server) => `nameserver ${server}`),
    ...(dns.options.length > 0 ? [`options ${dns.options.join(" ")}`] : []),
  ];
  writeFileSync(path, `${lines.join("\n")}\n`);
}
