import { connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import type { FuzzConversation, FuzzRequest } from "../generate/fuzz-request.ts";
import type { Answer, Outcome } from "./answer.ts";
import { Http1Reader } from "./http1-reader.ts";

export interface Address {
  readonly port: number;
  readonly ca: string;
}

/** A request that gets no answer for so long hangs, also on a machine that is busy with other things. */
export const silenceMs = 60_000;
/** A conversation may well wait for what never comes. */
const conversationMs = 400;

/** HTTP/1.1 by hand: Node's own client refuses to send most of what is to be sent. */
export class Http1Client {
  readonly #address: Address;
  readonly #idle: Connection[] = [];
  /** For all connections: making one costs as much as a request. */
  readonly #secureContext: SecureContext;
  #session: Buffer | undefined;

  constructor(address: Address) {
    this.#address = address;
    this.#secureContext = createSecureContext({ ca: address.ca });
  }

  async request(fuzz: FuzzRequest): Promise<Outcome> {
    // What breaks the connection would break it for the next request too.
    const isAlone = fuzz.isMalformed || fuzz.cutAt !== undefined;
    const reused = isAlone ? undefined : this.#takeIdle();
    const connection = reused ?? (await this.#open("http/1.1"));
    const outcome = await connection.exchange(fuzz);
    if (!isAlone && connection.isReusable) this.#idle.push(connection);
    else connection.destroy();
    // The server may have closed it just before.
    const isRace = reused !== undefined && outcome.answers.length === 0 && outcome.broken !== undefined;
    return isRace ? this.request({ ...fuzz }) : outcome;
  }

  async converse(conversation: FuzzConversation): Promise<Outcome> {
    const connection = await this.#open(conversation.protocol);
    return connection.converse(conversation);
  }

  close(): void {
    for (const connection of this.#idle) connection.destroy();
    this.#idle.length = 0;
  }

  #takeIdle(): Connection | undefined {
    for (let next = this.#idle.pop(); next !== undefined; next = this.#idle.pop()) {
      if (next.isReusable) return next;
    }
    return undefined;
  }

  async #open(protocol: string): Promise<Connection> {
    const { port } = this.#address;
    const session = this.#session === undefined ? {} : { session: this.#session };
    const secureContext = this.#secureContext;
    const socket = connect({ host: "127.0.0.1", port, secureContext, ALPNProtocols: [protocol], ...session });
    socket.on("session", (found) => {
      this.#session = found;
    });
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    return new Connection(socket, protocol);
  }
}

class Connection {
  readonly #socket: TLSSocket;
  readonly #reader: Http1Reader | undefined;
  #answers: Answer[] = [];
  #error: string | undefined;
  #wake: () => void = () => undefined;
  #hasHead = false;
  #isOver = false;

  constructor(socket: TLSSocket, protocol: string) {
    this.#socket = socket;
    // Frames of HTTP/2 are not looked into: what matters is that the server lives on.
    this.#reader =
      protocol === "h2"
        ? undefined
        : new Http1Reader(
            (answer) => this.#take(answer),
            () => this.#onHead(),
          );
    socket.on("data", (bytes: Buffer) => {
      this.#reader?.push(bytes);
      if (this.#reader?.fault !== undefined) this.#wake();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#error ??= error.code ?? error.message;
    });
    socket.on("close", () => {
      this.#isOver = true;
      this.#reader?.end();
      this.#wake();
    });
  }

  get isReusable(): boolean {
    return (
      !this.#isOver &&
      !this.#socket.destroyed &&
      this.#reader?.isIdle === true &&
      this.#reader.fault === undefined
    );
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** One request, one answer. */
  async exchange(fuzz: FuzzRequest): Promise<Outcome> {
    this.#answers = [];
    this.#hasHead = false;
    this.#reader?.expect(fuzz.method);
    const body = fuzz.body ?? new Uint8Array();
    const cut = fuzz.cutAt;
    this.#socket.write(headOf(fuzz, body.length));
    if (body.length > 0) this.#socket.write(cut === undefined ? body : body.subarray(0, cut));
    if (cut !== undefined) {
      await sleep(2);
      this.#socket.destroy();
      return { answers: [], isSilent: false, broken: "cut by the client" };
    }
    const isSilent = await this.#until(() => this.#answers.length > 0 || this.#isLeaving(fuzz), silenceMs);
    if (this.#answers.length === 0 && this.#isLeaving(fuzz)) {
      await this.#until(() => this.#answers.length > 0, fuzz.leaveAfterMs ?? 0);
      if (this.#answers.length === 0) this.#socket.destroy();
      await this.#until(() => this.#isOver, silenceMs);
      return this.#outcome(false);
    }
    if (this.#answers[0]?.headers["connection"] === "close" || this.#answers[0]?.status === 101)
      this.#socket.destroy();
    return this.#outcome(isSilent);
  }

  async converse({ steps, leave }: FuzzConversation): Promise<Outcome> {
    for (const step of steps) {
      if (this.#isOver) break;
      if (typeof step === "number") await sleep(step);
      else if (step.length > 0) this.#socket.write(step);
    }
    if (leave === "half") this.#socket.end();
    if (leave === "cut") await sleep(3);
    else await this.#until(() => this.#answers.length > 0, conversationMs);
    this.#socket.destroy();
    await this.#until(() => this.#isOver, silenceMs);
    return { ...this.#outcome(false), broken: "left by the client" };
  }

  /** The answer has begun and is not waited for to its end. */
  #isLeaving({ leaveAfterMs }: FuzzRequest): boolean {
    return leaveAfterMs !== undefined && this.#hasHead;
  }

  #outcome(isSilent: boolean): Outcome {
    const broken = this.#reader?.fault ?? (this.#isOver ? (this.#error ?? "closed") : undefined);
    return { answers: this.#answers, isSilent, ...(broken === undefined ? {} : { broken }) };
  }

  #take(answer: Answer): void {
    this.#answers.push(answer);
    this.#wake();
  }

  #onHead(): void {
    this.#hasHead = true;
    this.#wake();
  }

  /** True when the time was over before it was so. */
  async #until(isSo: () => boolean, limitMs: number): Promise<boolean> {
    const isDone = (): boolean => isSo() || this.#isOver || this.#reader?.fault !== undefined;
    if (isDone()) return false;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(true), limitMs);
      this.#wake = () => {
        if (!isDone()) return;
        clearTimeout(timer);
        resolve(false);
      };
    });
  }
}

function headOf({ method, target, headers }: FuzzRequest, length: number): Buffer {
  const lines = [`${method} ${target} HTTP/1.1`];
  if (!headers.some(([name]) => name === "host")) lines.push("host: localhost");
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  const isFramed = headers.some(([name]) => name === "transfer-encoding" || name === "content-length");
  if (!isFramed && (length > 0 || method === "POST")) lines.push(`content-length: ${length}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
