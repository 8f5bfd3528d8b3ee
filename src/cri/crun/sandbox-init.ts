/**
 * The first process of a process namespace that a pod's containers share: it adopts and reaps what they leave, and the
 * namespace lives as long as it does. It is a container itself, with nothing in it but the program.
 */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../../linux/host.ts";
import { identifyProcess, type ProcessIdentity, signalProcess } from "../../linux/process.ts";
import { CriError } from "../runtime.ts";
import { createMonitored } from "./conmon.ts";
import { type Engine, podCgroupPath } from "./engine.ts";
import type { SandboxRecord } from "./records.ts";
import { defaultSeccompProfile } from "./seccomp.ts";

export async function startSandboxInit(engine: Engine, sandbox: SandboxRecord): Promise<ProcessIdentity> {
  const bundle = initBundle(engine, sandbox);
  mkdirSync(join(bundle, "rootfs"), { recursive: true });
  const program = findProgram("catatonit");
  if (program === undefined) {
    throw new CriError(
      "failedPrecondition",
      "shareProcessNamespace needs catatonit, which is not installed: apt-get install catatonit",
    );
  }
  copyFileSync(program, join(bundle, "rootfs", "init"));
  writeFileSync(join(bundle, "config.json"), JSON.stringify(initSpec(engine, sandbox)));
  const id = initId(sandbox);
  const pid = await engine.oci.withCreateCommand((runtime) =>
    createMonitored(engine.system, engine.conmon, {
      id,
      name: "init",
      bundle,
      exitDirectory: engine.places.exits,
      logPath: "/dev/null",
      terminal: false,
      stdin: false,
      stdinOnce: false,
      runtime,
    }),
  );
  await engine.oci.start(id);
  const identity = identifyProcess(pid);
  if (identity === undefined) throw new CriError("internal", "the pod's first process ended at once");
  return identity;
}

export async function stopSandboxInit(engine: Engine, sandbox: SandboxRecord): Promise<void> {
  if (sandbox.init !== undefined) signalProcess(sandbox.init, "SIGKILL");
  await engine.oci.delete(initId(sandbox));
}

const initId = (sandbox: SandboxRecord): string => `init-${sandbox.id.slice(0, 32)}`;
const initBundle = (engine: Engine, sandbox: SandboxRecord): string =>
  join(engine.places.sandbox(sandbox.id), "init");

function initSpec(engine: Engine, { id, namespaces, config }: SandboxRecord): unknown {
  const directory = engine.places.sandbox(id);
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: 65535, gid: 65535 },
      args: ["/init", "-P"],
      env: ["PATH=/"],
      cwd: "/",
      capabilities: { bounding: [], effective: [], permitted: [] },
      noNewPrivileges: true,
    },
    root: { path: join(initBundle(engine, { id } as SandboxRecord), "rootfs"), readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "size=64k", "mode=755"] },
    ],
    linux: {
      cgroupsPath: `${podCgroupPath(engine.interfacePrefix, config.qosClass, config.uid)}/init`,
      namespaces: [
        { type: "pid" },
        { type: "mount" },
        ...namespaces.map((kind) => ({
          type: kind === "net" ? "network" : kind,
          path: join(directory, kind),
        })),
      ],
      seccomp: defaultSeccompProfile([]),
    },
  };
}
