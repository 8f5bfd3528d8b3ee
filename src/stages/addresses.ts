import { ipv4Text } from "../apimachinery/ipv4-range.ts";

/** Of 10.0.0.0/10: simulated nodes have their pods above, Services lie between. */
const base = 10 * 2 ** 24;
const size = 2 ** 22;

/** Addresses of pods that only their status tells of: one for each pod, for as long as it is there. */
export class PodAddresses {
  readonly #byPod = new Map<string, string>();
  readonly #taken = new Set<string>();
  #next = 1;

  /** The address of the pod, the same at each call: `known` where it has one. Throws RangeError when all are in use. */
  of(uid: string, known: string | undefined): string {
    const found = this.#byPod.get(uid);
    if (found !== undefined) return found;
    const address = known ?? this.#free();
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

  #free(): string {
    for (let tries = 0; tries < size; tries++) {
      const address = ipv4Text(base + this.#next);
      this.#next = (this.#next + 1) % size;
      if (!/\.(?:0|255)$/.test(address) && !this.#taken.has(address)) return address;
    }
    throw new RangeError("no address is free for another pod");
  }
}
