import { duplexPair, PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { bytesOverMessages } from "./channels.ts";
import type { ByteStream } from "./node-connection.ts";
import {
  type ConnectPort,
  parsePort,
  servePortForwardChannels,
  servePortForwardSpdy,
  servePortForwardTunnel,
} from "./port-forward.ts";
import { SpdySession } from "./spdy/session.ts";

/** Every port but 81 echoes. */
const echo: ConnectPort = async (port) => {
  if (port === 81) throw new Error("connection refused");
  const pipe = new PassThrough();
  return { readable: pipe, writable: pipe, close: () => pipe.destroy() } satisfies ByteStream;
};

async function request(client: SpdySession, port: string, sent: string) {
  const headers = { port, requestid: `${port}-1` };
  const error = client.openStream({ ...headers, streamtype: "error" });
  error.end();
  const data = client.openStream({ ...headers, streamtype: "data" });
  data.end(sent);
  const [errorText, dataText] = await Promise.all([text(error), text(data)]);
  return { errorText, dataText };
}

describe("port-forward over SPDY", () => {
  it("carries a connection and closes it in order", async () => {
    const [near, far] = duplexPair();
    const served = servePortForwardSpdy(far, Buffer.alloc(0), echo);
    const client = new SpdySession(near, { role: "client" });
    expect(await request(client, "80", "ping")).toEqual({ errorText: "", dataText: "ping" });
    client.close();
    await served;
  });

  it.each([
    ["81", "an error occurred forwarding 81: connection refused"],
    ["nonsense", 'an error occurred forwarding ?: "nonsense" is not a port'],
  ])("port %s is answered on the error stream", async (port, message) => {
    const [near, far] = duplexPair();
    const served = servePortForwardSpdy(far, Buffer.alloc(0), echo);
    const client = new SpdySession(near, { role: "client" });
    expect(await request(client, port, "")).toEqual({ errorText: message, dataText: "" });
    client.close();
    await served;
  });

  it("travels inside WebSocket messages", async () => {
    const [near, far] = duplexPair({ objectMode: true });
    const served = servePortForwardTunnel(far, echo);
    const client = new SpdySession(bytesOverMessages(near), { role: "client" });
    expect((await request(client, "80", "tunnelled")).dataText).toBe("tunnelled");
    client.close();
    await served;
  });
});

it("the older WebSocket form greets with the port and names errors on the odd channel", async () => {
  const [near, far] = duplexPair({ objectMode: true });
  const served = servePortForwardChannels({ protocol: "v4.channel.k8s.io", messages: far }, [81], echo);
  const received: Buffer[] = [];
  for await (const message of near) {
    received.push(message as Buffer);
    if (received.length === 3) near.end();
  }
  await served;
  expect(received.slice(0, 2)).toEqual([Buffer.from([0, 81, 0]), Buffer.from([1, 81, 0])]);
  expect(received[2]?.toString()).toBe("\x01an error occurred forwarding 81: connection refused");
});

it("the older WebSocket form ends when the pod has said all, though the client says nothing of an end", async () => {
  const [near, far] = duplexPair({ objectMode: true });
  const answering: ConnectPort = async () => {
    const fromClient = new PassThrough();
    const toClient = new PassThrough();
    fromClient.once("data", () => toClient.end("answer"));
    return { readable: toClient, writable: fromClient, close: () => fromClient.destroy() };
  };
  const served = servePortForwardChannels({ protocol: "v4.channel.k8s.io", messages: far }, [80], answering);
  near.write(Buffer.from("\0question"));
  const received: string[] = [];
  for await (const message of near) received.push((message as Buffer).toString());
  expect(received.slice(2)).toEqual(["\0answer"]);
  near.end();
  await served;
});

it.each([
  ["80", 80],
  ["0", undefined],
  ["65536", undefined],
  ["8o", undefined],
  [undefined, undefined],
])("parsePort(%j)", (given, port) => {
  expect(parsePort(given)).toBe(port);
});
