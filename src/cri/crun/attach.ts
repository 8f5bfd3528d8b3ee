/** Joining the streams of a container's main process, through its monitor's socket. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { connectPacketSocket, type PacketSocket } from "../../linux/packet-socket.ts";
import type { TerminalStreams } from "../../streaming/node-connection.ts";
import { CriError } from "../runtime.ts";
import { resizeContainerTerminal } from "./conmon.ts";
import { noteExit } from "./containers.ts";
import { type Engine, requireContainer } from "./engine.ts";

/** conmon's packets: one byte that names the stream, then at most this many bytes of data. */
const maxPacketBytes = 32_769;
const stdoutPacket = 2;
const stderrPacket = 3;
const retryMs = 5;

/** Resolves when the container's process ended or the signal aborts. */
export async function attach(
  engine: Engine,
  id: string,
  streams: TerminalStreams,
  signal: AbortSignal,
): Promise<void> {
  const { config } = requireContainer(engine, id);
  const record = noteExit(engine, id);
  if (record?.startedAtMs === undefined || record.exit !== undefined) {
    throw new CriError("failedPrecondition", `container "${id}" is not running`);
  }
  const bundle = engine.containers.directory(id);
  const path = join(bundle, "attach");
  if (!existsSync(path)) throw new CriError("unavailable", `container "${id}" cannot be attached to`);
  const done = new AbortController();
  await new Promise<void>((resolve, reject) => {
    let socket: PacketSocket;
    try {
      socket = connectPacketSocket(path, maxPacketBytes, {
        packet: (data) => {
          if (data[0] === stdoutPacket) streams.stdout?.write(data.subarray(1));
          else if (data[0] === stderrPacket) (streams.stderr ?? streams.stdout)?.write(data.subarray(1));
        },
        closed: resolve,
      });
    } catch (error) {
      return reject(new CriError("unavailable", error instanceof Error ? error.message : String(error)));
    }
    signal.addEventListener("abort", () => socket.close(), { signal: done.signal });
    if (signal.aborted) socket.close();
    // Terminals of containers take sizes through the monitor, which owns them.
    if (config.tty && streams.resize !== undefined) void followSize(bundle, streams.resize, done.signal);
    if (streams.stdin !== undefined && config.stdin)
      void sendInput(engine, streams.stdin, socket, done.signal);
  }).finally(() => done.abort());
}

async function sendInput(
  engine: Engine,
  stdin: NonNullable<TerminalStreams["stdin"]>,
  socket: PacketSocket,
  done: AbortSignal,
): Promise<void> {
  const onDone = (): void => void stdin.destroy();
  done.addEventListener("abort", onDone, { once: true });
  try {
    for await (const chunk of stdin as AsyncIterable<Buffer>) {
      for (let offset = 0; offset < chunk.length; offset += maxPacketBytes - 1) {
        const packet = chunk.subarray(offset, offset + maxPacketBytes - 1);
        while (!socket.send(packet)) await engine.clock.sleep(retryMs, done);
      }
    }
    socket.shutdown();
  } catch {
    // The client or the container is gone.
  } finally {
    done.removeEventListener("abort", onDone);
  }
}

async function followSize(
  bundle: string,
  sizes: NonNullable<TerminalStreams["resize"]>,
  done: AbortSignal,
): Promise<void> {
  try {
    for await (const { width, height } of sizes) {
      if (done.aborted) return;
      resizeContainerTerminal(bundle, width, height);
    }
  } catch {
    // The monitor is gone.
  }
}
