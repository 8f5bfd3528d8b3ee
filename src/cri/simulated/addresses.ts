/** A pool's state, as plain data. */
export interface SavedAddresses {
  /** The range that they are of: a pool that goes on from there has to be of the same. Absent in what was saved before it was. */
  readonly range?: string;
  readonly next: number;
  readonly returned: readonly number[];
}

/**
 * Gives out the addresses of one IPv4 range, lowest first, and takes them back. The first address of the range names
 * the network and the second is the gateway's, so pods begin at the third; the last one is the broadcast address.
 */
export class AddressPool {
  readonly #range: string;
  readonly #base: number;
  readonly #end: number;
  #next: number;
  /** Given back; used again only when the range has been walked through, so that a stale peer rarely meets a new pod. */
  readonly #returned: number[] = [];

  constructor(cidr: string) {
    this.#range = cidr;
    const [address = "", bits = ""] = cidr.split("/");
    const prefix = Number(bits);
    const octets = address.split(".").map(Number);
    const valid =
      octets.length === 4 && octets.every((octet) => Number.isInteger(octet) && octet >= 0 && octet < 256);
    if (!valid || bits === "" || !Number.isInteger(prefix) || prefix < 0 || prefix > 30) {
      throw new RangeError(`not an IPv4 range with room for pods: ${cidr}`);
    }
    const size = 2 ** (32 - prefix);
    const value = octets.reduce((sum, octet) => sum * 256 + octet, 0);
    this.#base = value - (value % size);
    this.#end = this.#base + size - 1;
    this.#next = this.#base + 2;
  }

  /** Which addresses are free, for `restore`. */
  save(): SavedAddresses {
    return { range: this.#range, next: this.#next, returned: [...this.#returned] };
  }

  restore({ next, returned }: SavedAddresses): void {
    this.#next = next;
    this.#returned.splice(0, this.#returned.length, ...returned);
  }

  /** The next free address; undefined when all are in use. */
  take(): string | undefined {
    const value = this.#next < this.#end ? this.#next++ : this.#returned.shift();
    return value === undefined ? undefined : format(value);
  }

  giveBack(address: string): void {
    this.#returned.push(address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0));
  }
}

function format(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}
