import type { Duplex } from "node:stream";
import type { Clock } from "../apimachinery/clock.ts";
import type { Status } from "../apimachinery/meta-v1.ts";
import { StatusError } from "../apimachinery/status.ts";
import { type ChannelConnection, Channels } from "./channels.ts";
import type { ExecResult, TerminalSize, TerminalStreams } from "./node-connection.ts";
import { SpdySession, type SpdyStream } from "./spdy/session.ts";

/**
 * Server side of exec and attach: whatever the client speaks becomes `TerminalStreams`, and the outcome goes back on the
 * error channel. Behaviour mirrors k8s.io/kubelet/pkg/cri/streaming/remotecommand.
 */
export interface RemoteCommandRequest {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** How it ended, as it travels on the error channel: a Status without its type. */
type Outcome = Omit<Status, "apiVersion" | "kind">;

/** Runs the command with the streams; the result of attach has no exit code. */
export type RemoteCommand = (
  streams: TerminalStreams,
  signal: AbortSignal,
) => Promise<ExecResult | undefined | void>;

/** WebSocket subprotocols, best first. */
export const remoteCommandProtocols = [
  "v5.channel.k8s.io",
  "v4.base64.channel.k8s.io",
  "v4.channel.k8s.io",
  "base64.channel.k8s.io",
  "channel.k8s.io",
] as const;

/** Values of X-Stream-Protocol-Version over SPDY, best first. */
export const remoteCommandSpdyProtocols = [
  "v4.channel.k8s.io",
  "v3.channel.k8s.io",
  "v2.channel.k8s.io",
  "channel.k8s.io",
] as const;

const channelNumbers = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

/** Serves one exec or attach over a WebSocket (or its in-process equal) with the given subprotocol. */
export async function serveRemoteCommandChannels(
  connection: { readonly protocol: string; readonly messages: Duplex },
  request: RemoteCommandRequest,
  command: RemoteCommand,
): Promise<void> {
  const shape: ChannelConnection = {
    messages: connection.messages,
    base64: connection.protocol.includes("base64"),
    closeSignal: connection.protocol.startsWith("v5."),
  };
  const channels = new Channels(shape, [channelNumbers.stdin, channelNumbers.resize]);
  const status = await runCommand(command, channels.closed, {
    ...(request.stdin ? { stdin: channels.reader(channelNumbers.stdin) } : {}),
    ...(request.stdout ? { stdout: channels.writer(channelNumbers.stdout) } : {}),
    ...(request.stderr && !request.tty ? { stderr: channels.writer(channelNumbers.stderr) } : {}),
    ...(request.tty ? { resize: terminalSizes(channels.reader(channelNumbers.resize)) } : {}),
  });
  if (!request.stdin) channels.reader(channelNumbers.stdin).resume();
  if (!request.tty) channels.reader(channelNumbers.resize).resume();
  await new Promise<void>((resolve) => {
    channels.send(channelNumbers.error, encodeOutcome(status, connection.protocol), resolve);
  });
  connection.messages.end();
  await channels.closed;
}

/** Serves one exec or attach over SPDY/3.1: the client opens one stream per channel, named by `streamtype`. */
export async function serveRemoteCommandSpdy(
  socket: Duplex,
  head: Buffer,
  protocol: string,
  request: RemoteCommandRequest,
  command: RemoteCommand,
  clock: Clock,
): Promise<void> {
  const wanted = ["error"];
  if (request.stdin) wanted.push("stdin");
  if (request.stdout) wanted.push("stdout");
  if (request.stderr && !request.tty) wanted.push("stderr");
  if (request.tty && !["v2.channel.k8s.io", "channel.k8s.io"].includes(protocol)) wanted.push("resize");

  const streams = new Map<string, SpdyStream>();
  const arrived = Promise.withResolvers<void>();
  const session = new SpdySession(socket, {
    role: "server",
    head,
    onStream: (stream) => {
      streams.set(stream.headers.get("streamtype") ?? "", stream);
      if (wanted.every((type) => streams.has(type))) arrived.resolve();
    },
  });
  // A client that opens no streams is let go after as long as the kubelet waits.
  const timer = clock.after(30_000, () =>
    arrived.reject(new Error("timed out waiting for client to create streams")),
  );
  try {
    await Promise.race([
      arrived.promise,
      session.closed.then(() => Promise.reject(new Error("the client left"))),
    ]);
  } catch {
    arrived.promise.catch(() => {});
    session.close();
    return;
  } finally {
    timer.stop();
  }

  const [stdin, stdout, stderr, resize] = ["stdin", "stdout", "stderr", "resize"].map((type) =>
    streams.get(type),
  );
  const status = await runCommand(command, session.closed, {
    ...(stdin === undefined ? {} : { stdin }),
    ...(stdout === undefined ? {} : { stdout }),
    ...(stderr === undefined ? {} : { stderr }),
    ...(resize === undefined ? {} : { resize: terminalSizes(resize) }),
  });
  const error = streams.get("error");
  for (const output of [stdout, stderr]) output?.end();
  error?.end(encodeOutcome(status, protocol));
  await Promise.race([session.closed, settled([stdout, stderr, error])]);
  session.close();
}

/** Resolves when each stream's last byte was handed to the connection. */
async function settled(streams: readonly (SpdyStream | undefined)[]): Promise<void> {
  for (const stream of streams) {
    if (stream !== undefined && !stream.writableFinished && !stream.destroyed) {
      await new Promise<void>((resolve) => stream.once("finish", resolve).once("close", resolve));
    }
  }
}

async function runCommand(
  command: RemoteCommand,
  peerGone: Promise<void>,
  streams: TerminalStreams,
): Promise<Outcome> {
  const controller = new AbortController();
  void peerGone.then(() => controller.abort());
  try {
    const result = await command(streams, controller.signal);
    if (result === undefined || result === null || result.exitCode === 0)
      return { metadata: {}, status: "Success" };
    return nonZeroExit(result.exitCode);
  } catch (error) {
    if (error instanceof StatusError) return error.status;
    const message = error instanceof Error ? error.message : String(error);
    return {
      metadata: {},
      status: "Failure",
      message: `Internal error occurred: ${message}`,
      reason: "InternalError",
      details: { causes: [{ message }] },
      code: 500,
    };
  }
}

function nonZeroExit(exitCode: number): Outcome {
  return {
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(exitCode) }] },
  };
}

/** From version 4 on the outcome is a Status in JSON; before, a text, and nothing for success. */
function encodeOutcome(status: Outcome, protocol: string): Buffer {
  if (/^v[45]\./.test(protocol)) return Buffer.from(JSON.stringify(status));
  return Buffer.from(status.status === "Success" ? "" : (status.message ?? "failed"));
}

/** The client sends `{"Width":80,"Height":24}` for each new size, possibly several in one piece. */
export async function* terminalSizes(source: AsyncIterable<unknown>): AsyncIterable<TerminalSize> {
  let pending = "";
  for await (const chunk of source) {
    pending += (chunk as Buffer).toString("utf8");
    for (let end = pending.indexOf("}"); end >= 0; end = pending.indexOf("}")) {
      const size = parseSize(pending.slice(0, end + 1));
      pending = pending.slice(end + 1);
      if (size !== undefined) yield size;
    }
    // No size is this long: what does not end is not one.
    if (pending.length > 1024) return;
  }
}

function parseSize(json: string): TerminalSize | undefined {
  try {
    const { Width: width, Height: height } = JSON.parse(json) as { Width?: unknown; Height?: unknown };
    return typeof width === "number" && typeof height === "number" ? { width, height } : undefined;
  } catch {
    return undefined;
  }
}
