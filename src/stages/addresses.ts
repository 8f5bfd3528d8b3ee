import { type Ipv4Range, ipv4Number, ipv4Text, parseIpv4Range } from "../apimachinery/ipv4-range.ts";

/** Of 10.0.0.0/10: simulated nodes have their pods above, Services lie between. */
const ownRange = "10.0.0.0/10";

/** Addresses of pods that only their status tells of: one for each pod, for as long as it is there. */
export class PodAddresses {
  readonly #byPod = new Map<string, string>();
  readonly #taken = new Set<string>();
  /** Where to look for the next one, by range. */
  readonly #next = new Map<string, number>();

  /**
   * The address of the pod, the same at each call: `known` where it has one, or else one of its node's range, where the
   * node has one. Throws RangeError when all are in use.
   */
  of(uid: string, known: string | undefined, nodeRange: string | undefined): string {
    const found = this.#byPod.get(uid);
    if (found !== undefined) return found;
    const address = known ?? this.#free(nodeRange ?? ownRange);
    this.#byPod.set(uid, address);
    this.#taken.add(address);
    return address;
  }

  giveBack(uid: string): void {
    const address = this.#byPod.get(uid);
    if (address === undefined) return;
    this.#byPod.delete(uid);
    this.#taken.delete(address);
  }

  #free(cidr: string): string {
    const range = parseIpv4Range(cidr);
    // Of another family: what Sampan's networks do not have.
    if (range === undefined) return this.#free(ownRange);
    const size = range.end - range.start + 1;
    let next = this.#next.get(cidr) ?? 1;
    for (let tries = 0; tries < size; tries++) {
      const address = ipv4Text(range.start + (next % size));
      next++;
      if (isUsable(address, range) && !this.#taken.has(address)) {
        this.#next.set(cidr, next);
        return address;
      }
    }
    throw new RangeError("no address is free for another pod");
  }
}

/** Neither a network's own nor its broadcast address; a range that is no larger than a few has no others to spare. */
const isUsable = (address: string, { start, end }: Ipv4Range): boolean =>
  end - start < 4 || (!/\.(?:0|255)$/.test(address) && ![start, end].includes(ipv4Number(address)));
