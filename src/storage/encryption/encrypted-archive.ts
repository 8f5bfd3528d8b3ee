import type { Archive, ArchivedKeys, ArchiveView, FormerVersion } from "../archive.ts";
import type { TransformerOf } from "./encrypted-storage.ts";

/** The archive of an encrypted store: values lie in it as they lay in the store, and are opened when somebody asks. */
export class EncryptedArchive implements Archive {
  readonly #inner: Archive;
  readonly #transformerOf: TransformerOf;

  constructor(inner: Archive, transformerOf: TransformerOf) {
    this.#inner = inner;
    this.#transformerOf = transformerOf;
  }

  get revision(): number {
    return this.#inner.revision;
  }

  note(line: string, first: number, last: number): void {
    this.#inner.note(line, first, last);
  }

  protect(resources: readonly string[], covers: (key: string) => boolean): void {
    this.#inner.protect(resources, covers);
  }

  async open(keys: ArchivedKeys): Promise<ArchiveView> {
    const view = await this.#inner.open(keys);
    return { ...view, versions: () => this.#opened(view.versions()) };
  }

  async *#opened(batches: AsyncIterable<readonly FormerVersion[]>): AsyncGenerator<readonly FormerVersion[]> {
    for await (const batch of batches) yield await Promise.all(batch.map((version) => this.#open(version)));
  }

  /** What no key opens any more counts as not kept. */
  async #open(version: FormerVersion): Promise<FormerVersion> {
    const { key, value } = version;
    if (value === undefined) return version;
    try {
      const opened = await this.#transformerOf(key).open(value, key);
      return opened.value === value ? version : { ...version, value: opened.value };
    } catch {
      return { ...version, value: undefined };
    }
  }
}
