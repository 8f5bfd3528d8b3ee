import type { UnstructuredObject } from "../object.ts";
import type { Schema, SchemaSet } from "../schema.ts";
import { type Comparison, compareObjects, excludeFields } from "./compare.ts";
import type { FieldSet } from "./field-set.ts";
import { type MergeType, mergeTypeOf } from "./merge-type.ts";

/** A kind in another of its versions: what its parts are there, and how an object looks. */
export interface OtherVersion {
  readonly schema: Schema | undefined;
  readonly schemas: SchemaSet;
  /** Does not change the object; the result may share parts with it. */
  convert(object: UnstructuredObject): UnstructuredObject;
}

/** Undefined for a version that nobody can convert to: what is owned in it is taken to be as in the version of the request. */
export type FindVersion = (apiVersion: string) => OtherVersion | undefined;

interface Version {
  readonly type: MergeType;
  convert(object: unknown): unknown;
}

/**
 * The versions that an object is looked at in while its ownership is settled. Fields belong to their managers in the version
 * in which they were written: what is a list of items in one may be a whole in another, or have another name, and whether
 * a change takes something away is found out in the version of the one who owns it.
 */
export class Versions {
  readonly #own: string;
  readonly #find: FindVersion | undefined;
  readonly #known = new Map<string, Version>();

  /** `own` is the version of the request, and `type` the kind's in it. */
  constructor(own: string, type: MergeType, find: FindVersion | undefined) {
    this.#own = own;
    this.#find = find;
    this.#known.set(own, { type, convert: (object) => inVersion(object, own, () => find?.(own)) });
  }

  /** The version of the request. */
  get own(): string {
    return this.#own;
  }

  /** The type in a version. */
  typeIn(apiVersion: string): MergeType {
    return this.#version(apiVersion).type;
  }

  /** Whether the kind is known in this version, and is not taken to be as in the one of the request. */
  knows(apiVersion: string): boolean {
    return apiVersion === this.#own || !this.isSame(apiVersion, this.#own);
  }

  /** An object of any version as it is in this one. */
  convert(object: unknown, apiVersion: string): unknown {
    return this.#version(apiVersion).convert(object);
  }

  /** Whether objects are looked at in the one version as in the other. */
  isSame(a: string, b: string): boolean {
    return this.#version(a) === this.#version(b);
  }

  /** What leads from one object to the other, in each version; compared when somebody first asks. */
  comparisons(before: unknown, after: unknown, ignored: FieldSet): (apiVersion: string) => Comparison {
    const made = new Map<Version, Comparison>();
    return (apiVersion) => {
      const version = this.#version(apiVersion);
      let comparison = made.get(version);
      if (comparison === undefined) {
        const [from, to] = [version.convert(before), version.convert(after)];
        comparison = excludeFields(compareObjects(from, to, version.type), ignored);
        made.set(version, comparison);
      }
      return comparison;
    };
  }

  #version(apiVersion: string): Version {
    let known = this.#known.get(apiVersion);
    if (known === undefined) {
      known = this.#newVersion(apiVersion);
      this.#known.set(apiVersion, known);
    }
    return known;
  }

  #newVersion(apiVersion: string): Version {
    const other = this.#find?.(apiVersion);
    if (other === undefined) return this.#version(this.#own);
    const type = mergeTypeOf(other.schemas, other.schema);
    return { type, convert: (object) => inVersion(object, apiVersion, () => other) };
  }
}

/** Most objects are in the version of the request, which nobody need look for. */
function inVersion(object: unknown, apiVersion: string, find: () => OtherVersion | undefined): unknown {
  const given = object as UnstructuredObject;
  return given.apiVersion === apiVersion ? given : (find()?.convert(given) ?? given);
}
