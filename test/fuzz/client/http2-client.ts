import { type ClientHttp2Session, connect, constants, type OutgoingHttpHeaders } from "node:http2";
import type { FuzzRequest } from "../generate/fuzz-request.ts";
import type { Answer, Outcome } from "./answer.ts";
import { type Address, silenceMs } from "./http1-client.ts";

const sessionCount = 4;
/** A document of megabytes would hold up all that shares its connection, at each turn of a machine that is busy. */
const windowBytes = 16 * 1024 * 1024;

/** HTTP/2 over a few connections that many requests share, as clients do. */
export class Http2Client {
  readonly #address: Address;
  readonly #sessions: (ClientHttp2Session | undefined)[] = [];
  #turn = 0;

  constructor(address: Address) {
    this.#address = address;
  }

  request(fuzz: FuzzRequest): Promise<Outcome> {
    return new Promise((resolve) => this.#send(fuzz, resolve));
  }

  close(): void {
    for (const session of this.#sessions) session?.destroy();
  }

  #session(): ClientHttp2Session {
    const slot = this.#turn++ % sessionCount;
    const current = this.#sessions[slot];
    if (current !== undefined && !current.closed && !current.destroyed) return current;
    const { port, ca } = this.#address;
    const settings = { initialWindowSize: windowBytes };
    // Bodies of megabytes wait in the session until the server takes them; beyond its bound Node refuses other streams.
    const session = connect(`https://127.0.0.1:${port}`, { ca, settings, maxSessionMemory: 1_000 });
    session.on("connect", () => session.setLocalWindowSize(2 * windowBytes));
    session.on("error", () => undefined);
    this.#sessions[slot] = session;
    return session;
  }

  #send(fuzz: FuzzRequest, resolve: (outcome: Outcome) => void): void {
    const stream = this.#session().request(headersOf(fuzz), { endStream: fuzz.body === undefined });
    const chunks: Buffer[] = [];
    let status = 0;
    let headers: Record<string, string> = {};
    let error: string | undefined;
    let hasEnded = false;
    let isLeft = false;
    let isSilent = false;
    const silence = setTimeout(() => {
      isSilent = true;
      stream.close(constants.NGHTTP2_CANCEL);
    }, silenceMs);
    stream.on("response", (found) => {
      status = Number(found[":status"]);
      headers = Object.fromEntries(Object.entries(found).map(([name, value]) => [name, String(value)]));
      if (fuzz.leaveAfterMs !== undefined) {
        setTimeout(() => {
          isLeft = !hasEnded;
          stream.close(constants.NGHTTP2_CANCEL);
        }, fuzz.leaveAfterMs);
      }
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      hasEnded = true;
    });
    stream.on("error", (failure: NodeJS.ErrnoException) => {
      error = failure.message;
    });
    stream.on("close", () => {
      clearTimeout(silence);
      const body = Buffer.concat(chunks);
      const answers: Answer[] =
        status === 0
          ? []
          : [{ status, headers, body, isComplete: hasEnded && !isLeft && error === undefined }];
      const broken = error ?? (status === 0 ? `reset with ${stream.rstCode}` : undefined);
      resolve({ answers, isSilent, ...(broken === undefined ? {} : { broken }) });
    });
    if (fuzz.cutAt !== undefined) {
      stream.write(fuzz.body?.subarray(0, fuzz.cutAt));
      setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), 2);
    } else if (fuzz.body !== undefined) stream.end(fuzz.body);
  }
}

function headersOf({ method, target, headers }: FuzzRequest): OutgoingHttpHeaders {
  const made: Record<string, string[]> = {};
  for (const [name, value] of headers) (made[name] ??= []).push(value);
  // A few names may come only once.
  const flat = Object.entries(made).map(([name, values]) => [
    name,
    values.length === 1 || single.has(name) ? values[0] : values,
  ]);
  return { ...Object.fromEntries(flat), ":method": method, ":path": target };
}

const single = new Set([
  "host",
  "user-agent",
  "content-type",
  "authorization",
  "content-encoding",
  "accept-encoding",
  "if-none-match",
  "if-match",
  "range",
  "origin",
]);
