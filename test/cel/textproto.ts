/**
 * A small reader of the protobuf text format: messages as maps from names to lists of values, in order. Numbers stay
 * text; strings are bytes, because fields of bytes are written as strings as well.
 */
export interface Message {
  readonly [name: string]: readonly Value[];
}

export type Value = string | Uint8Array | Message;

export function parseTextproto(text: string): Message {
  return new Reader(text).message(undefined);
}

const token =
  /\s+|#[^\n]*|(?<string>"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*')|(?<type>\[[\w./]+\])|(?<word>[-+\w.]+)|(?<mark>[{}:<>,;[\]])/uy;

class Reader {
  readonly #tokens: { kind: "string" | "word" | "mark"; text: string }[] = [];
  #at = 0;

  constructor(text: string) {
    token.lastIndex = 0;
    while (token.lastIndex < text.length) {
      const start = token.lastIndex;
      const match = token.exec(text);
      if (match === null) throw new Error(`textproto: unexpected ${text.slice(start, start + 20)}`);
      const groups = match.groups ?? {};
      if (groups["string"] !== undefined) this.#tokens.push({ kind: "string", text: groups["string"] });
      else if (groups["type"] !== undefined) this.#tokens.push({ kind: "word", text: groups["type"] });
      else if (groups["word"] !== undefined) this.#tokens.push({ kind: "word", text: groups["word"] });
      else if (groups["mark"] !== undefined) this.#tokens.push({ kind: "mark", text: groups["mark"] });
    }
  }

  /** Fields up to the closing mark, or the end. */
  message(end: string | undefined): Message {
    const fields: Record<string, Value[]> = {};
    for (;;) {
      const next = this.#tokens[this.#at];
      if (next === undefined || next.text === end) {
        this.#at++;
        return fields;
      }
      if (next.kind === "mark") {
        this.#at++;
        continue;
      }
      this.#at++;
      if (this.#peek() === ":") this.#at++;
      (fields[next.text] ??= []).push(...this.#values());
    }
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at]?.text;
  }

  #values(): Value[] {
    if (this.#peek() !== "[") return [this.#value()];
    this.#at++;
    const values: Value[] = [];
    while (this.#peek() !== "]") {
      if (this.#peek() === ",") this.#at++;
      else values.push(this.#value());
    }
    this.#at++;
    return values;
  }

  #value(): Value {
    const next = this.#tokens[this.#at++];
    if (next === undefined) throw new Error("textproto: unexpected end");
    if (next.text === "{" && next.kind === "mark") return this.message("}");
    if (next.text === "<" && next.kind === "mark") return this.message(">");
    if (next.kind !== "string") return next.text;
    const parts = [unescape(next.text.slice(1, -1))];
    // Adjacent strings are one.
    while (this.#tokens[this.#at]?.kind === "string") {
      parts.push(unescape((this.#tokens[this.#at++]?.text ?? "").slice(1, -1)));
    }
    return Buffer.concat(parts);
  }
}

const named: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };

function unescape(text: string): Uint8Array {
  const bytes: number[] = [];
  const pattern =
    /\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))|([^\\]+)/gu;
  for (const [, hex, octal, short, long, char, plain] of text.matchAll(pattern)) {
    const point = short ?? long;
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else if (point !== undefined)
      bytes.push(...Buffer.from(String.fromCodePoint(Number.parseInt(point, 16))));
    else if (char !== undefined)
      bytes.push(...(named[char] === undefined ? Buffer.from(char) : [named[char]]));
    else bytes.push(...Buffer.from(plain ?? ""));
  }
  return Uint8Array.from(bytes);
}

/** The text of a field, if it is there. */
export function textOf(message: Message | undefined, name: string): string | undefined {
  const value = message?.[name]?.[0];
  if (value instanceof Uint8Array) return Buffer.from(value).toString("utf8");
  return typeof value === "string" ? value : undefined;
}

/** The message of a field, if it is there. */
export function messageOf(message: Message | undefined, name: string): Message | undefined {
  return messagesOf(message, name)[0];
}

export function messagesOf(message: Message | undefined, name: string): Message[] {
  return (message?.[name] ?? []).filter((value): value is Message => isMessage(value));
}

function isMessage(value: Value): value is Message {
  return typeof value !== "string" && !(value instanceof Uint8Array);
}
