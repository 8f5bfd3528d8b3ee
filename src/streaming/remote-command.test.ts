import { duplexPair, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { newBadRequest } from "../apimachinery/status.ts";
import {
  type RemoteCommand,
  serveRemoteCommandChannels,
  serveRemoteCommandSpdy,
  terminalSizes,
} from "./remote-command.ts";
import { SpdySession } from "./spdy/session.ts";

const all = { stdin: true, stdout: true, stderr: true, tty: false };

/** Repeats its input in capitals, complains on stderr, and ends with 3. */
const shout: RemoteCommand = async ({ stdin, stdout, stderr }) => {
  const input = stdin === undefined ? "" : await text(stdin);
  stdout?.write(input.toUpperCase());
  stderr?.write("enough");
  return { exitCode: 3 };
};

async function overChannels(protocol: string, sent: Buffer[], command: RemoteCommand, request = all) {
  const [near, far] = duplexPair({ objectMode: true });
  const served = serveRemoteCommandChannels({ protocol, messages: far }, request, command);
  for (const message of sent) near.write(message);
  const received: Buffer[] = [];
  for await (const message of near) {
    received.push(message as Buffer);
    if (message[0] === 3 || message[0] === 0x33) near.end();
  }
  await served;
  return received;
}

describe("serveRemoteCommandChannels()", () => {
  it("version 5 tells the end of stdin apart from the end of the connection", async () => {
    const received = await overChannels(
      "v5.channel.k8s.io",
      [Buffer.from("\0hi"), Buffer.from([255, 0])],
      shout,
    );
    expect(received.map((message) => message.toString())).toEqual([
      "\x01HI",
      "\x02enough",
      `\x03${JSON.stringify({
        metadata: {},
        status: "Failure",
        message: "command terminated with non-zero exit code: exit status 3",
        reason: "NonZeroExitCode",
        details: { causes: [{ reason: "ExitCode", message: "3" }] },
      })}`,
    ]);
  });

  it("base64 forms number channels with a digit", async () => {
    const received = await overChannels("v4.base64.channel.k8s.io", [], async ({ stdout }) => {
      stdout?.write("hello");
    });
    expect(received.map((message) => message.toString())).toEqual([
      `1${Buffer.from("hello").toString("base64")}`,
      `3${Buffer.from('{"metadata":{},"status":"Success"}').toString("base64")}`,
    ]);
  });

  it("a refusal travels as its Status", async () => {
    const received = await overChannels("v4.channel.k8s.io", [], () =>
      Promise.reject(newBadRequest("no such container")),
    );
    expect(received.at(-1)?.toString()).toContain('"reason":"BadRequest"');
  });

  it("with a terminal there is no stderr, and sizes arrive", async () => {
    const sizes: unknown[] = [];
    const received = await overChannels(
      "v5.channel.k8s.io",
      [Buffer.from('\x04{"Width":80,"Height":24}')],
      async ({ stderr, resize }) => {
        expect(stderr).toBeUndefined();
        for await (const size of resize ?? []) {
          sizes.push(size);
          return;
        }
      },
      { ...all, tty: true },
    );
    expect(sizes).toEqual([{ width: 80, height: 24 }]);
    expect(received).toHaveLength(1);
  });

  it("aborts the command when the client leaves", async () => {
    const [near, far] = duplexPair({ objectMode: true });
    let aborted = false;
    const served = serveRemoteCommandChannels(
      { protocol: "v5.channel.k8s.io", messages: far },
      all,
      async (_, signal) => {
        near.end();
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        aborted = true;
      },
    );
    near.resume();
    await served;
    expect(aborted).toBe(true);
  });
});

describe("serveRemoteCommandSpdy()", () => {
  function connect(protocol: string, command: RemoteCommand, clock = new VirtualClock()) {
    const [near, far] = duplexPair();
    const served = serveRemoteCommandSpdy(far, Buffer.alloc(0), protocol, all, command, clock);
    return { client: new SpdySession(near, { role: "client" }), served, clock };
  }

  it("maps the client's streams and reports the exit code", async () => {
    const { client, served } = connect("v4.channel.k8s.io", shout);
    const [error, stdin, stdout, stderr] = ["error", "stdin", "stdout", "stderr"].map((streamtype) =>
      client.openStream({ streamtype }),
    );
    stdin?.end("hi");
    const texts = await Promise.all(
      [stdout, stderr, error].map((stream) => text(stream ?? Readable.from([]))),
    );
    expect(texts.slice(0, 2)).toEqual(["HI", "enough"]);
    expect(JSON.parse(texts[2] ?? "")).toMatchObject({ reason: "NonZeroExitCode" });
    client.close();
    await served;
  });

  it("lets a client go that opens no streams", async () => {
    const { client, served, clock } = connect("v4.channel.k8s.io", shout);
    client.openStream({ streamtype: "error" });
    await clock.advance(31_000);
    await served;
    await expect(client.closed).resolves.toBeUndefined();
  });
});

describe("terminalSizes()", () => {
  it("reads sizes however they were cut, and skips what is none", async () => {
    const pieces = ['{"Width":1,"He', 'ight":2}{"Width":3,"Height":4}', "{}", "nonsense}"].map((piece) =>
      Buffer.from(piece),
    );
    const sizes = [];
    for await (const size of terminalSizes(Readable.from(pieces))) sizes.push(size);
    expect(sizes).toEqual([
      { width: 1, height: 2 },
      { width: 3, height: 4 },
    ]);
  });
});
