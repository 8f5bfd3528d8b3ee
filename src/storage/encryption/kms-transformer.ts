import { createHash, randomBytes } from "node:crypto";
import type { Clock, Timer } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { Random } from "../../apimachinery/random.ts";
import { AesGcm } from "./aes-gcm.ts";
import { ExtendedNonceGcm } from "./extended-nonce.ts";
import type { KmsService } from "./kms-client.ts";
import {
  decodeEncryptedObject,
  type EncryptedObject,
  encodeEncryptedObject,
  type KmsEncrypted,
  type KmsStatus,
} from "./kms-messages.ts";
import type { OpenedValue, ValueTransformer } from "./value-transformer.ts";

export interface KmsTransformerOptions {
  readonly name: string;
  readonly service: KmsService;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Called when the service is well again, so that what could not be opened is tried anew. */
  readonly onHealthy?: () => void;
}

/** How often the service is asked for its key, by whether it was well; those of kube-apiserver. */
const healthyIntervalMs = 60_000;
const unhealthyIntervalMs = 10_000;
/** So long a seed is written with although the service no longer answers. */
const seedLifetimeMs = 3 * 60_000;
const maxKeyIdBytes = 1024;
const maxSourceBytes = 1024;
const maxAnnotationBytes = 32 * 1024;

/** What is written with now. */
interface WriteState extends KmsEncrypted {
  readonly transformer: ExtendedNonceGcm;
  expiresMs: number;
}

/**
 * Envelope encryption with a key management service (KMS v2): values are encrypted here, with keys from a seed that the
 * service has encrypted and that is stored with each of them. The service is asked once per seed; its key is polled, and
 * another key brings another seed. Mirrors k8s.io/apiserver/…/envelope/kmsv2.
 */
export class KmsTransformer implements ValueTransformer {
  readonly #options: KmsTransformerOptions;
  #state: WriteState | undefined;
  /** By what was stored of them. As many as seeds: one per start and per key of the service. */
  readonly #opened = new Map<string, Promise<ValueTransformer>>();
  #problem: string | undefined = "the key management service was not asked yet";
  #version: string | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: KmsTransformerOptions) {
    this.#options = options;
  }

  /** Asks the service for the first time, and again and again from here on. */
  async start(): Promise<void> {
    const wasWell = this.#problem === undefined;
    try {
      await this.#probe();
      this.#problem = undefined;
    } catch (error) {
      this.#problem = messageOf(error);
      this.#options.logger.warn("a key management service is not well", {
        provider: this.#options.name,
        error: this.#problem,
      });
    }
    if (this.#isClosed) return;
    const isWell = this.#problem === undefined;
    if (isWell && !wasWell) this.#options.onHealthy?.();
    this.#timer = this.#options.clock.after(
      isWell ? healthyIntervalMs : unhealthyIntervalMs,
      () => void this.start(),
    );
  }

  /** What is wrong with the service; undefined when it is well. */
  check(): string | undefined {
    return this.#problem;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.stop();
    this.#options.service.close();
  }

  async seal(value: Uint8Array, key: string): Promise<Uint8Array> {
    const state = this.#state;
    if (state === undefined)
      throw new Error(`kmsv2 Provider ${this.#options.name} is not healthy: ${this.#problem}`);
    const now = this.#options.clock.now();
    if (now > state.expiresMs) {
      throw new Error(
        `encryptedDEKSource with keyID hash "${hash(state.keyId)}" expired at ${seconds(state.expiresMs)} ` +
          `(current time is ${seconds(now)})`,
      );
    }
    const { keyId, ciphertext: source, annotations } = state;
    const data = await state.transformer.seal(value, key);
    return encodeEncryptedObject({ data, keyId, source, annotations, sourceType: "seed" });
  }

  async open(stored: Uint8Array, key: string): Promise<OpenedValue> {
    const object = decodeEncryptedObject(stored);
    validate(object, object.data);
    const transformer = await this.#transformerOf(object);
    const { value } = await transformer.open(object.data, key);
    return { value, isStale: object.keyId !== this.#state?.keyId || object.sourceType !== "seed" };
  }

  #transformerOf(object: EncryptedObject): Promise<ValueTransformer> {
    const id = idOf(object.sourceType, { ...object, ciphertext: object.source });
    let transformer = this.#opened.get(id);
    if (transformer === undefined) {
      transformer = this.#decrypt(object);
      this.#opened.set(id, transformer);
      // One that failed is asked for again the next time.
      transformer.catch(() => this.#opened.delete(id));
    }
    return transformer;
  }

  async #decrypt({ source, keyId, annotations, sourceType }: EncryptedObject): Promise<ValueTransformer> {
    const { service, random } = this.#options;
    let key: Uint8Array;
    try {
      key = await service.decrypt(random.uuid(), { ciphertext: source, keyId, annotations });
    } catch (cause) {
      throw new Error(`failed to decrypt DEK, error: ${messageOf(cause)}`, { cause });
    }
    return sourceType === "seed" ? new ExtendedNonceGcm(key) : new AesGcm(key);
  }

  async #probe(): Promise<void> {
    const { name, service } = this.#options;
    const expiresMs = this.#options.clock.now() + seedLifetimeMs;
    let status: KmsStatus;
    try {
      status = await service.status();
    } catch (cause) {
      throw new Error(
        `failed to perform status section of the healthz check for KMS Provider ${name}, error: ${messageOf(cause)}`,
        { cause },
      );
    }
    const errors = this.#problemsOf(status);
    if (keyIdProblem(status.keyId) === undefined) {
      try {
        await this.#follow(status.keyId, expiresMs);
      } catch (error) {
        errors.push(messageOf(error));
      }
    }
    if (errors.length === 0) return;
    const all = errors.length === 1 ? errors[0] : `[${errors.join(", ")}]`;
    throw new Error(`kmsv2 Provider ${name} is not healthy, error: ${all}`);
  }

  #problemsOf({ version, healthz, keyId }: KmsStatus): string[] {
    const problems: string[] = [];
    if (healthz !== "ok") problems.push(`got unexpected healthz status: ${healthz}`);
    if (version !== "v2" && version !== "v2beta1")
      problems.push(`expected KMSv2 API version v2, got ${version}`);
    else {
      this.#version ??= version;
      if (this.#version !== version) {
        problems.push(
          `KMSv2 API version should not change after the initial status response version ${this.#version}, got ${version}`,
        );
      }
    }
    const problem = keyIdProblem(keyId);
    if (problem !== undefined) problems.push(`got invalid KMSv2 KeyID hash "${hash(keyId)}": ${problem}`);
    return problems;
  }

  /** A seed for the service's key: the one that is there, or a new one. */
  async #follow(keyId: string, expiresMs: number): Promise<void> {
    if (this.#state?.keyId === keyId) {
      this.#state.expiresMs = expiresMs;
      return;
    }
    const { service, random, logger, name } = this.#options;
    const seed = randomBytes(32);
    let encrypted: KmsEncrypted;
    try {
      encrypted = await service.encrypt(random.uuid(), seed);
    } catch (cause) {
      throw new Error(`failed to rotate DEK: failed to encrypt DEK, error: ${messageOf(cause)}`, { cause });
    }
    validate({ ...encrypted, source: encrypted.ciphertext }, Uint8Array.of(0));
    if (encrypted.keyId !== keyId) {
      throw new Error(
        `failed to rotate DEK: statusKeyIDHash="${hash(keyId)}", encryptKeyIDHash="${hash(encrypted.keyId)}"`,
      );
    }
    const transformer = new ExtendedNonceGcm(seed);
    this.#opened.set(idOf("seed", encrypted), Promise.resolve(transformer));
    this.#state = { ...encrypted, transformer, expiresMs };
    logger.info("values are encrypted with a new seed", { provider: name, keyIdHash: hash(keyId) });
  }
}

/** What a service may say is bounded, because it is stored with every value. */
function validate(object: Pick<EncryptedObject, "source" | "keyId" | "annotations">, data: Uint8Array): void {
  const { source, keyId, annotations } = object;
  if (data.length === 0) throw new Error("encrypted data is empty");
  const sourceError = "failed to validate encrypted DEK source: encrypted DEK source is";
  if (source.length === 0) throw new Error(`${sourceError} empty`);
  if (source.length > maxSourceBytes)
    throw new Error(`${sourceError} ${source.length} bytes, which exceeds the max size of ${maxSourceBytes}`);
  const problem = keyIdProblem(keyId);
  if (problem !== undefined) throw new Error(`failed to validate key id: ${problem}`);
  let size = 0;
  for (const [key, value] of annotations) {
    if (!/^(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\.)+[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\.?$/.test(key)) {
      throw new Error(
        `failed to validate annotations: annotations: Invalid value: ${JSON.stringify(key)}: should be a domain with at least two segments separated by dots`,
      );
    }
    size += Buffer.byteLength(key) + value.length;
  }
  if (size > maxAnnotationBytes) {
    throw new Error(
      `failed to validate annotations: total size of annotations is ${size}, which exceeds the max size of ${maxAnnotationBytes}`,
    );
  }
}

function keyIdProblem(keyId: string): string | undefined {
  if (keyId === "") return "keyID is empty";
  const size = Buffer.byteLength(keyId);
  return size > maxKeyIdBytes
    ? `keyID is ${size} bytes, which exceeds the max size of ${maxKeyIdBytes}`
    : undefined;
}

/** Each part with its length, so that no two seeds share a name. */
function idOf(type: string, { ciphertext, keyId, annotations }: KmsEncrypted): string {
  const notes = [...annotations]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  const parts = [type, Buffer.from(ciphertext).toString("base64"), keyId, notes];
  return JSON.stringify(parts);
}

/** Key ids are not for logs. */
const hash = (keyId: string): string =>
  keyId === "" ? "" : `sha256:${createHash("sha256").update(keyId).digest("hex")}`;
const seconds = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
