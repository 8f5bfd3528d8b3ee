import type { Readable } from "node:stream";

/** What a webhook sent, before anybody looks at it. */
export interface HttpAnswer {
  readonly code: number;
  readonly contentType: string | undefined;
  readonly retryAfter: string | undefined;
  readonly body: Buffer;
}

/** The answer began, and did not end as it should have. */
export class BrokenAnswer extends Error {
  override readonly name = "BrokenAnswer";
}

/** Time is over, or nobody waits any more. */
export class CallAborted extends Error {
  override readonly name = "CallAborted";
  /** The answer had begun. */
  readonly hasBegun: boolean;

  constructor(hasBegun: boolean) {
    super("the call was aborted");
    this.hasBegun = hasBegun;
  }
}

/** An answer holds an object and a patch of it at most; what sends more must not fill the memory. */
const maxAnswerBytes = 16 * 1024 * 1024;

/** Objects come back converted about as long as they were sent, however many there were. */
export const answerLimit = (sentBytes: number): number => maxAnswerBytes + 4 * sentBytes;

/** Reads a body to its end, unpacked where it is packed; rejects when it is longer than the limit. */
export async function readBody(
  response: Readable,
  encoding: string | undefined,
  limitBytes: number,
): Promise<Buffer> {
  const { createGunzip } = process.getBuiltinModule("node:zlib");
  const isPacked = encoding?.toLowerCase() === "gzip";
  const source = isPacked ? response.pipe(createGunzip()) : response;
  // Errors do not pass through a pipe.
  if (isPacked) response.on("error", (error) => source.destroy(error));
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of source) {
    length += (chunk as Buffer).length;
    if (length > limitBytes) throw new BrokenAnswer(`the answer of the webhook exceeds ${limitBytes} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
