/**
 * Addresses of pods. What is taken is what the sandboxes on disk hold, so nothing can leak or be given twice; only the
 * place where the search goes on is kept here, so that an address rests before it is used again.
 */
import { CriError } from "../runtime.ts";

export interface AddressRange {
  /** First address of the range, as a number. */
  readonly first: number;
  readonly size: number;
}

/** `10.244.0.0/24`. Throws on anything else. */
export function parseCidr(cidr: string): AddressRange {
  const [address, bits] = cidr.split("/");
  const prefix = Number(bits);
  const parts = (address ?? "").split(".").map(Number);
  const valid =
    parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255);
  if (!valid || !Number.isInteger(prefix) || prefix < 8 || prefix > 30) {
    throw new CriError("invalidArgument", `"${cidr}" is not a range of pod addresses`);
  }
  const size = 2 ** (32 - prefix);
  const number = parts.reduce((sum, part) => sum * 256 + part, 0);
  return { first: number - (number % size), size };
}

export function formatAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}

export class AddressPool {
  readonly #range: AddressRange;
  readonly #taken = new Set<string>();
  #next: number;

  /** The network's own address, the gateway and the broadcast address are never given. */
  constructor(cidr: string) {
    this.#range = parseCidr(cidr);
    this.#next = 2;
  }

  /** The host's end of every pod's link. */
  get gateway(): string {
    return formatAddress(this.#range.first + 1);
  }

  /** Marks an address that a sandbox on disk holds. */
  restore(address: string): void {
    this.#taken.add(address);
    const offset = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0) - this.#range.first;
    if (offset >= this.#next && offset < this.#range.size - 2) this.#next = offset + 1;
  }

  take(): string {
    for (let tried = 0; tried < this.#range.size; tried++) {
      const address = formatAddress(this.#range.first + this.#next);
      this.#next = this.#next + 1 >= this.#range.size - 1 ? 2 : this.#next + 1;
      if (this.#taken.has(address)) continue;
      this.#taken.add(address);
      return address;
    }
    throw new CriError("resourceExhausted", "all pod addresses of this node are in use");
  }

  release(address: string): void {
    this.#taken.delete(address);
  }
}
