import type { IncomingMessage } from "node:http";
import type { RequestOptions } from "node:https";
import { BrokenAnswer, CallAborted, type HttpAnswer, readBody } from "./http-answer.ts";

/** A kept connection that the webhook ended in this moment says nothing about the webhook. */
class StaleConnection extends Error {}

/** Headers are kept in memory until they end. */
const maxHeaderBytes = 1024 * 1024;

/** One request and its answer; asked once more where the connection had just been ended. */
export async function callHttp1(
  options: RequestOptions,
  body: Buffer,
  limitBytes: number,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await exchange(options, body, limitBytes, signal);
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      if (attempt > 1) throw error.cause;
    }
  }
}

function exchange(
  options: RequestOptions,
  body: Buffer,
  limitBytes: number,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { request: open } = process.getBuiltinModule("node:https");
  return new Promise((resolve, reject) => {
    let hasBegun = false;
    const request = open({ ...options, maxHeaderSize: maxHeaderBytes }, (response) => {
      hasBegun = true;
      answerOf(response, limitBytes).then(resolve, (error: unknown) => {
        request.destroy();
        reject(broken(error));
      });
    });
    // It is told here, not by Node: after an upgrade Node would no longer tell anybody.
    const abort = (): void => {
      request.destroy();
      reject(new CallAborted(hasBegun));
    };
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    request.on("close", () => signal.removeEventListener("abort", abort));
    // Nobody asked for another protocol.
    request.on("upgrade", (response: IncomingMessage, socket) => {
      socket.destroy();
      resolve({ ...headOf(response), body: Buffer.alloc(0) });
    });
    request.on("error", (error: NodeJS.ErrnoException) => {
      const isStale = request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
      if (hasBegun) reject(broken(error));
      else reject(isStale ? new StaleConnection("", { cause: error }) : error);
    });
    request.end(body);
  });
}

const broken = (error: unknown): Error =>
  error instanceof BrokenAnswer ? error : new BrokenAnswer("", { cause: error });

async function answerOf(response: IncomingMessage, limitBytes: number): Promise<HttpAnswer> {
  const encoding = response.headers["content-encoding"];
  return { ...headOf(response), body: await readBody(response, encoding, limitBytes) };
}

const headOf = ({ statusCode, headers }: IncomingMessage): Omit<HttpAnswer, "body"> => ({
  code: statusCode ?? 0,
  contentType: headers["content-type"],
  retryAfter: headers["retry-after"],
});
