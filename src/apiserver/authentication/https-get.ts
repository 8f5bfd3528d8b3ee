import type { RequestOptions } from "node:https";
import type { Clock } from "../../apimachinery/clock.ts";
import { trusting } from "../../apimachinery/trust.ts";

export interface HttpsAnswer {
  readonly status: number;
  readonly statusText: string;
  header(name: string): string | undefined;
  readonly body: string;
}

export interface HttpsGetOptions {
  readonly clock: Clock;
  /** PEM; without it the machine's own authorities are trusted. */
  readonly ca?: string | undefined;
  /** Sent as `Authorization: Bearer`, to the first server only. */
  readonly bearerToken?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

const timeoutMs = 30_000;
/** As Go's client. */
const maxRedirects = 10;
/** Key sets are a few kilobytes; a server that never stops must not fill the memory. */
const maxBodyBytes = 4 * 1024 * 1024;

/** GET over HTTPS and nothing else: what is fetched decides who is believed. Follows redirects. */
export async function httpsGet(url: string, options: HttpsGetOptions): Promise<HttpsAnswer> {
  const cancel = new AbortController();
  const timer = options.clock.after(timeoutMs, () =>
    cancel.abort(new Error(`no answer from ${url} in time`)),
  );
  const signal =
    options.signal === undefined ? cancel.signal : AbortSignal.any([cancel.signal, options.signal]);
  try {
    let current = new URL(url);
    for (let hops = 0; hops <= maxRedirects; hops++) {
      if (current.protocol !== "https:") throw new Error(`${current.href} is not an https URL`);
      const first = hops === 0 || current.origin === new URL(url).origin;
      const answer = await getOnce(current, options, signal, first);
      const location = answer.header("location");
      if (answer.status < 300 || answer.status > 399 || location === undefined) return answer;
      current = new URL(location, current);
    }
    throw new Error(`stopped after ${maxRedirects} redirects`);
  } finally {
    timer.stop();
  }
}

/** Loaded when first used: a cluster without foreign issuers never asks anybody anything. */
const https = (): typeof import("node:https") => process.getBuiltinModule("node:https");

function getOnce(
  url: URL,
  { ca, bearerToken }: HttpsGetOptions,
  signal: AbortSignal,
  withToken: boolean,
): Promise<HttpsAnswer> {
  const headers: Record<string, string> = { Accept: "*/*", "User-Agent": "sampan" };
  if (withToken && bearerToken !== undefined) headers["Authorization"] = `Bearer ${bearerToken}`;
  // No kept connections: one request in minutes, and nothing to close afterwards.
  const options: RequestOptions = { headers, signal, agent: false, ...trusting(ca) };
  return new Promise((resolve, reject) => {
    const request = https().get(url, options, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > maxBodyBytes) request.destroy(new Error(`the answer of ${url.href} is too long`));
        else chunks.push(chunk);
      });
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode = 0, statusMessage = "" } = response;
        resolve({
          status: statusCode,
          statusText: `${statusCode} ${statusMessage}`,
          header: (name) => response.headersDistinct[name]?.[0],
          body: Buffer.concat(chunks).toString("utf8"),
        });
      });
    });
    request.on("error", reject);
  });
}
