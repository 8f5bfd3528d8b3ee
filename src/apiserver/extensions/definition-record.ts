import type { CustomResourceDefinition } from "../../api/types/apiextensions-v1.ts";
import { deepFreeze } from "../../apimachinery/json.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import { endOfObject } from "../cache/json-bytes.ts";
import { asDefinition } from "./definition/definition.ts";

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
    const definition = JSON.parse(withoutSchemas(cached.stored)) as CustomResourceDefinition;
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

/** Quotes within texts are escaped, so that this is nothing but the beginning of a schema. */
const schemaOpen = Buffer.from('"schema":{"openAPIV3Schema":{');

/** Hundreds of definitions are read at once when somebody first asks: their schemas are stepped over, not decoded. */
function withoutSchemas(json: Uint8Array): string {
  const bytes = Buffer.from(json.buffer, json.byteOffset, json.byteLength);
  let text = "";
  let from = 0;
  for (;;) {
    const at = bytes.indexOf(schemaOpen, from);
    if (at < 0) return text + bytes.toString("utf8", from);
    text += `${bytes.toString("utf8", from, at)}"schema":{"openAPIV3Schema":{}`;
    from = endOfObject(json, at + schemaOpen.length);
  }
}
