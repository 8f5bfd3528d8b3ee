/** Fetching an image: which registry, which manifest for this machine, its layers, and into the store. */
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../apimachinery/clock.ts";
import { CriError, type PullOptions, type RegistryCredential } from "../../cri/runtime.ts";
import {
  hostArchitecture,
  objectAt,
  objectsAt,
  parseImageConfig,
  parseObject,
  stringAt,
} from "../image-config.ts";
import type { ImageStore } from "../image-store.ts";
import { LayerUnpacker } from "../layer-unpacker.ts";
import { formatReference, parseReference } from "../reference.ts";
import { RegistryClient } from "./registry-client.ts";
import { type RegistryEndpoint, registryEndpoints } from "./registry-config.ts";

export interface PullContext {
  readonly store: ImageStore;
  readonly clock: Clock;
  readonly configFile: string | undefined;
}

interface Resolved {
  readonly client: RegistryClient;
  /** Of the manifest or index that the name points to. */
  readonly digest: string;
  readonly manifest: Json;
}

type Json = { readonly [key: string]: unknown };

/** Layers fetched at a time: more does not help one connection's worth of bandwidth. */
const parallelDownloads = 3;

/** Fetches an image and names it; returns its id. */
export async function pull(context: PullContext, text: string, options: PullOptions): Promise<string> {
  const reference = parseReference(text);
  const name = formatReference(reference);
  let resolved: Resolved;
  try {
    resolved = await resolve(context, text, options);
  } catch (error) {
    throw wrap(
      error,
      `failed to pull and unpack image "${name}": failed to resolve reference "${name}": ${name}`,
    );
  }
  try {
    const imageId = await fetchImage(context, resolved, options);
    const { registry, repository } = reference;
    context.store.putName(formatReference({ registry, repository, digest: resolved.digest }), imageId, false);
    if (reference.digest === undefined) context.store.putName(name, imageId, false);
    return imageId;
  } catch (error) {
    throw wrap(error, `failed to pull and unpack image "${name}"`);
  }
}

/** Tries endpoints in order, and at each the credentials in order, then no credentials. */
async function resolve(context: PullContext, text: string, options: PullOptions): Promise<Resolved> {
  const { registry, repository, tag, digest } = parseReference(text);
  const endpoints = registryEndpoints(registry, repository, context.configFile);
  let failure: unknown;
  for (const endpoint of endpoints) {
    for (const credential of credentialsFor(endpoint, options.credentials)) {
      try {
        const client = new RegistryClient(endpoint, credential, context.clock, options.signal);
        const fetched = await client.manifest(digest ?? tag ?? "latest");
        const manifest = await manifestForHost(client, fetched.text);
        return { client, digest: fetched.digest, manifest };
      } catch (error) {
        if (options.signal?.aborted === true) throw error;
        // A refused credential says less than what a later one, or the registry itself, answers.
        failure = error;
        if (!(error instanceof CriError && error.code === "unauthorized")) break;
      }
    }
  }
  throw failure;
}

function credentialsFor(
  endpoint: RegistryEndpoint,
  given: readonly RegistryCredential[],
): (RegistryCredential | undefined)[] {
  if (endpoint.credential !== undefined) return [endpoint.credential];
  return endpoint.isMirror || given.length === 0 ? [undefined] : [...given, undefined];
}

async function manifestForHost(client: RegistryClient, text: string): Promise<Json> {
  const document = parseObject(text);
  if (document === undefined) throw new CriError("unavailable", "the registry sent a broken manifest");
  if (objectAt(document, "config") !== undefined) return document;
  if (document["schemaVersion"] === 1) {
    throw new CriError(
      "invalidArgument",
      "the image has a manifest of schema 1, which is no longer supported",
    );
  }
  const choices = objectsAt(document, "manifests").filter((candidate) => {
    const platform = objectAt(candidate, "platform");
    return stringAt(platform, "os") === "linux" && stringAt(platform, "architecture") === hostArchitecture();
  });
  // ARM images say which generation; the newest that every 64-bit one runs is v8.
  const chosen =
    choices.find((one) => ["", "v8", "v7"].includes(stringAt(objectAt(one, "platform"), "variant"))) ??
    choices[0];
  if (chosen === undefined) {
    throw new CriError(
      "notFound",
      `no match for platform linux/${hostArchitecture()} in manifest: not found`,
    );
  }
  return manifestForHost(client, (await client.manifest(stringAt(chosen, "digest"))).text);
}

async function fetchImage(
  context: PullContext,
  { client, manifest }: Resolved,
  options: PullOptions,
): Promise<string> {
  const { store } = context;
  const id = stringAt(objectAt(manifest, "config"), "digest");
  if (store.image(id) !== undefined && hasAllLayers(store, id)) return id;
  const configText = await client.blob(id);
  const config = parseImageConfig(configText);
  const layers = objectsAt(manifest, "layers").map((layer) => stringAt(layer, "digest"));
  if (config === undefined || config.diffIds.length !== layers.length) {
    throw new CriError("invalidArgument", "the manifest and the configuration of the image do not match");
  }
  const totalBytes = objectsAt(manifest, "layers").reduce(
    (sum, layer) => sum + Number(layer["size"] ?? 0),
    0,
  );
  let doneBytes = 0;
  const onBytes = (count: number): void => {
    doneBytes += count;
    options.onProgress?.({ doneBytes: Math.min(doneBytes, totalBytes), totalBytes });
  };
  const unpacker = new LayerUnpacker(store);
  const folder = join(store.directory, "downloads");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    const downloads = new Downloads(layers, async (digest, index) => {
      const file = join(folder, digest.replace(/^sha256:/, ""));
      if (store.layer(config.diffIds[index] ?? "") === undefined)
        await client.download(digest, file, onBytes);
      return file;
    });
    for (const [index, diffId] of config.diffIds.entries()) {
      const file = await downloads.finished(index);
      if (store.layer(diffId) === undefined) {
        await unpacker.unpack({ file, offset: 0, sizeBytes: statSync(file).size }, diffId);
      }
      rmSync(file, { force: true });
    }
  } finally {
    await unpacker.close();
  }
  return store.putImage(id, configText).id;
}

function hasAllLayers(store: ImageStore, id: string): boolean {
  return store.image(id)?.config.diffIds.every((diffId) => store.layer(diffId) !== undefined) ?? false;
}

/** Runs a few downloads ahead of the unpacking, in order. A layer that occurs twice is fetched once. */
class Downloads {
  readonly #results: Promise<string>[];

  constructor(digests: readonly string[], start: (digest: string, index: number) => Promise<string>) {
    const byDigest = new Map<string, Promise<string>>();
    const results: Promise<string>[] = [];
    for (const [index, digest] of digests.entries()) {
      const known = byDigest.get(digest);
      const before = results[index - parallelDownloads] ?? Promise.resolve("");
      const result = known ?? before.then(() => start(digest, index));
      // The first failure is reported where it is awaited; later ones must not end the process.
      result.catch(() => undefined);
      byDigest.set(digest, result);
      results.push(result);
    }
    this.#results = results;
  }

  async finished(index: number): Promise<string> {
    return (await this.#results[index]) ?? "";
  }
}

function wrap(error: unknown, context: string): unknown {
  if (!(error instanceof CriError)) return error;
  return new CriError(error.code, `${context}: ${error.message}`, { cause: error });
}
