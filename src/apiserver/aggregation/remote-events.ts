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
    this.#lines = linesOf(chunks)[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  /** Rejects with what `asError` makes of an answer that is none. The events end when the signal aborts. */
  static async of(
    { status, chunks }: StreamResponse,
    signal: AbortSignal,
    asError: (code: number, text: string) => StatusError,
  ): Promise<RemoteEvents> {
    if (status < 400) return new RemoteEvents(chunks, signal);
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    throw asError(status, Buffer.concat(parts).toString());
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
