import type { Descriptions, JsonDocument } from "../../api/openapi/source.ts";
import type { ResourceInfo, StoredReader } from "../../api/scheme.ts";
import type { CustomResourceDefinition } from "../../api/types/apiextensions-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import type { ResourceCache } from "../cache/resource-cache.ts";
import type { WatchCache } from "../cache/watch-cache.ts";
import { CompiledDefinitions } from "./compiled-definitions.ts";
import type { CustomDefinition } from "./custom-definition.ts";
import type { CustomResource, CustomVersion } from "./custom-version.ts";
import { definitions, isTrue } from "./definition/definition.ts";
import { DefinitionRecord } from "./definition-record.ts";
import type { ExtensibleScheme } from "./extensible-scheme.ts";
import { machinery } from "./load-machinery.ts";
import type { RuleMetrics } from "./rule-metrics.ts";
import { isServed, isUnusable, resourceInfo } from "./summary.ts";
import type { CallConverter } from "./webhook-converter.ts";

/** Where what is served of a definition reads it. Its record is replaced while the spec stays the same. */
interface Source {
  record: DefinitionRecord;
}

/** A definition with what is served of it. */
interface Known {
  readonly record: DefinitionRecord;
  readonly source: Source;
  /** Present while it is served. */
  readonly resources: readonly CustomResource[];
}

/**
 * What is known of all definitions. Those that were stored before the server started are read when somebody first asks
 * for what is not built in: until then they cost nothing.
 */
export class DefinitionIndex {
  readonly #watchCache: WatchCache;
  readonly #scheme: ExtensibleScheme;
  readonly #call: CallConverter;
  readonly #metrics: RuleMetrics | undefined;
  readonly #known = new Map<string, Known>();
  readonly #compiled = new CompiledDefinitions();
  /** What of the cache was not read yet; undefined when nothing is left. */
  #unread: CachedObject[] | undefined;
  #reading: Promise<void> | undefined;
  #lastRead:
    | { readonly record: DefinitionRecord; readonly definition: WeakRef<CustomResourceDefinition> }
    | undefined;

  constructor(watchCache: WatchCache, scheme: ExtensibleScheme, call: CallConverter, metrics?: RuleMetrics) {
    this.#watchCache = watchCache;
    this.#scheme = scheme;
    this.#call = call;
    this.#metrics = metrics;
  }

  /** What is in the cache now has not been read. */
  invalidate(): void {
    const unread = [...this.#cache.objects("")];
    this.#unread = unread.length === 0 ? undefined : unread;
  }

  /** Reads what was not. */
  settle(): void {
    while (this.#unread !== undefined) this.#settleSome();
  }

  /**
   * Reads what was not a little at a time, so that nobody waits for it who does not need it. Undefined when there is
   * nothing left to read.
   */
  settleInSlices(): Promise<void> | undefined {
    if (this.#unread === undefined) return undefined;
    this.#reading ??= this.#readInSlices().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readInSlices(): Promise<void> {
    while (this.#unread !== undefined) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#settleSome();
    }
  }

  #settleSome(): void {
    const unread = this.#unread;
    if (unread === undefined) return;
    // What reading sets off may ask for definitions: it must not begin with these again.
    const some = unread.splice(0, sliceSize);
    if (unread.length === 0) this.#unread = undefined;
    for (const cached of some) this.#put(cached);
  }

  /** To be called for each change of a definition; answers whether its spec is another one. */
  refresh(name: string): boolean {
    this.settle();
    const cached = this.#cache.get("", name);
    const old = this.#known.get(name);
    if (cached !== undefined) return this.#put(cached);
    this.#known.delete(name);
    if (old === undefined) return false;
    this.#compiled.forget(old.record);
    this.#scheme.define(name, []);
    this.#endWatches(old.record.summary);
    return true;
  }

  /** Reads the definition of the resource as far as it is not read yet; see `document`. */
  documentReady(resource: ResourceInfo): Promise<void> | undefined {
    return this.#recordOf(resource)?.load();
  }

  /** What OpenAPI says of the resource. Nothing of its definition is compiled for that. */
  document(resource: ResourceInfo, version: 2 | 3, texts: Descriptions | undefined): JsonDocument {
    const record = this.#recordOf(resource);
    const spec = record === undefined ? undefined : this.#read(record).spec;
    const found = spec?.versions.find(({ name }) => name === resource.version);
    if (found === undefined) return { type: "object" };
    // Only those that keep unknown fields were let in with a schema that is not structural.
    return machinery().openApiDocument(found, version, texts, spec?.preserveUnknownFields === true);
  }

  #recordOf({ group, resource }: ResourceInfo): DefinitionRecord | undefined {
    return this.#known.get(`${resource}.${group}`)?.record;
  }

  /** The versions of a definition are described one after the other. */
  #read(record: DefinitionRecord): CustomResourceDefinition {
    const known = this.#lastRead?.record === record ? this.#lastRead.definition.deref() : undefined;
    if (known !== undefined) return known;
    const definition = record.read();
    this.#lastRead = { record, definition: new WeakRef(definition) };
    return definition;
  }

  get(name: string): DefinitionRecord | undefined {
    this.settle();
    return this.#known.get(name)?.record;
  }

  *all(): Generator<DefinitionRecord> {
    this.settle();
    for (const { record } of this.#known.values()) yield record;
  }

  get #cache(): ResourceCache {
    return this.#watchCache.resource(definitions);
  }

  #put(cached: CachedObject): boolean {
    const record = new DefinitionRecord(cached);
    // The object itself was needed by who wrote it; readers get the bytes.
    cached.loosenObject();
    const old = this.#known.get(record.name);
    if (old !== undefined) this.#compiled.forget(old.record);
    const isNew = old === undefined || !isSameSpec(old.record.summary, record.summary);
    if (!isNew && looksTheSame(old.record.summary, record.summary)) {
      old.source.record = record;
      this.#known.set(record.name, { ...old, record });
      return false;
    }
    const source: Source = { record };
    const resources = isServed(record.summary) ? this.#resourcesOf(source) : [];
    this.#known.set(record.name, { record, source, resources });
    if (resources.length > 0 || (old !== undefined && old.resources.length > 0)) {
      this.#scheme.define(record.name, resources);
    }
    // Who watches has to learn of the new form of what he watches, and begins anew.
    if (old !== undefined && old.resources.length > 0) this.#endWatches(old.record.summary);
    return isNew;
  }

  #resourcesOf(source: Source): CustomResource[] {
    const definition = (): CustomDefinition => {
      const { record } = source;
      return this.#compiled.get(record, () => {
        const { CustomDefinition: Compiled } = machinery();
        return new Compiled(record, this.#call, this.#metrics);
      });
    };
    const { record } = source;
    const { spec } = record.summary;
    const isConverted = spec.conversion?.strategy === "Webhook";
    return spec.versions
      .filter(({ served }) => served)
      .map((version) => {
        const lazily = (): CustomVersion => definition().version(version.name);
        return {
          info: resourceInfo(record.summary, version, lazyTraits(lazily, isConverted)),
          version: lazily,
        };
      });
  }

  #endWatches({ spec, status }: CustomResourceDefinition): void {
    const resource = status?.acceptedNames?.plural ?? spec.names.plural;
    this.#watchCache.resource({ group: spec.group, resource }).endWatches();
  }
}

/** Definitions that are read in one go: large ones take a millisecond each. */
const sliceSize = 8;

/** The same until the spec changes; a definition that was made again is another one. */
const isSameSpec = (a: CustomResourceDefinition, b: CustomResourceDefinition): boolean =>
  a.metadata.uid === b.metadata.uid && a.metadata.generation === b.metadata.generation;

const looksTheSame = (a: CustomResourceDefinition, b: CustomResourceDefinition): boolean =>
  isServed(a) === isServed(b) &&
  isUnusable(a) === isUnusable(b) &&
  isTrue(a, "Terminating") === isTrue(b, "Terminating") &&
  deepEqual(a.status?.acceptedNames, b.status?.acceptedNames);

/** Readers and writers that make nothing until the first object comes. */
function lazyTraits(
  version: () => CustomVersion,
  isConverted: boolean,
): {
  reader: StoredReader;
  toStorage(object: UnstructuredObject): UnstructuredObject | Promise<UnstructuredObject>;
  admitted(object: UnstructuredObject): UnstructuredObject;
} {
  return {
    admitted: (object) => version().admitted(object),
    toStorage: (object) => version().toStorage(object),
    reader: {
      read: (object) => version().reader.read(object),
      ...(isConverted
        ? {
            convert: async (objects: readonly UnstructuredObject[]) =>
              (await version().reader.convert?.(objects)) ?? [],
          }
        : {}),
    },
  };
}
