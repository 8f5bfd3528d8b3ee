import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { OpenedValue, ValueTransformer } from "./value-transformer.ts";

const nonceSize = 12;
const tagSize = 16;

/** AES in Galois/counter mode: nonce, ciphertext, tag. The storage key is authenticated with the value. */
export class AesGcm implements ValueTransformer {
  readonly #key: Uint8Array;
  readonly #algorithm: "aes-128-gcm" | "aes-192-gcm" | "aes-256-gcm";

  /** A key of 16, 24 or 32 bytes. */
  constructor(key: Uint8Array) {
    this.#key = key;
    this.#algorithm = key.length === 16 ? "aes-128-gcm" : key.length === 24 ? "aes-192-gcm" : "aes-256-gcm";
  }

  seal(value: Uint8Array, key: string): Promise<Uint8Array> {
    const nonce = randomBytes(nonceSize);
    const cipher = createCipheriv(this.#algorithm, this.#key, nonce);
    cipher.setAAD(Buffer.from(key));
    const sealed = cipher.update(value);
    const rest = cipher.final();
    return Promise.resolve(Buffer.concat([nonce, sealed, rest, cipher.getAuthTag()]));
  }

  open(stored: Uint8Array, key: string): Promise<OpenedValue> {
    if (stored.length < nonceSize + tagSize)
      return Promise.reject(new Error("the stored data was shorter than the required size"));
    const decipher = createDecipheriv(this.#algorithm, this.#key, stored.subarray(0, nonceSize));
    decipher.setAAD(Buffer.from(key));
    decipher.setAuthTag(stored.subarray(-tagSize));
    const opened = decipher.update(stored.subarray(nonceSize, -tagSize));
    try {
      const value = Buffer.concat([opened, decipher.final()]);
      return Promise.resolve({ value, isStale: false });
    } catch (cause) {
      return Promise.reject(new Error("cipher: message authentication failed", { cause }));
    }
  }
}
