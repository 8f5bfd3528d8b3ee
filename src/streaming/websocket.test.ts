import { once } from "node:events";
import { createServer, IncomingMessage } from "node:http";
import { type AddressInfo, connect, Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { acceptWebSocket } from "./websocket.ts";

let outcome: Promise<unknown> = Promise.resolve();
const server = createServer();
server.on("upgrade", (request, socket, head) => {
  outcome = acceptWebSocket(request, socket, head, "").catch((error: unknown) => error);
});

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => server.close());

const upgrade = (headers: string): string =>
  `GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n${headers}\r\n`;

test.each([
  ["without a key", "sec-websocket-version: 13\r\n", "Missing or invalid Sec-WebSocket-Key header"],
  [
    "with a key that is none",
    "sec-websocket-version: 13\r\nsec-websocket-key: x\r\n",
    "Missing or invalid Sec-WebSocket-Key header",
  ],
  [
    "of a version that is none",
    "sec-websocket-version: 99\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "Missing or invalid Sec-WebSocket-Version header",
  ],
])("a handshake %s is refused, and nobody waits for it", async (_what, headers, why) => {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const asked = once(server, "upgrade");
  socket.write(upgrade(headers));
  await asked;
  expect(await outcome).toMatchObject({ code: 400, message: `the WebSocket handshake failed: ${why}` });
  socket.destroy();
});

test("a client that is gone is not waited for", async () => {
  const socket = new Socket().destroy();
  const accepted = acceptWebSocket(new IncomingMessage(socket), socket, Buffer.alloc(0), "");
  await expect(accepted).rejects.toMatchObject({ code: 400 });
});
