import type { CustomResourceDefinition } from "../../api/types/apiextensions-v1.ts";
import { parseStored } from "../../apimachinery/exact-json.ts";
import { deepFreeze } from "../../apimachinery/json.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import { asDefinition } from "./definition/definition.ts";
import { withoutSchemas } from "./definition-outline.ts";

/**
 * A definition as it is stored. Schemas are the bulk of it, and of most of them nobody asks for long: what is kept is the
 * definition without them, and the bytes that the cache has anyway.
 */
export class DefinitionRecord {
  readonly #cached: CachedObject;
  /** Without the schemas of its versions, and without who owns its fields. Frozen. */
  readonly summary: CustomResourceDefinition;

  constructor(cached: CachedObject) {
    this.#cached = cached;
    const definition = JSON.parse(summaryText(cached)) as CustomResourceDefinition;
    definition.metadata.resourceVersion = String(cached.revision);
    // Who owns which field is as much as all the rest, and nobody asks for it here.
    delete definition.metadata.managedFields;
    for (const version of definition.spec.versions) delete version.schema;
    this.summary = deepFreeze(definition);
  }

  get name(): string {
    return this.#cached.name;
  }

  /** Of its JSON. */
  get sizeBytes(): number {
    return this.#cached.sizeBytes;
  }

  /** The whole definition: frozen and shared. */
  get definition(): CustomResourceDefinition {
    return asDefinition(this.#cached.object);
  }

  /** Reads what of it is not read yet, for those who can wait. Undefined when all of it is there. */
  load(): Promise<void> | undefined {
    return this.#cached.deferred?.load();
  }

  /** The whole definition, read anew as it is stored: it is the caller's to keep or to let go. */
  read(): CustomResourceDefinition {
    return asDefinition(parseStored(textOf(this.#cached.stored)));
  }
}

/** Where there is an outline, nothing else is read. */
const summaryText = (cached: CachedObject): string =>
  cached.outline === undefined ? withoutSchemas(cached.stored) : textOf(cached.outline);

const textOf = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString("utf8");
