import type { Clock } from "../apimachinery/clock.ts";
import { parseDurationMs } from "../apimachinery/duration.ts";
import type {
  ConnectRequest,
  MessageChannelConnection,
  Transport,
  TransportRequest,
  TransportResponse,
  WatchEvent,
} from "../apimachinery/transport.ts";
import { KubectlError, PlainError } from "./errors.ts";

/** The value of `--request-timeout`: whole seconds, or a duration; 0 is none. */
export function parseRequestTimeoutMs(text: string): number {
  const timeoutMs = /^\d+$/.test(text) ? Number(text) * 1000 : parseDurationMs(text);
  if (timeoutMs === undefined) {
    throw new KubectlError(
      "Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)",
    );
  }
  return timeoutMs;
}

/** Ends every request after a time, with its body and its watch. What is upgraded lasts. */
export class TimedTransport implements Transport {
  readonly #inner: Transport;
  readonly #timeoutMs: number;
  readonly #clock: Clock;

  constructor(inner: Transport, timeoutMs: number, clock: Clock) {
    this.#inner = inner;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const deadline = this.#deadline(request.signal);
    try {
      return await this.#inner.request({ ...request, signal: deadline.signal });
    } finally {
      deadline.stop();
    }
  }

  async *watch(request: Omit<TransportRequest, "method" | "body">): AsyncGenerator<WatchEvent> {
    const deadline = this.#deadline(request.signal);
    try {
      yield* this.#inner.watch({ ...request, signal: deadline.signal });
    } finally {
      deadline.stop();
    }
  }

  async stream(request: TransportRequest): Promise<AsyncIterable<Uint8Array>> {
    const deadline = this.#deadline(request.signal);
    const chunks = await this.#inner.stream({ ...request, signal: deadline.signal });
    return whileInTime(chunks, deadline);
  }

  connect(request: ConnectRequest): Promise<MessageChannelConnection> {
    return this.#inner.connect(request);
  }

  #deadline(outer: AbortSignal | undefined): Deadline {
    const late = new AbortController();
    const reason = new PlainError(
      "Unable to connect to the server: context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    );
    const timer = this.#clock.after(this.#timeoutMs, () => late.abort(reason));
    const signal = outer === undefined ? late.signal : AbortSignal.any([late.signal, outer]);
    return { signal, isLate: () => late.signal.aborted, stop: () => timer.stop() };
  }
}

interface Deadline {
  readonly signal: AbortSignal;
  readonly isLate: () => boolean;
  readonly stop: () => void;
}

async function* whileInTime(
  chunks: AsyncIterable<Uint8Array>,
  deadline: Deadline,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    if (!deadline.isLate()) throw error;
    throw new KubectlError(
      "net/http: request canceled (Client.Timeout or context cancellation while reading body)",
      { cause: error },
    );
  } finally {
    deadline.stop();
  }
}
