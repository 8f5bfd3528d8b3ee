/** One request as it is sent. Text is written to the socket byte by byte (latin1), so that it may hold any byte. */
export interface FuzzRequest {
  readonly type: "request";
  readonly protocol: "http/1.1" | "h2";
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | undefined;
  /** Break off after so many bytes of the body. */
  readonly cutAt?: number;
  /** Leave an answer that does not end (a watch, a log) after so many milliseconds. */
  readonly leaveAfterMs?: number;
  /** The request may be refused below HTTP: its head is not what the protocol allows. */
  readonly isMalformed: boolean;
}

/** What is written to a socket of its own, without regard to any protocol. */
export interface FuzzConversation {
  readonly type: "conversation";
  readonly protocol: "http/1.1" | "h2";
  readonly description: string;
  /** Bytes, and milliseconds to wait between them. */
  readonly steps: readonly (Uint8Array | number)[];
  /** How the client leaves: at once, after the server has answered, or by closing its side only. */
  readonly leave: "cut" | "wait" | "half";
}

export type FuzzCase = FuzzRequest | FuzzConversation;

/** One line that says what was sent. */
export function describeCase(fuzz: FuzzCase): string {
  if (fuzz.type === "conversation") return `${fuzz.protocol} conversation: ${fuzz.description}`;
  const headers = fuzz.headers.map(([name, value]) => `${name}: ${shorten(value, 120)}`).join("; ");
  const size = fuzz.body === undefined ? "no body" : `${fuzz.body.length} bytes`;
  const cut = fuzz.cutAt === undefined ? "" : ` cut at ${fuzz.cutAt}`;
  return `${fuzz.protocol} ${fuzz.method} ${shorten(fuzz.target, 400)} {${headers}} ${size}${cut}`;
}

const shorten = (text: string, length: number): string =>
  JSON.stringify(text.length <= length ? text : `${text.slice(0, length)}… (${text.length})`);
