import { randomFillSync } from "node:crypto";

/**
 * Chance and identity are parameters of the cluster: a seeded source makes a run repeat exactly.
 * Secrets, keys and serial numbers never come from here; they use node:crypto through the pki room.
 */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A version 4 UUID. */
  uuid(): string;
}

/** The machine's own randomness, fetched in portions: asking for 16 bytes costs as much as asking for 4096. */
export class SystemRandom implements Random {
  readonly #portion = Buffer.alloc(4096);
  /** What lies before it has been used. */
  #position = this.#portion.length;

  next(): number {
    return this.#portion.readUIntBE(this.#take(6), 6) / 2 ** 48;
  }

  /** As randomUUID of node:crypto, at a quarter of its cost: each request and each object has one. */
  uuid(): string {
    return formatUuid(this.#portion, this.#take(16));
  }

  /** Where so many fresh bytes begin. */
  #take(count: number): number {
    if (this.#position + count > this.#portion.length) {
      randomFillSync(this.#portion);
      this.#position = 0;
    }
    this.#position += count;
    return this.#position - count;
  }
}

/** A reproducible source (xorshift over 32-bit words, splitmix seeding). */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 0x9e3779b9;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let word = this.#state;
    word = Math.imul(word ^ (word >>> 15), word | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  }

  uuid(): string {
    return formatUuid(
      Uint8Array.from({ length: 16 }, () => Math.floor(this.next() * 256)),
      0,
    );
  }
}

/** Of the sixteen bytes from the offset on, which it changes. */
function formatUuid(bytes: Uint8Array, offset: number): string {
  bytes[offset + 6] = ((bytes[offset + 6] ?? 0) & 0x0f) | 0x40;
  bytes[offset + 8] = ((bytes[offset + 8] ?? 0) & 0x3f) | 0x80;
  let at = 0;
  for (let index = 0; index < 16; index++) {
    const byte = bytes[offset + index] ?? 0;
    if (index === 4 || index === 6 || index === 8 || index === 10) uuidText[at++] = hyphen;
    uuidText[at++] = hexDigits[byte >> 4] ?? 0;
    uuidText[at++] = hexDigits[byte & 15] ?? 0;
  }
  return uuidText.toString("latin1");
}

/** One string is made of it at a time. */
const uuidText = Buffer.alloc(36);
const hexDigits = Buffer.from("0123456789abcdef");
const hyphen = 0x2d;

/** The alphabet of generated names: no vowels and no look-alikes (k8s.io/apimachinery/pkg/util/rand). */
const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** A suffix for generated names, five characters where Kubernetes uses one. */
export function randomSuffix(random: Random, length = 5): string {
  let text = "";
  while (text.length < length) text += alphabet[Math.floor(random.next() * alphabet.length)] ?? "";
  return text;
}
