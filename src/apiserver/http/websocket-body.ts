import { acceptWebSocket, offeredProtocols } from "../../streaming/websocket.ts";
import type { UpgradeRequest } from "../endpoints/api-request.ts";
import type { ResponseBody } from "./http-exchange.ts";

/** What a watch is told in: lines of JSON, or messages of protobuf that each follow their length. */
export type Framing = "lines" | "lengths";

/**
 * A watch as messages of a WebSocket, one for each event, as browsers and some clients ask for it. The client says nothing;
 * when it closes, the socket closes, and with it the request.
 */
export async function webSocketBody(upgrade: UpgradeRequest, framing: Framing): Promise<ResponseBody> {
  const { message, socket, head } = upgrade;
  const [protocol = ""] = offeredProtocols(message);
  const { messages } = await acceptWebSocket(message, socket, head, protocol);
  messages.on("error", () => {});
  messages.resume();
  const write = (bytes: Uint8Array, taken?: () => void): boolean => {
    if (messages.destroyed || socket.destroyed) {
      taken?.();
      return true;
    }
    const parts = framing === "lines" ? linesIn(bytes) : messagesIn(bytes);
    const last = parts.length - 1;
    return parts
      .map((part, index) => messages.write(part, index === last ? taken : undefined))
      .every(Boolean);
  };
  return {
    write,
    writeShared: ({ bytes }, taken) => void write(bytes, taken),
    drained: () => Promise.resolve(),
    end: () => void messages.end(),
  };
}

/** Text: an event is one line, its end included. */
function linesIn(bytes: Uint8Array): string[] {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    .toString("utf8")
    .split(/(?<=\n)/);
}

/** Without the four bytes before each that say how long it is. */
function messagesIn(bytes: Uint8Array): Buffer[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const parts: Buffer[] = [];
  for (let at = 0; at < buffer.length; ) {
    const end = at + 4 + buffer.readUInt32BE(at);
    // The bytes may be used again once they are taken, and the message may wait.
    parts.push(Buffer.from(buffer.subarray(at + 4, end)));
    at = end;
  }
  return parts;
}
