/**
 * Turns values into what is stored and back. `key` is where the value lies: what is bound to it cannot be moved to another
 * key unnoticed. Errors of `open` say why a value cannot be read, in the words of Kubernetes.
 */
export interface ValueTransformer {
  seal(value: Uint8Array, key: string): Promise<Uint8Array>;
  open(stored: Uint8Array, key: string): Promise<OpenedValue>;
}

export interface OpenedValue {
  readonly value: Uint8Array;
  /** True when the value would be stored in another way now: with another key, or encrypted at all. */
  readonly isStale: boolean;
}

/** A transformer and the text with which everything begins that it stores. */
export interface PrefixedTransformer {
  readonly prefix: string;
  readonly transformer: ValueTransformer;
}

/** Everything that is encrypted begins so. */
export const encryptedPrefix = "k8s:enc:";

/** Stores values as they are, and does not mistake an encrypted one for plain. */
export const identity: ValueTransformer = {
  seal: (value) => Promise.resolve(value),
  open: (stored) =>
    startsWith(stored, encryptedPrefix)
      ? Promise.reject(new Error("identity transformer tried to read encrypted data"))
      : Promise.resolve({ value: stored, isStale: false }),
};

/**
 * Writes with the first transformer and reads with whichever the prefix names; what the first did not write is stale.
 * `unknown` is the error for a value of no known prefix. Mirrors k8s.io/apiserver/pkg/storage/value.
 */
export class PrefixTransformers implements ValueTransformer {
  readonly #transformers: readonly PrefixedTransformer[];
  readonly #unknown: string;

  constructor(transformers: readonly PrefixedTransformer[], unknown: string) {
    this.#transformers = transformers;
    this.#unknown = unknown;
  }

  async seal(value: Uint8Array, key: string): Promise<Uint8Array> {
    const [first] = this.#transformers;
    if (first === undefined) throw new Error(this.#unknown);
    const sealed = await first.transformer.seal(value, key);
    return first.prefix === "" ? sealed : Buffer.concat([Buffer.from(first.prefix), sealed]);
  }

  async open(stored: Uint8Array, key: string): Promise<OpenedValue> {
    const errors: string[] = [];
    for (const [index, { prefix, transformer }] of this.#transformers.entries()) {
      if (!startsWith(stored, prefix)) continue;
      try {
        const { value, isStale } = await transformer.open(stored.subarray(Buffer.byteLength(prefix)), key);
        return { value, isStale: isStale || index > 0 };
      } catch (error) {
        // Plain values have no prefix: that one of another provider is not plain says nothing about it.
        if (prefix !== "") errors.push(error instanceof Error ? error.message : String(error));
      }
    }
    const distinct = [...new Set(errors)];
    if (distinct.length === 0) throw new Error(this.#unknown);
    throw new Error(distinct.length === 1 ? distinct[0] : `[${distinct.join(", ")}]`);
  }
}

export function startsWith(value: Uint8Array, prefix: string): boolean {
  if (prefix === "") return true;
  const start = Buffer.from(prefix);
  return value.length >= start.length && start.compare(value, 0, start.length) === 0;
}
