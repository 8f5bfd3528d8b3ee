import { escapeField, unescapeField } from "../escaping.ts";
import { type CelField, type CelType, dynType, isDyn } from "../types.ts";
import {
  ArrayList,
  CelDouble,
  CelDuration,
  CelErr,
  CelList,
  CelMap,
  CelOpaque,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  intValue,
} from "../values.ts";
import { equals, unitsPerEntry } from "./equality.ts";
import { parseDate, parseDuration, parseTimestamp } from "./time.ts";
import { work } from "./work.ts";

/**
 * Plain JSON as values, read where it lies: an object becomes a view that adapts a field when it is asked for. With a
 * type from a schema, that says how (`integer` or `number`, dates, sets); without one, numbers without a fraction are
 * ints. Mirrors UnstructuredToVal of k8s.io/apiserver/pkg/cel/common.
 */
export function fromJson(data: unknown, type: CelType = dynType): CelValue {
  if (isValue(data)) return data;
  if (data === null || data === undefined) return nullValue(type);
  switch (type.kind) {
    case "dyn":
    case "any":
      return type.reading === "int-or-string" ? intOrString(data) : untyped(data, type);
    case "struct":
      return typeof data === "object" && !Array.isArray(data)
        ? new JsonObject(data, type.fields ?? new Map())
        : invalid("a map for the provided schema with type=object");
    case "map":
      return typeof data === "object" && !Array.isArray(data)
        ? newMap(data, type.params[1] ?? dynType, type)
        : invalid("a map for the provided schema with type=object");
    case "list":
      return Array.isArray(data)
        ? listOf(data, type)
        : invalid("an array for the provided schema with type=array");
    case "opaque":
      return type.name === "optional_type" ? new CelOptional(fromJson(data, type.params[0])) : untyped(data);
    default:
      return scalar(data, type);
  }
}

/** Values that are none of JSON's: made by expressions, or handed in ready. */
function isValue(data: unknown): data is CelValue {
  return (
    data instanceof CelMap ||
    data instanceof CelList ||
    data instanceof CelOpaque ||
    data instanceof CelOptional ||
    data instanceof CelDouble ||
    data instanceof CelUint ||
    data instanceof CelTimestamp ||
    data instanceof CelDuration ||
    data instanceof CelTypeValue ||
    data instanceof Uint8Array
  );
}

function invalid(expected: string): CelErr {
  return new CelErr(`invalid data, expected ${expected}`);
}

function nullValue(type: CelType): CelValue {
  if (type.kind === "dyn" || type.kind === "any" || type.kind === "null_type" || type.nullable === true)
    return null;
  if (type.kind === "opaque" && type.name === "optional_type") return CelOptional.none;
  return type.minSize === undefined
    ? null
    : new CelErr("invalid data, got null for schema with nullable=false");
}

function intOrString(data: unknown): CelValue {
  if (typeof data === "string") return data;
  const int = integer(data);
  return int ?? invalid("XIntOrString value to be either a string or integer");
}

function integer(data: unknown): CelValue | undefined {
  if (typeof data === "number" && Number.isInteger(data)) {
    return Number.isSafeInteger(data) ? data + 0 : intValue(BigInt(data));
  }
  return typeof data === "bigint" ? intValue(data) : undefined;
}

/** `type` is how what lies below is read. */
function untyped(data: unknown, type: CelType = dynType): CelValue {
  switch (typeof data) {
    case "string":
    case "boolean":
      return data;
    case "number":
      return (type.reading === "claims" ? undefined : integer(data)) ?? new CelDouble(data);
    case "bigint":
      return intValue(data) ?? new CelErr("integer overflow");
    case "object":
      if (data === null) return null;
      return Array.isArray(data) ? new JsonList(data, type) : newMap(data, type, type);
    default:
      return new CelErr(`unsupported conversion to ref.Val: ${typeof data}`);
  }
}

function scalar(data: unknown, type: CelType): CelValue {
  switch (type.kind) {
    case "string":
      return typeof data === "string" ? data : invalid(`string, got ${goType(data)}`);
    case "bool":
      return typeof data === "boolean" ? data : invalid(`bool, got ${goType(data)}`);
    case "int":
      return integer(data) ?? invalid(`int, got ${goType(data)}`);
    case "uint":
      return typeof data === "number" || typeof data === "bigint" ? new CelUint(data) : invalid("uint");
    case "double":
      if (typeof data === "number" || typeof data === "bigint") return new CelDouble(Number(data));
      return invalid(`float, got ${goType(data)}`);
    case "bytes":
      return typeof data === "string" ? Buffer.from(data, "base64") : invalid(`string, got ${goType(data)}`);
    case "timestamp":
      return typeof data === "string" ? moment(data, type) : invalid(`string, got ${goType(data)}`);
    case "duration":
      if (typeof data !== "string") return invalid(`string, got ${goType(data)}`);
      return (
        lenientDuration(data) ?? new CelErr(`Invalid duration ${data}: unable to parse ${data} as duration`)
      );
    default:
      return untyped(data);
  }
}

function moment(text: string, { reading }: CelType): CelValue {
  if (reading === "date") return parseDate(text) ?? new CelErr(`Invalid date formatted string ${text}`);
  if (text === "") return new CelTimestamp(0, 0);
  // A moment without a zone is one in UTC; some clients write it so.
  const parsed = parseTimestamp(text) ?? parseTimestamp(`${text}Z`);
  return parsed ?? new CelErr(`Invalid date-time formatted string ${text}`);
}

/** Units by how they may be written; the last of each also by its beginning. */
const units: readonly (readonly [bigint, ...string[]])[] = [
  [1n, "ns", "nano"],
  [1000n, "us", "µs", "micro"],
  [1_000_000n, "ms", "milli"],
  [1_000_000_000n, "s", "sec"],
  [60_000_000_000n, "m", "min"],
  [3_600_000_000_000n, "h", "hr", "hour"],
  [86_400_000_000_000n, "d", "day"],
  [604_800_000_000_000n, "w", "wk", "week"],
];

/** Durations of OpenAPI's format, which also take days, weeks and words. */
function lenientDuration(text: string): CelValue | undefined {
  const plain = parseDuration(text);
  if (plain !== undefined) return plain;
  let nanos: bigint | undefined;
  for (const [, count = "0", written = ""] of text.matchAll(/(\d+)\s*([A-Za-zµ]+)/gu)) {
    const unit = written.toLowerCase();
    const found = units.find(([, ...names]) => names.includes(unit) || unit.startsWith(names.at(-1) ?? ""));
    if (found !== undefined) nanos = (nanos ?? 0n) + BigInt(count) * found[0];
  }
  return nanos === undefined ? undefined : new CelDuration(nanos);
}

function goType(data: unknown): string {
  if (typeof data === "number") return Number.isInteger(data) ? "int64" : "float64";
  if (typeof data === "boolean") return "bool";
  if (typeof data === "string") return "string";
  return Array.isArray(data) ? "[]interface {}" : "map[string]interface {}";
}

function listOf(data: readonly unknown[], type: CelType): CelList {
  const element = type.params[0] ?? dynType;
  if (type.listType === "set") return new JsonSet(data, element);
  if (type.listType === "map") return new JsonMapList(data, element, type.listMapKeys ?? []);
  return new JsonList(data, element);
}

/** A JSON array. Elements that were adapted once are kept: expressions go over lists again and again. */
class JsonList extends CelList {
  readonly data: readonly unknown[];

  readonly #element: CelType;
  readonly #adapted: (CelValue | undefined)[] = [];

  constructor(data: readonly unknown[], element: CelType) {
    super();
    this.data = data;
    this.#element = element;
  }

  get size(): number {
    return this.data.length;
  }

  override get isTyped(): boolean {
    return !isDyn(this.#element);
  }

  at(index: number): CelValue {
    const item = this.data[index];
    if (typeof item === "string" && this.#element.kind === "string") return item;
    const known = this.#adapted[index];
    if (known !== undefined) return known;
    const value = fromJson(item, this.#element);
    this.#adapted[index] = value;
    return value;
  }

  /** JSON has nothing that is unequal to itself. */
  override equalsList(other: CelList): boolean | CelErr | undefined {
    return other instanceof JsonList && other.data === this.data ? true : undefined;
  }
}

/** A list of kind set: equal whatever the order; adding leaves out what is there. */
class JsonSet extends JsonList {
  override equalsList(other: CelList): boolean | CelErr {
    if (this.size !== other.size) return false;
    const members = new Members(valuesOf(this));
    return valuesOf(other).every((value) => members.has(value));
  }

  override addList(other: CelList): CelValue {
    return new SetOfValues(united(valuesOf(this), other));
  }
}

/** What adding to a set gives: still a set. */
class SetOfValues extends ArrayList {
  override get isTyped(): boolean {
    return true;
  }

  override equalsList(other: CelList): boolean | CelErr {
    if (this.size !== other.size) return false;
    const members = new Members(this.items);
    return valuesOf(other).every((value) => members.has(value));
  }

  override addList(other: CelList): CelValue {
    return new SetOfValues(united(this.items, other));
  }
}

/** The values of a set. Texts, which most are, are looked up; all else is compared one by one. */
class Members {
  readonly #texts = new Set<string>();
  readonly #others: CelValue[] = [];

  constructor(values: readonly CelValue[]) {
    for (const value of values) this.add(value);
  }

  add(value: CelValue): void {
    if (typeof value === "string") this.#texts.add(value);
    else this.#others.push(value);
  }

  has(value: CelValue): boolean {
    if (typeof value === "string") return this.#texts.has(value);
    work(this.#others.length);
    return this.#others.some((member) => equals(member, value) === true);
  }
}

function united(values: readonly CelValue[], more: CelList): CelValue[] {
  const all = [...values];
  const members = new Members(all);
  for (const value of valuesOf(more)) {
    if (members.has(value)) continue;
    members.add(value);
    all.push(value);
  }
  return all;
}

function valuesOf(list: CelList): CelValue[] {
  return Array.from({ length: list.size }, (_, index) => list.at(index));
}

/** A list of kind map: elements are known by their keys; adding overwrites those with the same. */
class JsonMapList extends JsonList {
  readonly #keys: readonly string[];
  readonly #type: CelType;

  constructor(data: readonly unknown[], element: CelType, keys: readonly string[]) {
    super(data, element);
    this.#type = element;
    this.#keys = keys;
  }

  override equalsList(other: CelList): boolean | CelErr {
    if (this.size !== other.size) return false;
    const byKey = new Map(this.data.map((item, index) => [this.#keyOf(item), index]));
    for (const value of valuesOf(other)) {
      const index = byKey.get(this.#keyOf(rawOf(value)));
      if (index === undefined) return false;
      const same = equals(this.at(index), value);
      if (same !== true) return same;
    }
    return true;
  }

  override addList(other: CelList): CelValue {
    const data: unknown[] = [...this.data];
    const byKey = new Map(data.map((item, index) => [this.#keyOf(item), index]));
    for (const value of valuesOf(other)) {
      const raw = rawOf(value);
      const index = byKey.get(this.#keyOf(raw));
      if (index === undefined) data.push(raw);
      else data[index] = raw;
    }
    return new JsonMapList(data, this.#type, this.#keys);
  }

  #keyOf(item: unknown): string {
    if (item instanceof CelMap)
      return JSON.stringify(this.#keys.map((key) => printable(item.find(key) ?? null)));
    if (typeof item !== "object" || item === null) return "";
    const fields: Readonly<Record<string, unknown>> = { ...item };
    return JSON.stringify(this.#keys.map((key) => fields[key] ?? null));
  }
}

function printable(value: CelValue): unknown {
  return value instanceof CelUint || value instanceof CelDouble ? Number(value.value) : value;
}

/** The JSON below a view, or the value itself. */
function rawOf(value: CelValue): unknown {
  return value instanceof JsonMap || value instanceof JsonObject ? value.data : value;
}

type Fields = Readonly<Record<string, unknown>>;

function asFields(data: object): Fields {
  return data as Fields;
}

function newMap(data: object, value: CelType, { reading }: CelType): JsonMap {
  return reading === "claims" ? new ClaimsMap(data, value) : new JsonMap(data, value);
}

/** A JSON object as a map. */
export class JsonMap extends CelMap {
  readonly data: Fields;
  readonly #value: CelType;
  readonly #adapted = new Map<string, CelValue>();
  #size: number | undefined;

  constructor(data: object, value: CelType) {
    super();
    this.data = asFields(data);
    this.#value = value;
  }

  get size(): number {
    this.#size ??= Object.keys(this.data).length;
    return this.#size;
  }

  override get isTyped(): boolean {
    return !isDyn(this.#value);
  }

  find(key: CelValue): CelValue | undefined {
    if (typeof key !== "string" || !Object.hasOwn(this.data, key)) return undefined;
    const item = this.data[key];
    if (item === undefined) return undefined;
    if (typeof item === "string" && (this.#value.kind === "dyn" || this.#value.kind === "string"))
      return item;
    const known = this.#adapted.get(key);
    if (known !== undefined) return known;
    const value = fromJson(item, this.#value);
    this.#adapted.set(key, value);
    return value;
  }

  keys(): CelValue[] {
    return Object.keys(this.data);
  }

  override equalsMap(other: CelMap): boolean | CelErr | undefined {
    return other instanceof JsonMap && other.data === this.data ? true : undefined;
  }
}

/** A map whose names may be written as fields: `claims.example__dot__com`. */
class ClaimsMap extends JsonMap {
  override find(key: CelValue): CelValue | undefined {
    const plain = typeof key === "string" ? unescapeField(key) : undefined;
    return super.find(plain ?? key);
  }
}

/** A JSON object with the fields of a schema. Names are the escaped ones; an explicit null is an absent field. */
export class JsonObject extends CelMap {
  readonly data: Fields;
  readonly #fields: ReadonlyMap<string, CelField>;
  readonly #adapted = new Map<string, CelValue>();

  constructor(data: object, fields: ReadonlyMap<string, CelField>) {
    super();
    this.data = asFields(data);
    this.#fields = fields;
  }

  get size(): number {
    return Object.keys(this.data).length;
  }

  override get isTyped(): boolean {
    return true;
  }

  find(key: CelValue): CelValue | undefined {
    if (typeof key !== "string") return undefined;
    const known = this.#adapted.get(key);
    if (known !== undefined) return known;
    const field = this.#fields.get(key) ?? this.#fields.get(escapeField(unescapeField(key) ?? "") ?? "");
    if (field === undefined) return undefined;
    const item = this.data[field.jsonName];
    if (item === null || item === undefined || !Object.hasOwn(this.data, field.jsonName)) return undefined;
    const value = fromJson(item, field.type);
    this.#adapted.set(key, value);
    return value;
  }

  keys(): CelValue[] {
    const names: string[] = [];
    for (const [name, field] of this.#fields) if (Object.hasOwn(this.data, field.jsonName)) names.push(name);
    return names;
  }

  override equalsMap(other: CelMap): boolean | CelErr {
    if (other instanceof JsonObject && other.data === this.data) return true;
    if (this.size !== other.size) return false;
    work(this.size * unitsPerEntry);
    for (const key of this.keys()) {
      const mine = this.find(key);
      const theirs = other.find(key);
      if (mine === undefined || theirs === undefined) {
        if (mine !== theirs) return false;
        continue;
      }
      const same = equals(mine, theirs);
      if (same !== true) return same;
    }
    return true;
  }
}
