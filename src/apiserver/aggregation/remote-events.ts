import type { Status } from "../../apimachinery/meta-v1.ts";
import { StatusError } from "../../apimachinery/status.ts";
import type { WatchEvent } from "../../apimachinery/transport.ts";
import { linesOf } from "../../client/server-answer.ts";
import type { StreamResponse } from "../endpoints/api-request.ts";

/** The events of a watch that another server answers: a JSON text in each line. */
export class RemoteEvents {
  readonly #lines: AsyncIterator<string>;
  readonly #signal: AbortSignal;
  #hasEnded = false;

  private constructor(chunks: StreamResponse["chunks"], signal: AbortSignal) {
    this.#lines = linesOf(bounded(chunks))[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  /** Rejects with what `asError` makes of an answer that is none. The events end when the signal aborts. */
  static async of(
    { status, chunks }: StreamResponse,
    signal: AbortSignal,
    asError: (code: number, text: string) => StatusError,
  ): Promise<RemoteEvents> {
    if (status < 400) return new RemoteEvents(chunks, signal);
    throw asError(status, await wholeAnswer(chunks));
  }

  /** What comes next; empty when the watch has ended. */
  async take(): Promise<readonly WatchEvent[]> {
    if (this.#hasEnded) return [];
    let line: IteratorResult<string, unknown>;
    try {
      line = await this.#lines.next();
    } catch (error) {
      if (this.#hasEnded || this.#signal.aborted) return [];
      throw error;
    }
    if (line.done === true) return [];
    const event = JSON.parse(line.value) as WatchEvent | { readonly type: "ERROR"; readonly object: Status };
    if (event.type === "ERROR") throw new StatusError(event.object);
    return [event];
  }

  end(): void {
    this.#hasEnded = true;
  }
}

/** An event holds an object: what goes on for longer without an end of the line must not fill the memory. */
const maxLineBytes = 32 * 1024 * 1024;
const newline = 0x0a;

async function* bounded(chunks: StreamResponse["chunks"]): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(newline);
    length = end < 0 ? length + chunk.length : chunk.length - end - 1;
    if (length > maxLineBytes) throw new Error(`an event of the other server exceeds ${maxLineBytes} bytes`);
    yield chunk;
  }
}

/** What a caller of this process is given whole. */
const maxAnswerBytes = 128 * 1024 * 1024;

/** All of an answer; rejects when another server sends more than anybody could want. */
export async function wholeAnswer(chunks: StreamResponse["chunks"]): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > maxAnswerBytes) throw new Error(`the answer exceeds ${maxAnswerBytes} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString();
}
