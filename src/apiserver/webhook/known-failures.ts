/** What names them comes from clients. */
const maxKnown = 1_000;

/** Which webhooks failed when they were asked last: that one answers again is news once. */
export class KnownFailures {
  readonly #names = new Set<string>();

  add(name: string): void {
    if (this.#names.size >= maxKnown) this.#names.clear();
    this.#names.add(name);
  }

  /** It has answered. Whether it had failed before. */
  end(name: string): boolean {
    return this.#names.size > 0 && this.#names.delete(name);
  }
}
