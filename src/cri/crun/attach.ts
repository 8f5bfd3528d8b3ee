/** Joining the streams of a container's main process, through its monitor's socket. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { connectPacketSocket, type PacketSocket } from "../../linux/packet-socket.ts";
import type { TerminalStreams } from "../../streaming/node-connection.ts";
import { CriError } from "../runtime.ts";
import { resizeContainerTerminal } from "./conmon.ts";
import { noteExit } from "./containers.ts";
import { type Engine, requireContainer } from "./engine.ts";
import { feedInput } from "./feed-input.ts";

/** conmon's packets: one byte that names the stream, then at most this many bytes of data. */
const maxPacketBytes = 32_769;
const stdoutPacket = 2;
const stderrPacket = 3;

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
  const bundle = engine.places.container(id);
  const path = join(bundle, "attach");
  if (!existsSync(path)) throw new CriError("unavailable", `container "${id}" cannot be attached to`);
  const done = new AbortController();
  await new Promise<void>((resolve, reject) => {
    let socket: PacketSocket;
    try {
      socket = connectPacketSocket(path, maxPacketBytes, {
        packet: (data) => {
          const target = data[0] === stdoutPacket ? streams.stdout : streamOfErrors(data, streams);
          if (target === undefined || target.write(data.subarray(1))) return;
          // The container waits with the client: what nobody has room for stays in its pipe.
          socket.pause();
          target.once("drain", () => socket.resume());
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

function streamOfErrors(packet: Buffer, streams: TerminalStreams): Writable | undefined {
  return packet[0] === stderrPacket ? (streams.stderr ?? streams.stdout) : undefined;
}

async function sendInput(
  engine: Engine,
  stdin: NonNullable<TerminalStreams["stdin"]>,
  socket: PacketSocket,
  done: AbortSignal,
): Promise<void> {
  const take = (data: Buffer): number => {
    const packet = data.subarray(0, maxPacketBytes - 1);
    return socket.send(packet) ? packet.length : 0;
  };
  if (await feedInput(engine.clock, stdin, Buffer.alloc(0), take, done)) socket.shutdown();
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
