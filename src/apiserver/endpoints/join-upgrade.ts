import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { UpgradeRequest } from "./api-request.ts";

/** What the other side has agreed to speak instead of HTTP. */
export interface RemoteUpgrade {
  readonly answer: IncomingMessage;
  readonly socket: Duplex;
  /** What came behind the answer already. */
  readonly head: Buffer;
}

/** From here on bytes go both ways until one side ends; resolves then. */
export function joinUpgrade(
  { socket, head: early }: UpgradeRequest,
  { answer, socket: remote, head }: RemoteUpgrade,
  close: () => void = () => undefined,
): Promise<void> {
  const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
  for (let index = 0; index + 1 < answer.rawHeaders.length; index += 2)
    lines.push(`${answer.rawHeaders[index]}: ${answer.rawHeaders[index + 1]}`);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  socket.write(head);
  remote.write(early);
  return new Promise((resolve) => {
    const end = (): void => {
      socket.destroy();
      remote.destroy();
      close();
      resolve();
    };
    for (const side of [socket, remote]) side.once("close", end).on("error", end);
    remote.pipe(socket);
    socket.pipe(remote);
  });
}
