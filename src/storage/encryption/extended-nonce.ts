import { createHmac, randomBytes } from "node:crypto";
import { AesGcm } from "./aes-gcm.ts";
import type { OpenedValue, ValueTransformer } from "./value-transformer.ts";

const infoSize = 32;

/**
 * AES-GCM with a key of its own for every value, derived from a seed and 32 random bytes that are stored with it. One seed
 * then serves for more values than the nonces of one key could (mirrors KMS v2's HKDF_SHA256_XNONCE_AES_GCM_SEED).
 */
export class ExtendedNonceGcm implements ValueTransformer {
  readonly #seed: Uint8Array;

  constructor(seed: Uint8Array) {
    if (seed.length < 32) throw new Error(`invalid seed length ${seed.length} used for key generation`);
    this.#seed = seed;
  }

  async seal(value: Uint8Array, key: string): Promise<Uint8Array> {
    const info = randomBytes(infoSize);
    return Buffer.concat([info, await this.#derived(info).seal(value, key)]);
  }

  open(stored: Uint8Array, key: string): Promise<OpenedValue> {
    if (stored.length < infoSize)
      return Promise.reject(new Error("the stored data was shorter than the required size"));
    return this.#derived(stored.subarray(0, infoSize)).open(stored.subarray(infoSize), key);
  }

  /** HKDF-Expand with SHA-256: 32 bytes are one block, so it is one HMAC. */
  #derived(info: Uint8Array): AesGcm {
    return new AesGcm(createHmac("sha256", this.#seed).update(info).update(Uint8Array.of(1)).digest());
  }
}
