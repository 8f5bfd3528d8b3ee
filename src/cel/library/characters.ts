import { work, workOnText } from "../eval/work.ts";

/** Only what lies beyond the first 65,536 characters takes two units; of texts of one byte per unit V8 knows that at once. */
const pair = /[\ud800-\udbff][\udc00-\udfff]/;

/** The characters of a text by position, as Go counts them: without a copy where each is one unit. */
export interface Characters {
  readonly length: number;
  at(index: number): string;
  slice(start: number, end?: number): string;
  indexOf(part: string, from: number): number;
  lastIndexOf(part: string, from: number): number;
}

export function charactersOf(text: string): Characters {
  return pair.test(text) ? new Points(text) : new Units(text);
}

class Units implements Characters {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get length(): number {
    return this.#text.length;
  }

  at(index: number): string {
    return this.#text[index] ?? "";
  }

  slice(start: number, end?: number): string {
    return this.#text.slice(start, end);
  }

  indexOf(part: string, from: number): number {
    workOnText(this.#text.length - from);
    return this.#text.indexOf(part, from);
  }

  lastIndexOf(part: string, from: number): number {
    if (from < 0) return -1;
    // V8 tries each place one after the other, from the end.
    workOnText((from + 1) * Math.min(part.length, mostCompared));
    return this.#text.lastIndexOf(part, from);
  }
}

/** A place is seldom compared further than this. */
const mostCompared = 16;

/** A text with characters of two units. */
class Points implements Characters {
  readonly #points: readonly string[];

  constructor(text: string) {
    work(text.length);
    this.#points = Array.from(text);
  }

  get length(): number {
    return this.#points.length;
  }

  at(index: number): string {
    return this.#points[index] ?? "";
  }

  slice(start: number, end?: number): string {
    return this.#points.slice(start, end).join("");
  }

  indexOf(part: string, from: number): number {
    return this.#find(Array.from(part), from, 1);
  }

  lastIndexOf(part: string, from: number): number {
    return this.#find(Array.from(part), from, -1);
  }

  /** The first place, going up or down from one, where the part stands. */
  #find(part: readonly string[], from: number, step: 1 | -1): number {
    const last = this.#points.length - part.length;
    for (let at = from; at >= 0 && at <= last; at += step) {
      let same = 0;
      while (same < part.length && this.#points[at + same] === part[same]) same++;
      if (same === part.length) return at;
      work(1 + same);
    }
    return -1;
  }
}
