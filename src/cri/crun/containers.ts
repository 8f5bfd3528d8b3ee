/** Containers: a root file system, a specification, and a process under a monitor. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Cgroup } from "../../linux/cgroups.ts";
import { identifyProcess, isRunning, signalProcess } from "../../linux/process.ts";
import { type ContainerConfig, type ContainerStatus, CriError, type LinuxResources } from "../runtime.ts";
import { containerCapabilities } from "./capabilities.ts";
import { CreateFailed, createMonitored, monitorPid, readExitFile } from "./conmon.ts";
import { type Engine, newId, podCgroupPath, requireContainer, requireSandbox } from "./engine.ts";
import { mountImages, mountRoot, unmountLayers } from "./layers.ts";
import { processSpec, runtimeSpec, type SpecInput } from "./oci-spec.ts";
import type { ContainerRecord, SandboxRecord } from "./records.ts";
import { hostnameOf } from "./sandboxes.ts";
import { seccompProfile } from "./seccomp.ts";
import { resolveInRoot, resolveUser } from "./users.ts";

export async function createContainer(
  engine: Engine,
  sandboxId: string,
  config: ContainerConfig,
): Promise<string> {
  const sandbox = requireReady(engine, sandboxId);
  const image = engine.images.image(config.imageId) ?? engine.images.find(config.imageId);
  if (image === undefined) throw new CriError("notFound", `image "${config.imageId}": not found`);
  for (const other of engine.containers.values()) {
    const sameName = other.sandboxId === sandboxId && other.config.name === config.name;
    if (sameName && other.config.attempt === config.attempt) {
      throw new CriError("alreadyExists", `container ${config.name} exists in the sandbox: ${other.id}`);
    }
  }
  const id = newId(engine.random);
  const directory = engine.places.container(id);
  await engine.placesReady;
  mkdirSync(directory, { mode: 0o711 });
  const podGroup = podCgroupPath(engine.interfacePrefix, sandbox.config.qosClass, sandbox.config.uid);
  const record: ContainerRecord = {
    id,
    sandboxId,
    config,
    createdAtMs: engine.clock.now(),
    logPath: config.logPath === "" ? "/dev/null" : join(sandbox.config.logDirectory, config.logPath),
    cgroupPath: `${podGroup}/${id}`,
    stopSignal: config.stopSignal || image.config.stopSignal || "SIGTERM",
  };
  engine.containers.put(record);
  try {
    const imageMounts = config.imageMounts ?? [];
    engine.images.use(id, image.id, ...imageMounts.map(({ imageId }) => imageId));
    const rootfs = await mountRoot(engine, id, image);
    const imageFiles = await mountImages(engine, id, imageMounts);
    const input = specInput(engine, sandbox, record, rootfs, imageFiles);
    for (const volume of image.config.volumes) mkdirSync(resolveInRoot(rootfs, volume), { recursive: true });
    writeFileSync(join(directory, "config.json"), JSON.stringify(runtimeSpec(input)));
    writeFileSync(join(directory, "process.json"), JSON.stringify(processSpec(input, ["sh"], false)));
    // The pod may have been stopped meanwhile: what came too late must not outlive it.
    requireReady(engine, sandboxId);
  } catch (error) {
    await removeContainer(engine, id).catch(() => undefined);
    throw error;
  }
  return id;
}

function requireReady(engine: Engine, sandboxId: string): SandboxRecord {
  const sandbox = requireSandbox(engine, sandboxId);
  if (!sandbox.ready) throw new CriError("failedPrecondition", `sandbox "${sandboxId}" is not ready`);
  return sandbox;
}

function specInput(
  engine: Engine,
  sandbox: SandboxRecord,
  record: ContainerRecord,
  rootfs: string,
  imageFiles: SpecInput["imageFiles"],
): SpecInput {
  const { config } = record;
  const { security } = config;
  const image = engine.images.find(config.imageId)?.config;
  if (image === undefined) throw new CriError("notFound", `image "${config.imageId}": not found`);
  const capabilities = containerCapabilities({
    privileged: security.privileged,
    add: security.addCapabilities,
    drop: security.dropCapabilities,
  });
  const needsDevices = security.privileged || config.devices.length > 0;
  return {
    config,
    image,
    rootfs,
    capabilities,
    user: resolveUser(rootfs, {
      user: security.runAsUser?.toString() ?? security.runAsUserName ?? image.user,
      ...(security.runAsGroup !== undefined && { group: security.runAsGroup }),
      supplementalGroups: security.supplementalGroups,
    }),
    hostname: hostnameOf(sandbox.config),
    cgroupPath: record.cgroupPath,
    seccomp: seccompProfile(security, capabilities, engine.seccompDirectory),
    namespaces: containerNamespaces(engine, sandbox, config.targetContainerId),
    podFiles: podFiles(engine, sandbox),
    imageFiles,
    hostDevices: needsDevices ? engine.facts.devices() : [],
    openFiles: engine.facts.openFiles,
    oomScoreAdjMin: engine.facts.oomScoreAdjMin,
  };
}

function containerNamespaces(
  engine: Engine,
  sandbox: SandboxRecord,
  targetId: string | undefined,
): Record<string, string> {
  const directory = engine.places.sandbox(sandbox.id);
  const namespaces: Record<string, string> = { mount: "new" };
  for (const kind of sandbox.namespaces) {
    namespaces[kind === "net" ? "network" : kind] = join(directory, kind);
  }
  if (sandbox.init !== undefined) namespaces["pid"] = `/proc/${sandbox.init.pid}/ns/pid`;
  else if (targetId !== undefined) namespaces["pid"] = `/proc/${runningPid(engine, targetId)}/ns/pid`;
  else if (!sandbox.config.hostPid) namespaces["pid"] = "new";
  return namespaces;
}

function runningPid(engine: Engine, id: string): number {
  const { process, exit } = requireContainer(engine, id);
  if (process !== undefined && exit === undefined) return process.pid;
  throw new CriError("failedPrecondition", `target container "${id}" is not running`);
}

function podFiles(engine: Engine, sandbox: SandboxRecord): SpecInput["podFiles"] {
  const directory = engine.places.sandbox(sandbox.id);
  return [
    { containerPath: "/etc/hostname", hostPath: join(directory, "hostname") },
    { containerPath: "/etc/resolv.conf", hostPath: join(directory, "resolv.conf") },
    { containerPath: "/dev/shm", hostPath: sandbox.config.hostIpc ? "/dev/shm" : join(directory, "shm") },
  ];
}

/**
 * The process is made here and not at creation, so that a program that is not in the image is an error of starting, as
 * with containerd: the container then has ended with code 128.
 */
export async function startContainer(engine: Engine, id: string): Promise<void> {
  const record = requireContainer(engine, id);
  if (record.startedAtMs !== undefined) {
    throw new CriError("failedPrecondition", `container "${id}" was started before`);
  }
  const sandbox = requireReady(engine, record.sandboxId);
  try {
    engine.containers.put(await startProcess(engine, record));
    limitPod(engine, sandbox);
  } catch (error) {
    const message = startMessage(error);
    await engine.oci.delete(id).catch(() => undefined);
    const atMs = engine.clock.now();
    const exit = { atMs, code: 128, reason: "StartError", message };
    engine.containers.put({ ...record, startedAtMs: 0, exit });
    throw new CriError("internal", message, { cause: error });
  }
  engine.events.publish({ type: "started", sandboxId: record.sandboxId, containerId: id });
  // It may have ended while it was being recorded.
  noteExit(engine, id);
}

/** The pod's own group exists from its first container on. */
function limitPod(engine: Engine, { config }: SandboxRecord): void {
  try {
    new Cgroup(engine.cgroups, podCgroupPath(engine.interfacePrefix, config.qosClass, config.uid)).setLimits(
      config.resources,
    );
  } catch (error) {
    engine.logger.warn("the limits of a pod could not be set", { pod: config.name, error: String(error) });
  }
}

async function startProcess(engine: Engine, record: ContainerRecord): Promise<ContainerRecord> {
  const { id, config } = record;
  const bundle = engine.places.container(id);
  mkdirSync(dirname(record.logPath), { recursive: true, mode: 0o755 });
  const pid = await engine.oci.withCreateCommand((runtime) =>
    createMonitored(engine.system, engine.conmon, {
      id,
      name: config.name,
      bundle,
      exitDirectory: engine.places.exits,
      logPath: record.logPath,
      terminal: config.tty,
      stdin: config.stdin,
      stdinOnce: config.stdinOnce,
      runtime,
    }),
  );
  // Identified while it waits: a short-lived program could be gone right after the start.
  const process = identifyProcess(pid);
  const monitor = identifyProcess(monitorPid(bundle) ?? 0);
  if (engine.cgroups.mode !== "v2") containerCgroup(engine, record).joinMissing(pid);
  const startedAtMs = engine.clock.now();
  const started = {
    ...record,
    startedAtMs,
    ...(process !== undefined && { process }),
    ...(monitor !== undefined && { monitor }),
  };
  engine.containers.put(started);
  await engine.oci.start(id);
  return started;
}

function startMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof CreateFailed
    ? `failed to create containerd task: OCI runtime create failed: ${message}`.replace(
        "containerd task",
        "container",
      )
    : `failed to start container: ${message}`;
}

/** Resolves when the container has ended. Succeeds when it is gone or never ran. */
export async function stopContainer(engine: Engine, id: string, timeoutMs: number): Promise<void> {
  const record = engine.containers.get(id);
  if (record?.process === undefined || hasEnded(engine, id)) return;
  const ended = new AbortController();
  const exited = waitForExit(engine, id, ended.signal);
  try {
    if (timeoutMs > 0) {
      signalProcess(record.process, signalNumber(record.stopSignal));
      const timedOut = engine.clock.sleep(timeoutMs, ended.signal).then(
        () => "timeout",
        () => "ended",
      );
      if ((await Promise.race([exited, timedOut])) !== "timeout") return;
    }
    signalProcess(record.process, "SIGKILL");
    await Promise.race([exited, killUntilGone(engine, id, ended.signal)]);
  } finally {
    ended.abort();
  }
}

/** The monitor may be gone, or processes hang in the kernel: look again until the process is no more. */
async function killUntilGone(engine: Engine, id: string, signal: AbortSignal): Promise<void> {
  while (!hasEnded(engine, id) && !signal.aborted) {
    await engine.clock.sleep(100, signal).catch(() => undefined);
    const process = engine.containers.get(id)?.process;
    if (process !== undefined) signalProcess(process, "SIGKILL");
  }
}

async function waitForExit(engine: Engine, id: string, signal: AbortSignal): Promise<void> {
  engine.exitWatch.ref();
  try {
    for await (const event of engine.events.subscribe(signal)) {
      if (event.containerId === id && event.type === "stopped") return;
    }
  } finally {
    engine.exitWatch.unref();
  }
}

function hasEnded(engine: Engine, id: string): boolean {
  return noteExit(engine, id)?.exit !== undefined;
}

/**
 * Brings the record up to date with the exit file. A process that is gone without one (its monitor was killed, or the
 * machine was restarted) has ended with an unknown code.
 */
export function noteExit(engine: Engine, id: string): ContainerRecord | undefined {
  const record = engine.containers.get(id);
  if (record?.startedAtMs === undefined || record.exit !== undefined) return record;
  const exit = readExitFile(engine.places.exits, id);
  if (exit === undefined) {
    if (record.process !== undefined && isRunning(record.process)) return record;
    if (record.monitor !== undefined && isRunning(record.monitor)) return record;
    // The file may have been written between the first look and the second.
    if (readExitFile(engine.places.exits, id) !== undefined) return noteExit(engine, id);
  }
  const group = containerCgroup(engine, record);
  const outOfMemory = exit !== undefined && exit.code !== 0 && group.outOfMemoryKills() > 0;
  const ended: ContainerRecord = {
    ...record,
    exit: {
      atMs: exit?.atMs ?? engine.clock.now(),
      code: exit?.code ?? 255,
      reason:
        exit === undefined ? "Unknown" : outOfMemory ? "OOMKilled" : exit.code === 0 ? "Completed" : "Error",
      message: "",
    },
  };
  engine.containers.put(ended);
  killLeftovers(group);
  const event = { sandboxId: record.sandboxId, containerId: id };
  if (outOfMemory) engine.events.publish({ type: "oom", ...event });
  engine.events.publish({ type: "stopped", ...event });
  return ended;
}

/** Without a process namespace of its own a container can leave children behind. */
function killLeftovers(group: Cgroup): void {
  for (const pid of group.processes()) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
}

export async function removeContainer(engine: Engine, id: string): Promise<void> {
  const record = engine.containers.get(id);
  if (record === undefined) return;
  await stopContainer(engine, id, 0);
  await releaseContainer(engine, id);
  await engine.places.removeContainer(id);
  engine.containers.remove(id);
}

/** Everything of a container but its record; also for folders that a crash left without one. */
export async function releaseContainer(engine: Engine, id: string): Promise<void> {
  const record = engine.containers.get(id);
  if (record?.startedAtMs !== undefined || record === undefined) await engine.oci.delete(id);
  if (record !== undefined) containerCgroup(engine, record).remove();
  await unmountLayers(engine, id);
  rmSync(join(engine.places.exits, id), { force: true });
  engine.images.release(id);
}

export function containerCgroup(engine: Engine, record: ContainerRecord): Cgroup {
  return new Cgroup(engine.cgroups, record.cgroupPath);
}

export function containerStatus(engine: Engine, id: string): ContainerStatus {
  requireContainer(engine, id);
  const record = noteExit(engine, id) ?? requireContainer(engine, id);
  const { config, exit } = record;
  return {
    id,
    sandboxId: record.sandboxId,
    name: config.name,
    attempt: config.attempt,
    state: exit !== undefined ? "exited" : record.startedAtMs === undefined ? "created" : "running",
    createdAtMs: record.createdAtMs,
    startedAtMs: record.startedAtMs ?? 0,
    finishedAtMs: exit?.atMs ?? 0,
    exitCode: exit?.code ?? 0,
    reason: exit?.reason ?? "",
    message: exit?.message ?? "",
    image: config.image,
    imageId: config.imageId,
    mountedImageIds: (config.imageMounts ?? []).map(({ imageId }) => imageId),
    labels: config.labels,
    annotations: config.annotations,
    logPath: record.logPath,
    pid: exit === undefined ? (record.process?.pid ?? 0) : 0,
  };
}

/** Changes the limits of a running container in place. */
export function updateResources(engine: Engine, id: string, resources: LinuxResources): void {
  const record = requireContainer(engine, id);
  try {
    containerCgroup(engine, record).setLimits(resources);
  } catch (error) {
    throw new CriError("internal", `failed to update resources of container "${id}": ${String(error)}`);
  }
  engine.containers.put({
    ...record,
    config: { ...record.config, resources: { ...record.config.resources, ...resources } },
  });
}

const signalNumbers: Readonly<Record<string, number>> = { RTMIN: 34, RTMAX: 64 };

/** `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3` (systemd's, in images of whole systems). */
export function signalNumber(text: string): NodeJS.Signals | number {
  if (/^\d+$/.test(text)) return Number(text);
  const name = text.toUpperCase().replace(/^SIG/, "");
  const realTime = /^(RTMIN|RTMAX)([+-]\d+)?$/.exec(name);
  if (realTime !== null) return (signalNumbers[realTime[1] ?? ""] ?? 34) + Number(realTime[2] ?? 0);
  return `SIG${name}` as NodeJS.Signals;
}

/** The exec form of the container's own process entry, as it was written at its creation. */
export function execProcess(engine: Engine, id: string, args: readonly string[], terminal: boolean): string {
  const path = join(engine.places.container(id), "process.json");
  const base = JSON.parse(readFileSync(path, "utf8")) as { env: string[] };
  const env =
    terminal && !base.env.some((line) => line.startsWith("TERM=")) ? [...base.env, "TERM=xterm"] : base.env;
  return JSON.stringify({ ...base, args, terminal, env });
}

/** Folders that a crash left behind before their record was written. */
export async function removeOrphans(engine: Engine): Promise<void> {
  for (const id of engine.containers.orphans(engine.places.found().containers)) {
    await unmountLayers(engine, id);
    engine.images.release(id);
    await engine.places.removeContainer(id);
  }
}
