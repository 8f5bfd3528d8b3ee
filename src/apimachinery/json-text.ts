import { goQuoted } from "./go-quote.ts";
import { newBadRequest } from "./status.ts";

/**
 * JSON text as the API server reads it: duplicate members are noticed, nesting is bounded, and a syntax error is
 * worded as Go's encoding/json words it.
 *
 * JSON.parse is many times faster than any parser written here, but keeps the last of two equal members silently.
 * Outside of strings a colon stands only between a member's name and its value, so comparing the number of such
 * colons with the number of members in the result tells whether any was lost; only then is the text walked.
 */
export interface ParsedJson {
  readonly value: unknown;
  /** How many objects and lists are around the innermost value. */
  readonly depth: number;
  /** `duplicate field "spec.replicas"`, in the order of the text. */
  readonly duplicates: string[];
  /** Present when there are duplicates: where in the text lies what strict decoding may name, by its wording. */
  readonly positions?: ReadonlyMap<string, number>;
}

/** Go's decoder stops here. */
export const goMaxDepth = 10_000;
/** What is kept may be nested so deeply: it is walked through by functions that call themselves, on a stack of a megabyte. */
export const maxKeptDepth = 1_000;

/**
 * Parses JSON text. Throws StatusError 400 when it is none, or is nested deeper than `maxDepth`: beyond what may be kept, the
 * caller sees to it that nobody walks through the value who calls himself.
 */
export function parseJson(text: string, maxDepth = maxKeptDepth): ParsedJson {
  const value = parseValue(text);
  const { colons, depth, tooDeep } = measure(text, maxDepth);
  if (tooDeep !== undefined) throw newBadRequest(exceeded(tooDeep));
  const members = depth > maxKeptDepth ? countDeepMembers(value) : countMembers(value);
  return colons === members ? { value, depth, duplicates: [] } : { value, depth, ...findDuplicates(text) };
}

const exceeded = (character: string): string => `invalid character '${character}' exceeded max depth`;

/** How many containers are around the innermost value. */
export function depthOf(value: unknown): number {
  let depth = 0;
  for (let level = containersOf([value]); level.length > 0; level = containersOf(level.flatMap(childrenOf)))
    depth++;
  return depth;
}

const isContainer = (value: unknown): value is object => typeof value === "object" && value !== null;
const containersOf = (values: readonly unknown[]): object[] => values.filter(isContainer);
const childrenOf = (value: object): unknown[] => Object.values(value);

function parseValue(text: string): unknown {
  try {
    return JSON.parse(loneSurrogate.test(text) ? withoutLoneSurrogates(text) : text) as unknown;
  } catch (error) {
    throw newBadRequest(jsonSyntaxError(text) ?? String(error));
  }
}

const loneSurrogate = /\\u[dD][89a-fA-F]/;
const escapeSequence = /\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u[dD][89a-fA-F]..|[^])/g;

/** Half a character has no bytes in UTF-8: Go's decoder reads U+FFFD, and so it can be kept in any form. */
function withoutLoneSurrogates(text: string): string {
  return text.replace(escapeSequence, (escape) =>
    /^\\u[dD][89a-fA-F]..$/.test(escape) ? "\\ufffd" : escape,
  );
}

const quote = 34;
const comma = 44;
const colon = 58;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/** The index after the string that opens at `start`. The text is valid JSON. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end > 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === backslash) escapes++;
    if (escapes % 2 === 0) return end + 1;
  }
  return text.length;
}

function measure(text: string, maxDepth: number): { colons: number; depth: number; tooDeep?: string } {
  let colons = 0;
  let depth = 0;
  let deepest = 0;
  let tooDeep: string | undefined;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === quote) index = endOfString(text, index) - 1;
    else if (code === colon) colons++;
    else if (code === openBrace || code === openBracket) {
      deepest = Math.max(deepest, ++depth);
      if (depth > maxDepth) tooDeep ??= String.fromCharCode(code);
    } else if (code === closeBrace || code === closeBracket) depth--;
  }
  return tooDeep === undefined ? { colons, depth: deepest } : { colons, depth: deepest, tooDeep };
}

/** The same as `countMembers`, which calls itself. */
function countDeepMembers(value: unknown): number {
  let count = 0;
  const open = [value];
  while (open.length > 0) {
    const each = open.pop();
    if (!isContainer(each)) continue;
    const children = childrenOf(each);
    if (!Array.isArray(each)) count += children.length;
    for (const child of children) if (isContainer(child)) open.push(child);
  }
  return count;
}

function countMembers(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += countMembers(item);
    return count;
  }
  for (const key in value) {
    if (Object.hasOwn(value, key)) count += 1 + countMembers((value as Record<string, unknown>)[key]);
  }
  return count;
}

interface Frame {
  /** The path of this container. */
  readonly path: string;
  /** Names seen so far; absent for arrays. */
  readonly names: Set<string> | undefined;
  /** The name of the current member, or the index of the current item. */
  position: string | number;
}

const childPath = (frame: Frame | undefined): string => {
  if (frame === undefined) return "";
  if (typeof frame.position === "number") return `${frame.path}[${frame.position}]`;
  return frame.path === "" ? frame.position : `${frame.path}.${frame.position}`;
};

/** Walks valid JSON text with a stack of containers. */
function findDuplicates(text: string): Required<Pick<ParsedJson, "duplicates" | "positions">> {
  const duplicates = new Set<string>();
  const positions = new Map<string, number>();
  const note = (fault: string): void => {
    if (!positions.has(fault)) positions.set(fault, positions.size);
  };
  const stack: Frame[] = [];
  let expectsName = false;
  for (let index = 0; index < text.length; index++) {
    const frame = stack.at(-1);
    const code = text.charCodeAt(index);
    if (code === quote) {
      const end = endOfString(text, index);
      if (expectsName && frame?.names !== undefined) {
        frame.position = JSON.parse(text.slice(index, end)) as string;
        const member = childPath(frame);
        note(`unknown field ${JSON.stringify(member)}`);
        if (frame.names.has(frame.position)) {
          const fault = `duplicate field ${JSON.stringify(member)}`;
          note(fault);
          duplicates.add(fault);
        }
        frame.names.add(frame.position);
        expectsName = false;
      }
      index = end - 1;
    } else if (code === openBrace) {
      stack.push({ path: childPath(frame), names: new Set(), position: "" });
      expectsName = true;
    } else if (code === openBracket) {
      stack.push({ path: childPath(frame), names: undefined, position: 0 });
      expectsName = false;
    } else if (code === closeBrace || code === closeBracket) {
      stack.pop();
      expectsName = false;
    } else if (code === comma && frame !== undefined) {
      if (typeof frame.position === "number") frame.position++;
      expectsName = frame.names !== undefined;
    }
  }
  return { duplicates: [...duplicates], positions };
}

/** An exponent of three digits, or as many digits as only numbers have that are too large. */
const perhapsOutOfRange = /\d[eE]\+?0*[1-9]\d{2}|\d{309}/;
const number = /-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/y;

/** The first number of valid JSON text that no float of 64 bits can hold, as it is written. JSON.parse takes it for infinite. */
export function numberOutOfRange(text: string): string | undefined {
  if (!perhapsOutOfRange.test(text)) return undefined;
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) === quote) index = endOfString(text, index) - 1;
    number.lastIndex = index;
    const found = number.exec(text)?.[0];
    if (found === undefined) continue;
    if (!Number.isFinite(Number(found))) return found;
    index += found.length - 1;
  }
  return undefined;
}

const closing = { "{": "}", "[": "]" } as const;
const unexpectedEnd = "unexpected end of JSON input";

/** The message of encoding/json for text that is not JSON; undefined for text that is. */
export function jsonSyntaxError(text: string): string | undefined {
  try {
    new SyntaxScanner(text).scan();
    return undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return error.message;
    throw error;
  }
}

/** Go names the first character that cannot stand where it does, and what it expected there. */
class SyntaxScanner {
  readonly #text: string;
  #index = 0;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): void {
    const open: ("{" | "[")[] = [];
    do {
      this.#beginValue(open);
      while (open.length > 0 && this.#afterValue(open));
      // A value follows, unless all containers are closed.
    } while (open.length > 0);
    this.#space();
    if (this.#index < this.#text.length) this.#fail("after top-level value");
  }

  /** Up to the end of a value, or to where the first value in a container begins. */
  #beginValue(open: ("{" | "[")[]): void {
    for (;;) {
      this.#space();
      const character = this.#peek();
      if (character !== "{" && character !== "[") return this.#scalar(character);
      open.push(character);
      if (open.length > goMaxDepth) throw new SyntaxError(exceeded(character));
      this.#index++;
      this.#space();
      if (this.#peek() === closing[character]) {
        this.#index++;
        open.pop();
        return;
      }
      if (character === "{") this.#name();
    }
  }

  /** Behind a value in a container: true when that is closed, and is a value itself; false when another one follows. */
  #afterValue(open: ("{" | "[")[]): boolean {
    const container = open.at(-1) ?? "[";
    this.#space();
    const next = this.#peek();
    if (next !== "," && next !== closing[container]) {
      this.#fail(container === "{" ? "after object key:value pair" : "after array element");
    }
    this.#index++;
    if (next !== ",") {
      open.pop();
      return true;
    }
    if (container === "{") this.#name();
    return false;
  }

  #name(): void {
    this.#space();
    if (this.#peek() !== '"') this.#fail("looking for beginning of object key string");
    this.#string();
    this.#space();
    if (this.#peek() !== ":") this.#fail("after object key");
    this.#index++;
  }

  #scalar(character: string): void {
    if (character === '"') this.#string();
    else if (character === "-" || isDigit(character)) this.#number();
    else if (character === "t") this.#literal("true");
    else if (character === "f") this.#literal("false");
    else if (character === "n") this.#literal("null");
    else this.#fail("looking for beginning of value");
  }

  #string(): void {
    this.#index++;
    for (;;) {
      const character = this.#peek();
      if (character === '"') {
        this.#index++;
        return;
      }
      if (character < " ") this.#fail("in string literal");
      this.#index++;
      if (character === "\\") this.#escape();
    }
  }

  #escape(): void {
    const character = this.#peek();
    if (!'bfnrt\\/"u'.includes(character)) this.#fail("in string escape code");
    this.#index++;
    if (character !== "u") return;
    for (let digit = 0; digit < 4; digit++) {
      if (!/[0-9a-fA-F]/.test(this.#peek())) this.#fail("in \\u hexadecimal character escape");
      this.#index++;
    }
  }

  #number(): void {
    if (this.#peek() === "-") {
      this.#index++;
      if (!isDigit(this.#peek())) this.#fail("in numeric literal");
    }
    if (this.#peek() === "0") this.#index++;
    else this.#digits();
    if (this.#text[this.#index] === ".") {
      this.#index++;
      if (!isDigit(this.#peek())) this.#fail("after decimal point in numeric literal");
      this.#digits();
    }
    if (this.#text[this.#index]?.toLowerCase() !== "e") return;
    this.#index++;
    if ("+-".includes(this.#peek())) this.#index++;
    if (!isDigit(this.#peek())) this.#fail("in exponent of numeric literal");
    this.#digits();
  }

  #digits(): void {
    while (isDigit(this.#text[this.#index] ?? "")) this.#index++;
  }

  #literal(word: string): void {
    for (const expected of word) {
      if (this.#peek() !== expected) this.#fail(`in literal ${word} (expecting '${expected}')`);
      this.#index++;
    }
  }

  #space(): void {
    while (" \t\r\n".includes(this.#text[this.#index] ?? "x")) this.#index++;
  }

  /** The current character; the end of the text is an error of its own. */
  #peek(): string {
    const code = this.#text.codePointAt(this.#index);
    if (code === undefined) throw new SyntaxError(unexpectedEnd);
    return String.fromCodePoint(code);
  }

  #fail(where: string): never {
    throw new SyntaxError(`invalid character ${quoteCharacter(this.#peek())} ${where}`);
  }
}

const isDigit = (character: string): boolean =>
  character >= "0" && character <= "9" && character.length === 1;

function quoteCharacter(character: string): string {
  if (character === "'") return "'\\''";
  if (character === '"') return "'\"'";
  return `'${goQuoted(character).slice(1, -1)}'`;
}
