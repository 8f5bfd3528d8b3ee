import { randomBytes } from "node:crypto";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import type { OpenedValue, ValueTransformer } from "./value-transformer.ts";

const nonceSize = 24;
const tagSize = 16;

/** XSalsa20 and Poly1305, as NaCl's secretbox puts them together: nonce, tag, ciphertext. */
export class Secretbox implements ValueTransformer {
  readonly #key: Uint8Array;

  /** A key of 32 bytes. */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  seal(value: Uint8Array): Promise<Uint8Array> {
    const nonce = new Uint8Array(randomBytes(nonceSize));
    return Promise.resolve(Buffer.concat([nonce, xsalsa20poly1305(this.#key, nonce).encrypt(value)]));
  }

  open(stored: Uint8Array): Promise<OpenedValue> {
    if (stored.length < nonceSize + tagSize)
      return Promise.reject(new Error("the stored data was shorter than the required size"));
    try {
      const box = xsalsa20poly1305(this.#key, stored.subarray(0, nonceSize));
      const value = Buffer.from(box.decrypt(stored.subarray(nonceSize)));
      return Promise.resolve({ value, isStale: false });
    } catch (cause) {
      // Kubernetes says this of every box that does not open.
      return Promise.reject(new Error("output array was not large enough for encryption", { cause }));
    }
  }
}
