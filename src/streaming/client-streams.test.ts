import { type Duplex, duplexPair, PassThrough, Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { PortForwardTunnel, runPortForward } from "./client-port-forward.ts";
import { runRemoteCommand } from "./client-remote-command.ts";
import { servePortForwardChannels, servePortForwardTunnel } from "./port-forward.ts";
import { serveRemoteCommandChannels } from "./remote-command.ts";

const messagePair = () => duplexPair({ objectMode: true });

const all = { stdin: true, stdout: true, stderr: true, tty: false };

describe("runRemoteCommand()", () => {
  it.each(["v5.channel.k8s.io", "v4.channel.k8s.io"])(
    "carries output and the exit code over %s",
    async (protocol) => {
      const [client, server] = messagePair();
      const serving = serveRemoteCommandChannels(
        { protocol, messages: server },
        all,
        async ({ stdout, stderr }) => {
          stdout?.write("out");
          stderr?.write("err");
          return { exitCode: 3 };
        },
      );
      const seen = { out: "", err: "" };
      const outcome = await runRemoteCommand(
        { protocol, messages: client },
        { stdout: (chunk) => (seen.out += chunk), stderr: (chunk) => (seen.err += chunk) },
      );
      expect(outcome).toEqual({ exitCode: 3 });
      expect(seen).toEqual({ out: "out", err: "err" });
      await serving;
    },
  );

  it("tells the other side when input has ended", async () => {
    const [client, server] = messagePair();
    const protocol = "v5.channel.k8s.io";
    const serving = serveRemoteCommandChannels(
      { protocol, messages: server },
      all,
      async ({ stdin, stdout }) => {
        for await (const chunk of stdin ?? []) stdout?.write(chunk as Buffer);
        return { exitCode: 0 };
      },
    );
    let out = "";
    const stdin = Readable.from([Buffer.from("a"), Buffer.from("b")]);
    await runRemoteCommand({ protocol, messages: client }, { stdin, stdout: (chunk) => (out += chunk) });
    expect(out).toBe("ab");
    await serving;
  });

  it("throws what kept the command from running", async () => {
    const [client, server] = messagePair();
    const protocol = "v5.channel.k8s.io";
    const serving = serveRemoteCommandChannels({ protocol, messages: server }, all, async () => {
      throw new Error("no such container");
    });
    await expect(runRemoteCommand({ protocol, messages: client }, {})).rejects.toThrow(
      "Internal error occurred: no such container",
    );
    await serving;
  });

  it("notices a connection that breaks off", async () => {
    const [client, server] = messagePair();
    const running = runRemoteCommand({ protocol: "v5.channel.k8s.io", messages: client }, {});
    server.end();
    await expect(running).rejects.toThrow("the connection ended before the command did");
  });
});

describe("runPortForward()", () => {
  const protocol = "v4.channel.k8s.io";

  it("carries both directions", async () => {
    const [client, server] = messagePair();
    const echo = new PassThrough();
    const serving = servePortForwardChannels({ protocol, messages: server }, [80], async () => ({
      readable: echo,
      writable: echo,
      close: () => undefined,
    }));
    let received = "";
    const local = {
      readable: Readable.from([Buffer.from("ping")]),
      writable: new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          received += chunk;
          echo.end();
          done();
        },
      }),
    };
    await runPortForward({ protocol, messages: client }, local);
    expect(received).toBe("ping");
    await serving;
  });

  it("throws what the node says", async () => {
    const [client, server] = messagePair();
    const serving = servePortForwardChannels({ protocol, messages: server }, [80], async () => {
      throw new Error("connection refused");
    });
    const local = { readable: new PassThrough(), writable: new PassThrough() };
    await expect(runPortForward({ protocol, messages: client }, local)).rejects.toThrow(
      "an error occurred forwarding 80: connection refused",
    );
    await serving;
  });
});

describe("PortForwardTunnel", () => {
  const bytes = (connection: Duplex) => ({
    readable: connection,
    writable: connection,
    close: () => connection.destroy(),
  });

  it("carries many connections at once, each with its own end", async () => {
    const [client, server] = messagePair();
    const asked: number[] = [];
    const serving = servePortForwardTunnel(server, async (port) => {
      asked.push(port);
      const [near, far] = duplexPair();
      far.pipe(far);
      return bytes(near);
    });
    const tunnel = new PortForwardTunnel(client);
    const large = "x".repeat(1 << 20);
    const answers = await Promise.all(
      [large, "b", "c"].map(async (sent, index) => {
        const received = new PassThrough();
        const answer = text(received);
        await tunnel.forward(80 + index, {
          readable: Readable.from([Buffer.from(sent)]),
          writable: received,
        });
        return await answer;
      }),
    );
    expect(answers.map((answer) => answer.length)).toEqual([large.length, 1, 1]);
    expect(asked.toSorted((a, b) => a - b)).toEqual([80, 81, 82]);
    tunnel.close();
    await Promise.all([tunnel.closed, serving]);
  });

  it("throws what the node says, and goes on", async () => {
    const [client, server] = messagePair();
    void servePortForwardTunnel(server, async () => {
      throw new Error("connection refused");
    });
    const tunnel = new PortForwardTunnel(client);
    for (const port of [80, 81]) {
      const local = { readable: new PassThrough(), writable: new PassThrough() };
      await expect(tunnel.forward(port, local)).rejects.toThrow(
        `an error occurred forwarding ${port}: connection refused`,
      );
    }
    tunnel.close();
  });

  it("lets a connection go whose client has gone, although the pod goes on", async () => {
    const [client, server] = messagePair();
    const gone = Promise.withResolvers<string>();
    void servePortForwardTunnel(server, async () => {
      const [near] = duplexPair();
      near.once("close", () => gone.resolve("gone"));
      return bytes(near);
    });
    const tunnel = new PortForwardTunnel(client);
    const writable = new PassThrough();
    const forwarding = tunnel.forward(80, { readable: new PassThrough(), writable });
    await new Promise((resolve) => setImmediate(resolve));
    writable.destroy();
    await forwarding;
    expect(await gone.promise).toBe("gone");
  });

  it("notices that the server has gone", async () => {
    const [client, server] = messagePair();
    const tunnel = new PortForwardTunnel(client);
    server.end();
    await expect(tunnel.closed).resolves.toBeUndefined();
  });
});

describe("output that nobody takes", () => {
  it("waits, and with it the command", async () => {
    const [client, server] = messagePair();
    const protocol = "v5.channel.k8s.io";
    let written = 0;
    void serveRemoteCommandChannels({ protocol, messages: server }, all, async ({ stdout }) => {
      for (let count = 0; count < 200; count++) {
        await new Promise<void>((resolve) => stdout?.write(Buffer.alloc(1 << 16), () => resolve()));
        written++;
      }
      return { exitCode: 0 };
    });
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const running = runRemoteCommand({ protocol, messages: client }, { stdout: () => held });
    for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(written).toBeLessThan(100);
    release();
    expect(await running).toEqual({ exitCode: 0 });
  });

  it("ends the command when taking it fails", async () => {
    const [client, server] = messagePair();
    const protocol = "v5.channel.k8s.io";
    const serving = serveRemoteCommandChannels(
      { protocol, messages: server },
      all,
      async ({ stdout }, signal) => {
        stdout?.write("x");
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        return { exitCode: 1 };
      },
    );
    const refuse = (): Promise<void> => Promise.reject(new Error("the disk is full"));
    await expect(runRemoteCommand({ protocol, messages: client }, { stdout: refuse })).rejects.toThrow(
      "the disk is full",
    );
    await serving;
  });
});
