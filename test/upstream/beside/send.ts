import { Agent, request } from "node:https";

// Both certificates were made minutes ago by the servers themselves.
const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });

export interface Ask {
  /** `GET` if nothing else is said. */
  readonly method?: string;
  /** As it is sent, with its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** `admin` if nothing else is said; empty for nobody. */
  readonly token?: string;
}

export interface Answer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** One request; an answer that does not end is cut after `limitMs`. */
export function send(port: number, ask: Ask, limitMs = 5_000): Promise<Answer> {
  const { method = "GET", path, body, token = "admin" } = ask;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        agent,
        headers: {
          "user-agent": "beside/1.0",
          ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
          ...ask.headers,
        },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        const end = (): void => {
          const headers = Object.fromEntries(
            Object.entries(answer.headers).map(([name, value]) => [name, [value].flat().join(", ")]),
          );
          resolve({ code: answer.statusCode ?? 0, headers, body: Buffer.concat(chunks) });
        };
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.once("end", end);
        answer.once("error", end);
      },
    );
    sent.once("error", reject);
    sent.setTimeout(limitMs, () => sent.destroy(new Error(`no end of ${method} ${path}`)));
    sent.end(body);
  });
}
