import { duplexPair, PassThrough, Readable, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { runPortForward } from "./client-port-forward.ts";
import { runRemoteCommand } from "./client-remote-command.ts";
import { servePortForwardChannels } from "./port-forward.ts";
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
