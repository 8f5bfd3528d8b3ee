import type { Duplex } from "node:stream";
import type { Status } from "../apimachinery/meta-v1.ts";
import { StatusError } from "../apimachinery/status.ts";
import { Channels, closeChannel } from "./channels.ts";
import type { TerminalSize } from "./node-connection.ts";

/** What it returns is awaited before more comes. */
export type TakeOutput = (chunk: Buffer) => unknown;

/**
 * Client side of exec and attach over a `*.channel.k8s.io` WebSocket: standard input and sizes go out, output comes in, and
 * the outcome arrives on the error channel.
 *
 *   const connection = await transport.connect({ path, query, protocols: remoteCommandClientProtocols });
 *   const { exitCode } = await runRemoteCommand(connection, { stdout: (chunk) => … });
 */
export interface RemoteCommandClientStreams {
  readonly stdin?: AsyncIterable<Uint8Array>;
  readonly stdout?: TakeOutput;
  readonly stderr?: TakeOutput;
  /** The sizes of the terminal, the first at once. */
  readonly sizes?: AsyncIterable<TerminalSize>;
}

export const remoteCommandClientProtocols: readonly string[] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

const channelNumbers = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

/** Until the command ends. Throws StatusError when it could not be run, and Error when the connection broke before. */
export async function runRemoteCommand(
  connection: { readonly protocol: string; readonly messages: Duplex },
  streams: RemoteCommandClientStreams,
): Promise<{ readonly exitCode: number }> {
  const closeSignal = connection.protocol.startsWith("v5.");
  const { stdout, stderr, error } = channelNumbers;
  const channels = new Channels({ messages: connection.messages, base64: false, closeSignal }, [
    stdout,
    stderr,
    error,
  ]);
  const stopped = { value: false };
  if (streams.stdin !== undefined) void sendInput(channels, streams.stdin, closeSignal, stopped);
  if (streams.sizes !== undefined) void sendSizes(channels, streams.sizes, stopped);
  const outcome: Buffer[] = [];
  try {
    await Promise.all([
      receive(channels, stdout, streams.stdout),
      receive(channels, stderr, streams.stderr),
      receive(channels, error, (chunk) => outcome.push(chunk)),
    ]);
  } catch (failure) {
    // Who takes the output cannot go on: the command ends with its client.
    connection.messages.destroy();
    throw failure;
  } finally {
    stopped.value = true;
  }
  await channels.closed;
  connection.messages.end();
  return exitOf(Buffer.concat(outcome).toString());
}

async function receive(channels: Channels, channel: number, take: TakeOutput | undefined): Promise<void> {
  for await (const chunk of channels.reader(channel)) await take?.(chunk as Buffer);
}

async function sendInput(
  channels: Channels,
  input: AsyncIterable<Uint8Array>,
  closeSignal: boolean,
  stopped: { readonly value: boolean },
): Promise<void> {
  try {
    for await (const chunk of input) {
      if (stopped.value) return;
      await new Promise<void>((resolve) => channels.send(channelNumbers.stdin, Buffer.from(chunk), resolve));
    }
  } catch {
    // Input that breaks off has ended.
  }
  // Before version 5 nothing says that input has ended.
  if (closeSignal) channels.send(closeChannel, Buffer.from([channelNumbers.stdin]));
}

async function sendSizes(
  channels: Channels,
  sizes: AsyncIterable<TerminalSize>,
  stopped: { readonly value: boolean },
): Promise<void> {
  for await (const { width, height } of sizes) {
    if (stopped.value) return;
    channels.send(channelNumbers.resize, Buffer.from(JSON.stringify({ Width: width, Height: height })));
  }
}

function exitOf(text: string): { exitCode: number } {
  if (text === "") throw new Error("the connection ended before the command did");
  const status = parseOutcome(text);
  if (status.status === "Success") return { exitCode: 0 };
  if (status.reason !== "NonZeroExitCode")
    throw new StatusError({ ...status, kind: "Status", apiVersion: "v1" });
  const cause = status.details?.causes?.find(({ reason }) => reason === "ExitCode");
  return { exitCode: Number(cause?.message ?? 1) };
}

function parseOutcome(text: string): Omit<Status, "apiVersion" | "kind"> {
  try {
    return JSON.parse(text) as Status;
  } catch {
    return { metadata: {}, status: "Failure", message: text };
  }
}
