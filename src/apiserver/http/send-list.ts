import { createGzip } from "node:zlib";
import type { ListEncoding } from "../cache/list-encoding.ts";
import type { HttpExchange, ResponseBody, ResponseHeaders } from "./http-exchange.ts";

/** Larger than what a socket of this machine takes at once gains nothing, and the bytes leave the processor's cache. */
const pieceBytes = 128 * 1024;

/** Sends a long list as its bytes are made: it is never whole in memory, and the client reads while the rest is made. */
export async function sendList(
  exchange: HttpExchange,
  headers: ResponseHeaders,
  list: ListEncoding,
): Promise<void> {
  const { signal } = exchange.request;
  const body = exchange.begin(200, { ...headers, "content-length": String(list.sizeBytes) });
  await pump(list, signal, (piece, taken) => body.write(piece, taken));
  body.end();
}

/** As `sendList`, compressed. How long it will be is not known. */
export async function sendListCompressed(
  exchange: HttpExchange,
  headers: ResponseHeaders,
  list: ListEncoding,
): Promise<void> {
  const { signal } = exchange.request;
  const body = exchange.begin(200, { ...headers, "content-encoding": "gzip", vary: "Accept-Encoding" });
  // Level 1, as kube-apiserver: on a fast network more would only cost time.
  const gzip = createGzip({ level: 1, chunkSize: pieceBytes });
  const copied = copyOut(gzip, body, signal);
  await pump(list, signal, (piece, taken) => gzip.write(piece, taken));
  if (signal.aborted) gzip.destroy();
  else gzip.end();
  await copied;
  body.end();
}

async function copyOut(
  source: AsyncIterable<Uint8Array>,
  body: ResponseBody,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const chunk of source) if (!body.write(chunk)) await body.drained();
  } catch (error) {
    // A stream that was cut because the client has gone says so by an error.
    if (!signal.aborted) throw error;
  }
}

/** Makes a piece while the one before it is being written, in two buffers that take turns. */
async function pump(
  list: ListEncoding,
  signal: AbortSignal,
  write: (piece: Buffer, taken: () => void) => unknown,
): Promise<void> {
  const gone = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const buffers = takeBuffers();
  let turn = 0;
  let before: Promise<unknown> = Promise.resolve();
  for (const piece of list.pieces(() => buffers[turn++ % 2] ?? Buffer.allocUnsafe(pieceBytes))) {
    const taken = new Promise<void>((resolve) => {
      write(piece, resolve);
    });
    await Promise.race([before, gone]);
    if (signal.aborted) return;
    before = taken;
  }
  await Promise.race([before, gone]);
  if (!signal.aborted) spare = buffers;
}

type Buffers = readonly [Buffer, Buffer];

/** The buffers of the last list, for the next: memory that was never used before is slow. */
let spare: Buffers | undefined;

function takeBuffers(): Buffers {
  const buffers = spare ?? [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(pieceBytes)];
  spare = undefined;
  return buffers;
}
