import { deepFreeze, isObject } from "../json.ts";
import {
  type ListType,
  type MapType,
  type MergeType,
  memberType,
  shapeOf,
  stepOfItem,
} from "./merge-type.ts";

/**
 * Which fields the creator of an object owns follows from the object's shape: the names of its fields, the keys of its
 * list items, and which values are zero; not from the values themselves. Objects are made from few templates, so the
 * shapes seen last are remembered, and objects of one shape share one set of fields.
 */
export class CreatedFields {
  readonly #byShape = new Map<string, Record<string, unknown> | undefined>();

  /** The fields in the form of FieldsV1, frozen; `compute` finds those of a shape not seen lately. */
  of(
    object: unknown,
    type: MergeType,
    compute: () => Record<string, unknown> | undefined,
  ): Record<string, unknown> | undefined {
    const shape = shapeText(object, type);
    if (shape.length > shapeLengthMax) return compute();
    const known = this.#byShape.get(shape);
    if (known !== undefined || this.#byShape.has(shape)) return known;
    const fields = deepFreeze(compute());
    if (this.#byShape.size >= shapesMax) this.#byShape.clear();
    this.#byShape.set(inOnePiece(shape), fields);
    return fields;
  }
}

/** Half a megabyte of text at the very most, for all objects of one kind. */
const shapesMax = 128;
const shapeLengthMax = 4_000;

/** A text that was added up is kept as its pieces, ten times its size, until somebody asks for one of its letters. */
function inOnePiece(text: string): string {
  return text.charCodeAt(0) === 0 ? "" : text;
}

/** Equal for objects in which the creator owns the same. */
export function shapeText(value: unknown, type: MergeType): string {
  if (typeof value !== "object" || value === null) return scalarText(value);
  const shape = shapeOf(type, value);
  if (shape.kind === "map" && !shape.isAtomic && isObject(value)) return mapText(value, shape);
  if (shape.kind === "list" && shape.relationship !== "atomic" && Array.isArray(value)) {
    return listText(value, shape);
  }
  // Owned as a whole; it may equal the zero value of its type when it is empty.
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "[*]";
  return Object.keys(value).length === 0 ? "{}" : "{*}";
}

/** Each zero value on its own: which of them a field has before the creation depends on its type. */
function scalarText(value: unknown): string {
  if (value === "" || value === 0 || value === false || value === null) return `${typeof value}.`;
  return value === undefined ? "-" : "*";
}

/** Names come with their lengths: whatever they contain, two shapes never read alike. */
function mapText(value: Record<string, unknown>, type: MapType): string {
  let text = "{";
  for (const name of Object.keys(value)) {
    text += `${name.length}:${name}${shapeText(value[name], memberType(type, name))}`;
  }
  return `${text}}`;
}

function listText(value: readonly unknown[], type: ListType): string {
  let text = "[";
  for (const item of value) {
    const step = stepOfItem(type, item) ?? `v:${JSON.stringify(item)}`;
    text += `${step.length}:${step}${shapeText(item, type.item())}`;
  }
  return `${text}]`;
}
