/**
 * HTTP as registries need it: redirects without leaking credentials, time limits on silence rather than on length (a
 * layer may take an hour), certificates of one's own.
 */
import type { IncomingMessage } from "node:http";
import { request as tlsRequest } from "node:https";
import type { Clock } from "../../apimachinery/clock.ts";
import { CriError } from "../../cri/runtime.ts";
import { type EndpointTls, isLoopback } from "./registry-config.ts";

export interface FetchOptions {
  readonly method?: "GET" | "HEAD" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly tls: EndpointTls;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/** Without a byte for so long a connection is given up. */
const silenceMs = 30_000;
const maxRedirects = 5;

/** The answer, whatever its status. Throws `unavailable` when there is none. */
export async function fetchFollowing(
  url: URL,
  options: FetchOptions,
  redirects = 0,
): Promise<IncomingMessage> {
  const response = await fetchOnce(url, options);
  const { statusCode = 0, headers } = response;
  if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) return response;
  response.resume();
  if (redirects >= maxRedirects) throw new CriError("unavailable", `${url.host} redirects in circles`);
  const next = new URL(headers.location, url);
  if (next.protocol === "http:" && !isLoopback(next.hostname)) {
    throw new CriError("unavailable", `${url.host} redirects to plain HTTP at ${next.host}`);
  }
  // What authorises at the registry is not for the storage behind it.
  const { Authorization: _, ...others } = options.headers ?? {};
  const kept = next.host === url.host ? (options.headers ?? {}) : others;
  return fetchFollowing(next, { ...options, headers: kept }, redirects + 1);
}

function fetchOnce(url: URL, options: FetchOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: unknown): void =>
      reject(
        new CriError("unavailable", `${options.method ?? "GET"} ${url.origin}${url.pathname}: ${reason}`, {
          cause,
        }),
      );
    const request = (url.protocol === "https:" ? tlsRequest : plainHttp().request)(
      url,
      {
        method: options.method ?? "GET",
        headers: { "User-Agent": "sampan", ...options.headers },
        ...(url.protocol === "https:" && options.tls),
        ...(options.signal && { signal: options.signal }),
      },
      (response) => {
        watchForSilence(response, options.clock);
        timer.stop();
        resolve(response);
      },
    );
    const timer = options.clock.after(silenceMs, () => request.destroy(new Error("no answer in 30 s")));
    request.on("error", (error: NodeJS.ErrnoException) => {
      timer.stop();
      if (options.signal?.aborted === true) reject(options.signal.reason);
      else fail(error.message || error.code || "failed", error);
    });
    request.end(options.body);
  });
}

/** Node's module of this name brings fetch along, 15 ms and 3 MB: it is loaded by the first that needs it. */
const plainHttp = (): typeof import("node:http") => process.getBuiltinModule("node:http");

function watchForSilence(response: IncomingMessage, clock: Clock): void {
  let last = clock.now();
  response.on("data", () => {
    last = clock.now();
  });
  response.pause();
  const timer = clock.every(silenceMs / 3, () => {
    if (!response.isPaused() && clock.now() - last >= silenceMs) {
      response.destroy(new Error("the connection fell silent for 30 s"));
    }
  });
  response.once("close", () => timer.stop());
}

/** A small body in full; throws `unavailable` when it is larger than that. */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new CriError("unavailable", "a registry's answer is larger than it may be");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
