import { newInternalError } from "../../apimachinery/status.ts";
import { encryptedPrefix, startsWith } from "../../storage/encryption/value-transformer.ts";

/**
 * What lies in the store and cannot be read, because its key is not known. Such an object is neither there nor absent: who
 * asks for it, or for all of its kind, is told why, in the words of Kubernetes. Everything else is served.
 */
export class UnreadableValues {
  /** By storage key. */
  readonly #why = new Map<string, string>();

  /** Looks at a value that came from the store; true when it cannot be read. `undefined` is a deleted one. */
  note(key: string, value: Uint8Array | undefined, unreadable: string | undefined): boolean {
    const why = unreadable ?? (value !== undefined && isEncrypted(value) ? noKeys : undefined);
    if (why !== undefined) this.#why.set(key, why);
    else if (this.#why.size > 0) this.#why.delete(key);
    return why !== undefined;
  }

  /** Why one of them cannot be read; undefined when all can. */
  first(): string | undefined {
    for (const [key, why] of this.#why) return cannotTransform(key, why);
    return undefined;
  }

  /** Throws 500 when the object at the key cannot be read. */
  checkObject(key: string): void {
    const why = this.#why.get(key);
    if (why !== undefined) throw newInternalError(why);
  }

  /** Throws 500 when one of the objects below the prefix cannot be read. */
  checkAll(prefix: string): void {
    for (const [key, why] of this.#why)
      if (key.startsWith(prefix)) throw newInternalError(cannotTransform(key, why));
  }
}

const cannotTransform = (key: string, why: string): string =>
  `unable to transform key ${JSON.stringify(key)}: ${why}`;

/** What a server without any encryption says of values that are encrypted. */
const noKeys = "identity transformer tried to read encrypted data";

/** Objects begin with a brace: one byte tells most values apart. */
function isEncrypted(value: Uint8Array): boolean {
  return value[0] !== 0x7b && startsWith(value, encryptedPrefix);
}
