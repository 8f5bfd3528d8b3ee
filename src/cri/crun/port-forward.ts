/** Connections to a pod's own loopback: the socket is made inside the pod's network namespace and used from here. */
import { spawn } from "node:child_process";
import { Socket } from "node:net";
import { join } from "node:path";
import { findProgram } from "../../linux/host.ts";
import { programEnvironment } from "../../linux/spawned-operations.ts";
import type { ByteStream } from "../../streaming/node-connection.ts";
import { CriError } from "../runtime.ts";
import { type Engine, requireSandbox } from "./engine.ts";

export async function portForward(
  engine: Engine,
  sandboxId: string,
  port: number,
  signal: AbortSignal,
): Promise<ByteStream> {
  const sandbox = requireSandbox(engine, sandboxId);
  if (!sandbox.ready) throw new CriError("failedPrecondition", `sandbox "${sandboxId}" is not ready`);
  const namespaceFile = sandbox.namespaces.includes("net")
    ? join(engine.places.sandbox(sandboxId), "net")
    : "/proc/self/ns/net";
  if (!(await engine.system.isDirect())) return forwardThroughProgram(namespaceFile, port, signal);
  let failure: unknown;
  for (const family of [4, 6] as const) {
    try {
      const fd = await engine.system.socketIn({ namespaceFile, family });
      return byteStream(await connect(fd, family, port), signal);
    } catch (error) {
      failure ??= error;
    }
  }
  const reason = failure instanceof Error ? failure.message : String(failure);
  throw new CriError(
    "unavailable",
    `failed to connect to localhost:${port} inside namespace "${sandboxId}": ${reason}`,
  );
}

function connect(fd: number, family: 4 | 6, port: number): Promise<Socket> {
  const socket = new Socket({ fd, allowHalfOpen: true });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.connect({ host: family === 4 ? "127.0.0.1" : "::1", port }, () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

function byteStream(socket: Socket, signal: AbortSignal): ByteStream {
  socket.setNoDelay(true);
  // A reset by the pod ends the streams; whoever reads them learns of it there.
  socket.on("error", () => socket.destroy());
  const close = (): void => void socket.destroy();
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  return { readable: socket, writable: socket, close };
}

/** Where FFI is missing: socat in the namespace, as other runtimes do it. */
function forwardThroughProgram(namespaceFile: string, port: number, signal: AbortSignal): ByteStream {
  const socat = findProgram("socat");
  if (socat === undefined) {
    throw new CriError("unimplemented", "port-forward needs the native module koffi (run npm ci) or socat");
  }
  const child = spawn("nsenter", [`--net=${namespaceFile}`, socat, "-", `TCP4:127.0.0.1:${port}`], {
    stdio: ["pipe", "pipe", "ignore"],
    env: programEnvironment,
    signal,
  });
  child.on("error", () => undefined);
  return { readable: child.stdout, writable: child.stdin, close: () => void child.kill("SIGKILL") };
}
