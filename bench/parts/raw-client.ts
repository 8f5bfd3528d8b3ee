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

const nothing: Buffer = Buffer.alloc(0);
const headEnd = Buffer.from("\r\n\r\n");
const lastChunk = Buffer.from("0\r\n\r\n");

export class RawClient {
  readonly #socket: TLSSocket;
  #listens = false;
  /** The request under way. */
  #waiting: Waiting | undefined;
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
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject, answer: new Answer() };
      if (!this.#listens) this.#listen();
      this.#write(method, path, body, contentType);
    });
  }

  /** Once per connection: what the load costs is taken from the server, which shares the machine. */
  #listen(): void {
    this.#listens = true;
    this.#socket.on("data", (chunk: Buffer) => {
      const waiting = this.#waiting;
      if (waiting === undefined || !waiting.answer.take(chunk)) return;
      this.#waiting = undefined;
      waiting.resolve(waiting.answer);
    });
    this.#socket.on("close", () => this.#waiting?.reject(new Error("the connection was closed")));
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

interface Waiting {
  readonly answer: Answer;
  resolve(answer: RawAnswer): void;
  reject(error: Error): void;
}

/** An answer as it comes in: what is needed of its head, and how much of its body has come. */
class Answer implements RawAnswer {
  status = 0;
  bodyBytes = 0;
  /** Undefined when the body comes in chunks. */
  #length: number | undefined;
  /** What came before the head was whole. */
  #early = nothing;
  #tail = nothing;

  /** True when the answer is whole. */
  take(chunk: Buffer): boolean {
    const rest = this.status === 0 ? this.#takeHead(chunk) : chunk;
    if (rest === undefined) return false;
    this.bodyBytes += rest.length;
    if (this.#length !== undefined) return this.bodyBytes >= this.#length;
    this.#tail = rest.length >= lastChunk.length ? rest : Buffer.concat([this.#tail, rest]);
    return this.#tail.subarray(-lastChunk.length).equals(lastChunk);
  }

  /** What of the body came with the end of the head. */
  #takeHead(chunk: Buffer): Buffer | undefined {
    const head = this.#early.length === 0 ? chunk : Buffer.concat([this.#early, chunk]);
    const end = head.indexOf(headEnd);
    if (end < 0) {
      this.#early = head;
      return undefined;
    }
    const text = head.toString("latin1", 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
    this.status = Number(text.slice(9, 12));
    this.#length = length === undefined ? undefined : Number(length);
    return head.subarray(end + headEnd.length);
  }
}
