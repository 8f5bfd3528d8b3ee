import { equals } from "../eval/equality.ts";
import { toJson } from "../to-json.ts";
import { type CelField, type CelType, dynType, stringType } from "../types.ts";
import { ArrayList, CelErr, CelList, CelMap, CelOpaque, type CelValue, listItems } from "../values.ts";

/** The fields of an object whose schema is not known: every name is one, of any type. */
class AnyFields extends Map<string, CelField> {
  override get(name: string): CelField {
    return { jsonName: name, type: dynType };
  }

  override has(): boolean {
    return true;
  }
}

const jsonPatchFields = new Map<string, CelField>(
  ["op", "path", "from", "value"].map((name) => [
    name,
    { jsonName: name, type: name === "value" ? dynType : stringType },
  ]),
);

const jsonPatchType: CelType = { kind: "struct", name: "JSONPatch", params: [], fields: jsonPatchFields };

/**
 * The types that mutating policies make: `Object{spec: Object.spec{replicas: 3}}` and `JSONPatch{op: "add", …}`.
 * Undefined for other names.
 */
export function mutationType(name: string): CelType | undefined {
  if (name === "JSONPatch") return jsonPatchType;
  if (name !== "Object" && !name.startsWith("Object.")) return undefined;
  return { kind: "struct", name, params: [], fields: new AnyFields() };
}

/** A value made by `Object{…}` or `JSONPatch{…}`: fields by name. */
export class ObjectValue extends CelOpaque {
  readonly type: CelType;
  readonly fields: ReadonlyMap<string, CelValue>;

  constructor(type: CelType, fields: ReadonlyMap<string, CelValue>) {
    super();
    this.type = type;
    this.fields = fields;
  }

  override field(name: string): CelValue | undefined {
    const known = this.fields.get(name);
    // Of a patch, texts that were not given read as empty.
    return (
      known ?? (this.type === jsonPatchType && name !== "value" && jsonPatchFields.has(name) ? "" : undefined)
    );
  }

  override equals(other: CelValue): boolean | CelErr {
    if (!(other instanceof ObjectValue) || other.type.name !== this.type.name) return false;
    if (other.fields.size !== this.fields.size) return false;
    for (const [name, value] of this.fields) {
      const theirs = other.fields.get(name);
      if (theirs === undefined || equals(value, theirs) !== true) return false;
    }
    return true;
  }

  override toJson(): unknown {
    return Object.fromEntries([...this.fields].map(([name, value]) => [name, toJson(value)]));
  }
}

/**
 * Where a made object's type name disagrees with the place it stands in; Kubernetes refuses such a patch. Items bear the
 * name of their list. Kubernetes does not look into lists that were added to each other.
 */
export function typeNameErrors(value: CelValue, path = ""): string[] {
  if (value instanceof ObjectValue) {
    const expected = path === "" ? value.type.name : path;
    const errors =
      value.type.name === expected
        ? []
        : [
            `unexpected type name "${value.type.name}", expected "${expected}", which matches field name path from root Object type`,
          ];
    for (const [name, field] of value.fields) errors.push(...typeNameErrors(field, `${expected}.${name}`));
    return errors;
  }
  if (path === "") return [];
  if (value instanceof ArrayList) return value.items.flatMap((item) => typeNameErrors(item, path));
  if (value instanceof CelMap)
    return value.keys().flatMap((key) => typeNameErrors(value.find(key) ?? null, path));
  return [];
}

/** The same of what a list of `JSONPatch{…}` sets. Each value is a root of its own. */
export function patchTypeNameErrors(patches: CelValue): string[] {
  if (!(patches instanceof CelList)) return [];
  for (const patch of listItems(patches)) {
    const set = patch instanceof ObjectValue ? patch.fields.get("value") : undefined;
    const errors = set === undefined ? [] : typeNameErrors(set);
    if (errors.length > 0) return errors;
  }
  return [];
}

/** Kubernetes makes no values of schema types: only those of mutating policies. */
export function constructObject(type: CelType, fields: ReadonlyMap<string, CelValue>): CelValue {
  if (mutationType(type.name) !== undefined) return new ObjectValue(type, fields);
  return new CelErr(`unknown type '${type.name}'`);
}
