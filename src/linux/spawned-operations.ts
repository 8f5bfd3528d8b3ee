/**
 * The operations by the host's own programs, for machines where FFI does not load. Ten times slower, and complete but
 * for what no program offers: a socket made inside a namespace.
 */
import { type ExecFileException, execFile, spawn } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { MountRequest, PodNetwork, ReportingRequest, SandboxRequest } from "./operations.ts";
import type { System } from "./system.ts";
import { sysctlPath } from "./thread-operations.ts";

export function spawnedOperations(): System {
  const deleteSandbox: System["deleteSandbox"] = async (request) => {
    if (request.hostInterface !== undefined) {
      await run("ip", ["link", "delete", request.hostInterface]).catch((error: unknown) => {
        if (!/Cannot find device/.test(String(error))) throw error;
      });
    }
    for (const kind of request.namespaces) await unmountAll(join(request.directory, kind));
  };
  return {
    isDirect: () => Promise.resolve(false),
    async createSandbox(request) {
      try {
        await makeNamespaces(request);
        if (request.network !== undefined) await connectPod(request.directory, request.network);
        else if (request.namespaces.includes("net"))
          await run("nsenter", [`--net=${join(request.directory, "net")}`, "ip", "link", "set", "lo", "up"]);
      } catch (error) {
        await deleteSandbox({
          directory: request.directory,
          namespaces: request.namespaces,
          ...(request.network && { hostInterface: request.network.hostInterface }),
        });
        throw error;
      }
    },
    deleteSandbox,
    mount: spawnMount,
    unmount: unmountAll,
    socketIn: () => Promise.reject(needsFfi("a socket inside a namespace")),
    mountViewWithout: () => Promise.reject(needsFfi("a mount namespace of one's own")),
    mknod: async ({ path, mode, device }) => {
      const type = (mode & 0o170000) === 0o020000 ? "c" : (mode & 0o170000) === 0o060000 ? "b" : "p";
      const numbers = type === "p" ? [] : [String(device >> 8n), String(device & 0xffn)];
      await run("mknod", ["-m", (mode & 0o7777).toString(8), path, type, ...numbers]);
    },
    listenUnix: () => Promise.reject(needsFfi("a terminal")),
    acceptTerminal: () => Promise.reject(needsFfi("a terminal")),
    closeDescriptor: (fd) => Promise.resolve(closeSync(fd)),
    resizeTerminal: () => Promise.reject(needsFfi("a terminal")),
    runProgram: ({ program, args, input, directory }) =>
      run(program, args, {
        ...(input === undefined ? {} : { input }),
        ...(directory === undefined ? {} : { cwd: directory }),
      }),
    startReporting: spawnReporting,
    close: () => Promise.resolve(),
  };
}

const needsFfi = (what: string): Error => new Error(`${what} needs the native module koffi: run npm ci`);

async function makeNamespaces({ directory, namespaces, hostname, sysctls }: SandboxRequest): Promise<void> {
  if (namespaces.length === 0) return;
  for (const kind of namespaces) writeFileSync(join(directory, kind), "");
  const inside = [
    ...(namespaces.includes("uts") ? [`printf %s ${quote(hostname)} > /proc/sys/kernel/hostname`] : []),
    ...Object.entries(sysctls).map(
      ([name, value]) => `printf %s ${quote(value)} > ${quote(sysctlPath(name))}`,
    ),
  ];
  await run("unshare", [
    ...namespaces.map((kind) => `--${kind}=${join(directory, kind)}`),
    "sh",
    "-ec",
    inside.length === 0 ? ":" : inside.join("\n"),
  ]);
}

async function connectPod(directory: string, network: PodNetwork): Promise<void> {
  const { hostInterface, podInterface, address, gateway, mtu } = network;
  const namespace = join(directory, "net");
  await run("ip", ["-batch", "-"], {
    input: `link add ${hostInterface} mtu ${mtu} type veth peer name ${podInterface} mtu ${mtu} netns ${namespace}
addr add ${gateway}/32 dev ${hostInterface}
link set ${hostInterface} up
route replace ${address}/32 dev ${hostInterface}
`,
  });
  await run("nsenter", [`--net=${namespace}`, "ip", "-batch", "-"], {
    input: `link set lo up
addr add ${address}/32 dev ${podInterface}
link set ${podInterface} up
route add ${gateway}/32 dev ${podInterface}
route add default via ${gateway} dev ${podInterface}
`,
  });
}

async function spawnMount(request: MountRequest): Promise<void> {
  const propagation = request.flags.filter((flag) => ["private", "slave", "shared"].includes(flag));
  const options = request.flags
    .filter((flag) => !propagation.includes(flag) && flag !== "rec")
    .map((flag) => (flag === "bind" && request.flags.includes("rec") ? "rbind" : flag));
  if (request.data !== "") options.push(request.data as "ro");
  const text = [
    ...propagation.map((kind) => `--make-${request.flags.includes("rec") ? "r" : ""}${kind}`),
    ...(request.type === "" ? [] : ["-t", request.type]),
    ...(options.length === 0 ? [] : ["-o", options.join(",")]),
    ...(propagation.length > 0 && options.length === 0
      ? []
      : [request.source === "" ? "none" : request.source]),
    request.target,
  ];
  await run("mount", text, request.workingDirectory === undefined ? {} : { cwd: request.workingDirectory });
}

async function spawnReporting(request: ReportingRequest): Promise<string> {
  const { program, args, environment, directory, errorFile } = request;
  const errors = openSync(errorFile, "a", 0o600);
  try {
    const child = spawn(program, args, {
      cwd: directory,
      detached: true,
      stdio: ["ignore", "ignore", errors, "pipe"],
      env: environment,
    });
    child.unref();
    const failed = new Promise<never>((_, reject) => child.once("error", reject));
    return await Promise.race([firstLine(child.stdio[3] as Readable), failed]);
  } finally {
    closeSync(errors);
  }
}

async function firstLine(pipe: Readable): Promise<string> {
  let text = "";
  for await (const chunk of pipe) {
    text += String(chunk);
    if (text.includes("\n")) break;
  }
  pipe.destroy();
  return text;
}

async function unmountAll(target: string): Promise<void> {
  for (;;) {
    try {
      await run("umount", ["-l", target]);
    } catch (error) {
      if (/not mounted|no mount point|not found|no such/i.test(String(error))) return;
      throw error;
    }
  }
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export interface RunOptions {
  readonly input?: string;
  readonly cwd?: string;
}

/** Runs a program to its end; its standard error is the error's message. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      { cwd: options.cwd, env: programEnvironment, maxBuffer: 64 << 20 },
      (error: ExecFileException | null, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const reason = stderr.trim() === "" ? error.message : stderr.trim();
        reject(Object.assign(new Error(`${command} ${args[0] ?? ""}: ${reason}`), { code: error.code }));
      },
    );
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.input ?? "");
  });
}

/** System programs live in sbin, which is not on everyone's path. Messages are matched, so they are in English. */
export const programEnvironment: Readonly<Record<string, string>> = {
  ...definedIn(process.env),
  PATH: `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`,
  LC_ALL: "C",
};

function definedIn(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).map(([name, value = ""]) => [name, value]));
}
