import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { OpenedValue, ValueTransformer } from "./value-transformer.ts";

const blockSize = 16;

/** AES in cipher block chaining: initial vector, padded ciphertext. Nothing is authenticated; kept for old clusters. */
export class AesCbc implements ValueTransformer {
  readonly #key: Uint8Array;
  readonly #algorithm: string;

  /** A key of 16, 24 or 32 bytes. */
  constructor(key: Uint8Array) {
    this.#key = key;
    this.#algorithm = `aes-${key.length * 8}-cbc`;
  }

  seal(value: Uint8Array): Promise<Uint8Array> {
    const vector = randomBytes(blockSize);
    const cipher = createCipheriv(this.#algorithm, this.#key, vector);
    return Promise.resolve(Buffer.concat([vector, cipher.update(value), cipher.final()]));
  }

  open(stored: Uint8Array): Promise<OpenedValue> {
    if (stored.length < blockSize)
      return Promise.reject(new Error("the stored data was shorter than the required size"));
    if (stored.length % blockSize !== 0)
      return Promise.reject(new Error("the stored data is not a multiple of the block size"));
    if (stored.length === blockSize)
      return Promise.reject(new Error("invalid PKCS7 data (empty or not padded)"));
    const decipher = createDecipheriv(this.#algorithm, this.#key, stored.subarray(0, blockSize));
    try {
      const opened = decipher.update(stored.subarray(blockSize));
      const value = Buffer.concat([opened, decipher.final()]);
      return Promise.resolve({ value, isStale: false });
    } catch (cause) {
      return Promise.reject(new Error("invalid padding on input", { cause }));
    }
  }
}
