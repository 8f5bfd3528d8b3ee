import type { Clock } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { KmsTransformer } from "../../storage/encryption/kms-transformer.ts";
import {
  identity,
  type PrefixedTransformer,
  PrefixTransformers,
  type ValueTransformer,
} from "../../storage/encryption/value-transformer.ts";
import { parseKey } from "../cache/storage-key.ts";
import {
  type EncryptionConfiguration,
  type NamedKey,
  type Provider,
  parseEncryptionConfiguration,
} from "./encryption-configuration.ts";

export interface EncryptionDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Called when a key management service is well again. */
  readonly onHealthy: () => void;
}

/**
 * What an encryption configuration says, at work: how the value at each key is stored. Only the providers that it names
 * are loaded.
 */
export class EncryptionAtRest {
  /** The resources that the configuration names, as `secrets.` and `*.apps`. */
  readonly resources: readonly string[];
  readonly #byResource: ReadonlyMap<string, ValueTransformer>;
  readonly #kms: readonly KmsTransformer[];

  private constructor(byResource: ReadonlyMap<string, ValueTransformer>, kms: readonly KmsTransformer[]) {
    this.resources = [...byResource.keys()];
    this.#byResource = byResource;
    this.#kms = kms;
  }

  /** Resolves when every key management service was asked once, whatever it said. Throws for a mistake in the text. */
  static async open(text: string, dependencies: EncryptionDependencies): Promise<EncryptionAtRest> {
    const configuration = parseEncryptionConfiguration(text);
    const kms: KmsTransformer[] = [];
    const byResource = await transformersOf(configuration, kms, dependencies);
    await Promise.all(kms.map((each) => each.start()));
    return new EncryptionAtRest(byResource, kms);
  }

  /** For the resource itself, else for any of its group, else for everything; otherwise values are stored plain. */
  readonly transformerOf = (key: string): ValueTransformer => {
    const parsed = parseKey(key);
    if (parsed === undefined) return identity;
    return (
      this.#byResource.get(`${parsed.resource}.${parsed.group}`) ??
      this.#byResource.get(`*.${parsed.group}`) ??
      this.#byResource.get("*.*") ??
      identity
    );
  };

  /** Does the configuration say how the value at the key is stored? */
  readonly covers = (key: string): boolean => this.transformerOf(key) !== identity;

  /** What is wrong with a key management service; undefined when all are well or there is none. */
  check(): string | undefined {
    const problems = this.#kms.map((each) => each.check()).filter((problem) => problem !== undefined);
    return problems.length === 0 ? undefined : problems.join("; ");
  }

  close(): void {
    for (const each of this.#kms) each.close();
  }
}

async function transformersOf(
  { rules }: EncryptionConfiguration,
  kms: KmsTransformer[],
  dependencies: EncryptionDependencies,
): Promise<ReadonlyMap<string, ValueTransformer>> {
  const lists = new Map<string, PrefixedTransformer[]>();
  for (const { resources, providers } of rules) {
    const transformers: PrefixedTransformer[] = [];
    for (const provider of providers) transformers.push(await prefixed(provider, kms, dependencies));
    for (const { resource, group } of resources) {
      const name = `${resource}.${group}`;
      lists.set(name, [...(lists.get(name) ?? []), ...transformers]);
    }
  }
  return new Map(
    [...lists].map(([name, list]) => [name, new PrefixTransformers(list, "no matching prefix found")]),
  );
}

async function prefixed(
  provider: Provider,
  kms: KmsTransformer[],
  { clock, random, logger, onHealthy }: EncryptionDependencies,
): Promise<PrefixedTransformer> {
  switch (provider.type) {
    case "identity":
      return { prefix: "", transformer: identity };
    case "aesgcm": {
      const { AesGcm } = await import("../../storage/encryption/aes-gcm.ts");
      return keyed("aesgcm", "AES", provider.keys, (secret) => new AesGcm(secret));
    }
    case "aescbc": {
      const { AesCbc } = await import("../../storage/encryption/aes-cbc.ts");
      return keyed("aescbc", "AES", provider.keys, (secret) => new AesCbc(secret));
    }
    case "secretbox": {
      const { Secretbox } = await import("../../storage/encryption/secretbox.ts");
      return keyed("secretbox", "Secretbox", provider.keys, (secret) => new Secretbox(secret));
    }
    case "kms": {
      const { name, endpoint, timeoutMs } = provider;
      const [{ KmsClient }, kmsModule] = await Promise.all([
        import("../../storage/encryption/kms-client.ts"),
        import("../../storage/encryption/kms-transformer.ts"),
      ]);
      const service = new KmsClient({ endpoint, timeoutMs, nowMs: () => clock.now() });
      const transformer = new kmsModule.KmsTransformer({ name, service, clock, random, logger, onHealthy });
      kms.push(transformer);
      return { prefix: `k8s:enc:kms:v2:${name}:`, transformer };
    }
  }
}

/** The keys of one provider, each with its name as a prefix: the first writes. */
function keyed(
  type: string,
  shown: string,
  keys: readonly NamedKey[],
  make: (secret: Uint8Array) => ValueTransformer,
): PrefixedTransformer {
  const transformers = keys.map(({ name, secret }) => ({ prefix: `${name}:`, transformer: make(secret) }));
  const unknown = `no matching key was found for the provided ${shown} transformer`;
  return { prefix: `k8s:enc:${type}:v1:`, transformer: new PrefixTransformers(transformers, unknown) };
}
