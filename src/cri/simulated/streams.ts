import { once } from "node:events";
import { PassThrough, type Writable } from "node:stream";
import type { Clock } from "../../apimachinery/clock.ts";
import type { ByteStream, TerminalStreams } from "../../streaming/node-connection.ts";
import type { SimulatedContainer } from "./container.ts";
import { type Pretence, pretend } from "./pretend-shell.ts";

/**
 * What a probe or hook would answer; a command that means nothing here succeeds in silence when the container is healthy:
 * a manifest that was written for a real image becomes ready.
 */
export function answer(container: SimulatedContainer, command: readonly string[]): Pretence {
  const outcome = pretend(command, container.environment);
  if (outcome.understood) return outcome;
  const exitCode = container.passes("readiness") && container.passes("liveness") ? 0 : 1;
  return { output: [], atMs: 0, exitCode, understood: false, isProgram: false };
}

/** The exit code of a program that is not there. */
const notFound = 127;

/** What a person's command answers: one that is not known must not pass for one that did its work (`kubectl cp`). */
function answerPerson(container: SimulatedContainer, command: readonly string[], nowMs: number): Pretence {
  const outcome = pretend(command, container.environment, nowMs);
  if (outcome.understood) return outcome;
  const shown = command.join(" ");
  const text = `sampan: pods of the simulated runtime only pretend to run, and do not know this command: ${
    shown.length > 80 ? `${shown.slice(0, 80)}…` : shown
  }\n`;
  return {
    output: [{ atMs: 0, stream: "stderr", text }],
    atMs: 0,
    exitCode: notFound,
    understood: false,
    isProgram: false,
  };
}

/** Runs a command on streams: `cat` and shells read stdin, all others print what they are known to print. */
export async function converse(
  container: SimulatedContainer,
  command: readonly string[],
  streams: TerminalStreams,
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  const name = command[0]?.split("/").at(-1) ?? "";
  if (name === "cat" && command.length === 1) return copyInput(streams);
  if (/^(ba|a)?sh$/.test(name) && !command.some((word) => /^-[a-z]*c$/.test(word))) {
    return readCommands(container, streams, clock);
  }
  const outcome = answerPerson(container, command, clock.now());
  await play(outcome, streams, clock, signal);
  return outcome.exitCode;
}

async function play(
  outcome: Pretence,
  streams: TerminalStreams,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let atMs = 0;
  for (const part of outcome.output) {
    if (part.atMs > atMs) await clock.sleep(part.atMs - atMs, signal);
    atMs = part.atMs;
    await write(outputOf(streams, part.stream), part.text);
  }
  const restMs = outcome.atMs - atMs;
  if (restMs === Infinity) await aborted(signal);
  else if (restMs > 0) await clock.sleep(restMs, signal);
}

async function copyInput({ stdin, stdout }: TerminalStreams): Promise<number> {
  for await (const chunk of stdin ?? []) await write(stdout, chunk as Buffer);
  return 0;
}

async function readCommands(
  container: SimulatedContainer,
  streams: TerminalStreams,
  clock: Clock,
): Promise<number> {
  let pending = "";
  let exitCode = 0;
  for await (const chunk of streams.stdin ?? []) {
    pending += String(chunk).replaceAll("\r", "\n");
    const lines = pending.split("\n");
    pending = lines.pop() ?? "";
    for (const line of lines) {
      const outcome = answerPerson(container, ["sh", "-c", line], clock.now());
      for (const part of outcome.output) {
        await write(outputOf(streams, part.stream), part.text);
      }
      exitCode = outcome.exitCode;
      if (/^\s*exit\b/.test(line)) return exitCode;
    }
  }
  return exitCode;
}

/** A terminal has one output for both. */
const outputOf = ({ stdout, stderr }: TerminalStreams, stream: "stdout" | "stderr"): Writable | undefined =>
  stream === "stdout" ? stdout : (stderr ?? stdout);

async function write(target: Writable | undefined, data: string | Buffer): Promise<void> {
  if (target !== undefined && !target.write(data)) await once(target, "drain");
}

export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

/** A connection to a server that greets each HTTP request with the name of its pod. */
export function pretendConnection(pod: string): ByteStream {
  const readable = new PassThrough();
  const writable = new PassThrough();
  let pending = "";
  writable.on("data", (chunk: Buffer) => {
    pending += chunk.toString("latin1");
    for (let end = pending.indexOf("\r\n\r\n"); end >= 0; end = pending.indexOf("\r\n\r\n")) {
      pending = pending.slice(end + 4);
      const body = `simulated ${pod}\n`;
      readable.write(
        `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    }
  });
  writable.on("end", () => readable.end());
  return {
    readable,
    writable,
    close() {
      readable.destroy();
      writable.destroy();
    },
  };
}
