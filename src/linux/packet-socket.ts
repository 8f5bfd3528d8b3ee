/**
 * A SEQPACKET unix socket, which Node does not know: conmon's attach socket is one, since each packet says which stream
 * it belongs to. Read when the event loop says that there is something to read.
 */
import { closeSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname } from "node:path";
import {
  AF_UNIX,
  loadLibc,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
  unixAddress,
} from "./libc.ts";

export interface PacketSocket {
  /** False when the other side takes no more for now: try the same packet again later. */
  send(packet: Uint8Array): boolean;
  /** Leaves what comes where it is, so that the other side waits, until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends the sending half. */
  shutdown(): void;
  close(): void;
}

export interface PacketHandlers {
  packet(data: Buffer): void;
  /** Called once, when the other side closed or the socket failed. */
  closed(): void;
}

interface PollHandle {
  close(): void;
}
/** So many packets are read before others have their turn: who writes without end must not keep the event loop. */
const packetsPerTurn = 64;

type Poll = (fd: number, options: { readable: boolean }, callback: (event: object) => void) => PollHandle;

/** Throws when the native module is missing or nobody listens. Packets are at most `maxBytes` long. */
export function connectPacketSocket(path: string, maxBytes: number, handlers: PacketHandlers): PacketSocket {
  const libc = loadLibc();
  if (libc === undefined)
    throw new Error("attaching to a container needs the native module koffi: run npm ci");
  const poll = (createRequire(import.meta.url)("koffi") as { node: { poll: Poll } }).node.poll;
  const fd = libc.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  // The path of a socket is short: the folder is named by a descriptor.
  const folder = openSync(dirname(path), "r");
  try {
    libc.connect(fd, unixAddress(`/proc/self/fd/${folder}/${basename(path)}`));
  } catch (error) {
    libc.close(fd);
    throw error;
  } finally {
    closeSync(folder);
  }
  let open = true;
  let handle: PollHandle | undefined;
  const reads = (): boolean => handle !== undefined;
  const pause = (): void => {
    handle?.close();
    handle = undefined;
  };
  const close = (): void => {
    if (!open) return;
    open = false;
    pause();
    libc.close(fd);
    handlers.closed();
  };
  const buffer = Buffer.alloc(maxBytes);
  const read = (): void => {
    try {
      for (let count = 0; count < packetsPerTurn && reads(); count++) {
        const size = libc.receive(fd, buffer, MSG_DONTWAIT);
        if (size < 0) return;
        if (size === 0) return close();
        handlers.packet(Buffer.from(buffer.subarray(0, size)));
      }
    } catch {
      close();
    }
  };
  const resume = (): void => {
    if (open) handle ??= poll(fd, { readable: true }, read);
  };
  resume();
  return {
    pause,
    resume,
    send(packet) {
      if (!open) return true;
      try {
        libc.send(fd, packet, MSG_DONTWAIT | MSG_NOSIGNAL);
        return true;
      } catch (error) {
        if ((error as { code?: string }).code === "EAGAIN") return false;
        close();
        return true;
      }
    },
    shutdown: () => {
      if (open) libc.shutdown(fd, 1);
    },
    close,
  };
}
