/**
 * HTTP/1.1 over one TLS connection with as little work as possible, so that what is measured is the server: requests are
 * written as they are, answers are only counted.
 */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";

export interface RawEndpoint {
  readonly host: string;
  readonly port: number;
  readonly ca: string | Buffer;
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** The server's certificate is not looked at. */
  readonly anyServer?: boolean;
}

export interface RawAnswer {
  readonly status: number;
  readonly bodyBytes: number;
}

const headEnd = Buffer.from("\r\n\r\n");
const lastChunk = Buffer.from("0\r\n\r\n");

export class RawClient {
  readonly #socket: TLSSocket;
  readonly #host: string;
  readonly #accept: string;

  private constructor(socket: TLSSocket, host: string, accept: string) {
    this.#socket = socket;
    this.#host = host;
    this.#accept = accept;
  }

  static async open(
    { host, port, ca, cert, key, anyServer = false }: RawEndpoint,
    accept = "application/json",
  ): Promise<RawClient> {
    const socket = connect({
      host,
      port,
      ca,
      cert,
      key,
      rejectUnauthorized: !anyServer,
      ALPNProtocols: ["http/1.1"],
    });
    await once(socket, "secureConnect");
    socket.setNoDelay(true);
    // The request under way learns of it by the close that follows.
    socket.on("error", () => undefined);
    return new RawClient(socket, host, accept);
  }

  /** One request at a time; resolves when the whole answer has arrived. */
  request(method: string, path: string, body = "", contentType = "application/json"): Promise<RawAnswer> {
    const socket = this.#socket;
    this.#write(method, path, body, contentType);
    return new Promise((resolve, reject) => {
      let head: Head | undefined;
      let early: Buffer = Buffer.alloc(0);
      let bodyBytes = 0;
      let tail: Buffer = Buffer.alloc(0);
      const settle = (settled: () => void): void => {
        socket.off("data", onData);
        socket.off("close", onClose);
        settled();
      };
      const onClose = (): void => settle(() => reject(new Error("the connection was closed")));
      const onData = (chunk: Buffer): void => {
        let rest = chunk;
        if (head === undefined) {
          early = early.length === 0 ? chunk : Buffer.concat([early, chunk]);
          const end = early.indexOf(headEnd);
          if (end < 0) return;
          head = parseHead(early.toString("latin1", 0, end));
          rest = early.subarray(end + headEnd.length);
        }
        bodyBytes += rest.length;
        tail = rest.length >= lastChunk.length ? rest : Buffer.concat([tail, rest]);
        const done =
          head.length === undefined
            ? tail.subarray(-lastChunk.length).equals(lastChunk)
            : bodyBytes >= head.length;
        if (done) settle(() => resolve({ status: head?.status ?? 0, bodyBytes }));
      };
      socket.on("data", onData);
      socket.on("close", onClose);
    });
  }

  /** Asks for a stream of lines and calls back with how many have come each time some do. */
  watch(path: string, onLines: (count: number) => void): void {
    this.#write("GET", path, "");
    let inBody = false;
    let last = 0;
    this.#socket.on("data", (chunk: Buffer) => {
      let from = 0;
      if (!inBody) {
        const end = chunk.indexOf(headEnd);
        if (end < 0) return;
        inBody = true;
        from = end + headEnd.length;
      }
      // Lines of the body end with \n; the framing of chunks with \r\n.
      let count = 0;
      for (let at = chunk.indexOf(10, from); at >= 0; at = chunk.indexOf(10, at + 1)) {
        if ((at === 0 ? last : (chunk[at - 1] ?? 0)) !== 13) count++;
      }
      last = chunk.at(-1) ?? 0;
      if (count > 0) onLines(count);
    });
  }

  #write(method: string, path: string, body: string, contentType = ""): void {
    const content =
      body === "" ? "" : `Content-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
    this.#socket.write(
      `${method} ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nAccept: ${this.#accept}\r\n${content}\r\n${body}`,
    );
  }

  /** Reads no more: what the server sends piles up. */
  pause(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }
}

interface Head {
  readonly status: number;
  /** Undefined when the body comes in chunks. */
  readonly length: number | undefined;
}

function parseHead(text: string): Head {
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
  return { status: Number(text.slice(9, 12)), length: length === undefined ? undefined : Number(length) };
}
