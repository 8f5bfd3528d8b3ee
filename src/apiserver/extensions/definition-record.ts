import type { CustomResourceDefinition } from "../../api/types/apiextensions-v1.ts";
import { deepFreeze } from "../../apimachinery/json.ts";
import type { CachedObject } from "../cache/cached-object.ts";

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
    const { spec, ...rest } = parse(cached);
    for (const version of spec.versions) delete version.schema;
    this.summary = deepFreeze({ ...rest, spec });
  }

  get name(): string {
    return this.#cached.name;
  }

  /** The whole definition, read anew: it is the caller's to keep or to let go. */
  read(): CustomResourceDefinition {
    return parse(this.#cached);
  }
}

const parse = (cached: CachedObject): CustomResourceDefinition =>
  JSON.parse(cached.bytes().toString("utf8")) as CustomResourceDefinition;
