import type { CustomResourceDefinition } from "../../api/types/apiextensions-v1.ts";
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
  /** Without the schemas of its versions. Frozen. */
  readonly summary: CustomResourceDefinition;

  constructor(cached: CachedObject) {
    this.#cached = cached;
    const definition = JSON.parse(summaryText(cached)) as CustomResourceDefinition;
    definition.metadata.resourceVersion = String(cached.revision);
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

  /** The whole definition, read anew: it is the caller's to keep or to let go. */
  read(): CustomResourceDefinition {
    return JSON.parse(this.#cached.bytes().toString("utf8")) as CustomResourceDefinition;
  }
}

/** Where there is an outline, nothing else is read. */
const summaryText = (cached: CachedObject): string =>
  cached.outline === undefined
    ? withoutSchemas(cached.stored)
    : Buffer.from(cached.outline.buffer, cached.outline.byteOffset, cached.outline.byteLength).toString(
        "utf8",
      );
