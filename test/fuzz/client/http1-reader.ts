import type { Answer } from "./answer.ts";

type Phase =
  | { readonly type: "head" }
  | { readonly type: "length"; readonly left: number }
  | { readonly type: "chunk-size" }
  | { readonly type: "chunk"; readonly left: number }
  | { readonly type: "until-close" }
  /** After 101 the bytes are of another protocol. */
  | { readonly type: "foreign" };

/** Reads answers of HTTP/1.1 from bytes as they come; strict, so that a broken answer is seen. */
export class Http1Reader {
  #bytes: Buffer = Buffer.alloc(0);
  #phase: Phase = { type: "head" };
  #status = 0;
  #headers: Record<string, string> = {};
  #body: Buffer[] = [];
  /** Methods of the requests whose answers are yet to come: those of HEAD have no body. */
  readonly #methods: string[] = [];
  readonly #onAnswer: (answer: Answer) => void;
  readonly #onHead: () => void;
  fault: string | undefined;

  constructor(onAnswer: (answer: Answer) => void, onHead: () => void = () => undefined) {
    this.#onAnswer = onAnswer;
    this.#onHead = onHead;
  }

  expect(method: string): void {
    this.#methods.push(method);
  }

  get isIdle(): boolean {
    return this.#phase.type === "head" && this.#bytes.length === 0;
  }

  push(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    while (this.fault === undefined && this.#step());
  }

  /** The connection has ended: an answer under way is given as far as it came. */
  end(): void {
    const { type } = this.#phase;
    if (type === "foreign") return;
    if (type === "head" && this.#bytes.length > 0) this.fault = "the head of the answer is cut short";
    if (type !== "head") this.#finish(type === "until-close");
  }

  /** True when it went a step further with the bytes at hand. */
  #step(): boolean {
    const phase = this.#phase;
    switch (phase.type) {
      case "head":
        return this.#readHead();
      case "chunk-size":
        return this.#readChunkSize();
      case "length":
      case "chunk":
        return this.#readBody(phase);
      case "until-close":
        if (this.#bytes.length > 0) this.#body.push(this.#bytes);
        this.#bytes = Buffer.alloc(0);
        return false;
      case "foreign":
        this.#bytes = Buffer.alloc(0);
        return false;
    }
  }

  #readHead(): boolean {
    const end = this.#bytes.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const [first = "", ...lines] = this.#bytes.subarray(0, end).toString("latin1").split("\r\n");
    this.#bytes = this.#bytes.subarray(end + 4);
    const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1];
    if (status === undefined) {
      this.fault = `no status line: ${JSON.stringify(first.slice(0, 100))}`;
      return false;
    }
    this.#status = Number(status);
    this.#headers = headersOf(lines);
    if (this.#status === 101) {
      this.#phase = { type: "foreign" };
      this.#onAnswer({ status: 101, headers: this.#headers, body: Buffer.alloc(0), isComplete: true });
      return true;
    }
    // 100 Continue announces another head.
    if (this.#status < 200) return true;
    this.#onHead();
    this.#beginBody(this.#methods.shift() ?? "GET");
    return true;
  }

  #beginBody(method: string): void {
    const { "transfer-encoding": encoding, "content-length": length } = this.#headers;
    this.#body = [];
    if (method === "HEAD" || this.#status === 204 || this.#status === 304) return this.#finish(true);
    if (encoding === "chunked") this.#phase = { type: "chunk-size" };
    else if (length === undefined) this.#phase = { type: "until-close" };
    else if (Number(length) === 0) this.#finish(true);
    else this.#phase = { type: "length", left: Number(length) };
  }

  #readChunkSize(): boolean {
    const end = this.#bytes.indexOf("\r\n");
    if (end < 0) return false;
    const size = Number.parseInt(this.#bytes.subarray(0, end).toString("latin1"), 16);
    if (Number.isNaN(size)) {
      this.fault = "a chunk without a size";
      return false;
    }
    if (size > 0) {
      this.#bytes = this.#bytes.subarray(end + 2);
      this.#phase = { type: "chunk", left: size + 2 };
      return true;
    }
    if (this.#bytes.length < end + 4) return false;
    this.#bytes = this.#bytes.subarray(end + 4);
    this.#finish(true);
    return true;
  }

  #readBody(phase: { readonly type: "length" | "chunk"; readonly left: number }): boolean {
    if (this.#bytes.length === 0) return false;
    const part = this.#bytes.subarray(0, phase.left);
    this.#bytes = this.#bytes.subarray(part.length);
    const left = phase.left - part.length;
    // The line end behind a chunk is not of the body.
    const kept =
      phase.type === "chunk" ? part.subarray(0, Math.max(0, part.length - Math.max(0, 2 - left))) : part;
    if (kept.length > 0) this.#body.push(kept);
    if (left > 0) this.#phase = { type: phase.type, left };
    else if (phase.type === "chunk") this.#phase = { type: "chunk-size" };
    else this.#finish(true);
    return true;
  }

  #finish(isComplete: boolean): void {
    this.#phase = { type: "head" };
    const body = Buffer.concat(this.#body);
    this.#body = [];
    this.#onAnswer({ status: this.#status, headers: this.#headers, body, isComplete });
  }
}

function headersOf(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}
