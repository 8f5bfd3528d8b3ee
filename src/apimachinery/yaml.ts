import {
  CORE_SCHEMA,
  defineMappingTag,
  defineScalarTag,
  EVENT_ID,
  type Event,
  getScalarValue,
  loadAll,
  mergeTag,
  NOT_RESOLVED,
  parseEvents,
  YAMLException,
} from "js-yaml";
import { printBigints } from "./exact-json.ts";
import { isObject, setOwn } from "./json.ts";
import { maxKeptDepth } from "./json-text.ts";
import { newBadRequest } from "./status.ts";
import { diagnoseYaml, type YamlDiagnosis } from "./yaml-fault.ts";
import {
  parseYamlFloat,
  parseYamlInteger,
  parseYamlIntegerExactly,
  yamlBooleans,
  yamlNulls,
} from "./yaml-scalars.ts";

export { printYaml } from "./yaml-printer.ts";

/**
 * YAML as kubectl and the API server read and print it: the YAML 1.1 of sigs.k8s.io/yaml. `yes` and `on` are
 * booleans, 0755 is octal, dates stay strings, members merge with `<<`, keys are strings whatever they look like, and
 * of two equal keys the last one wins.
 */
const boolTag = defineScalarTag<boolean>("tag:yaml.org,2002:bool", {
  implicit: true,
  implicitFirstChars: Array.from("yYnNtTfFoO"),
  resolve: (source) => yamlBooleans.get(source) ?? NOT_RESOLVED,
  identify: (value) => typeof value === "boolean",
});

const nullTag = defineScalarTag<null>("tag:yaml.org,2002:null", {
  implicit: true,
  implicitFirstChars: ["", "~", "n", "N"],
  resolve: (source) => (yamlNulls.has(source) ? null : NOT_RESOLVED),
  identify: (value) => value === null,
});

const numberStart = Array.from("+-.0123456789");

const intTag = defineScalarTag<number>("tag:yaml.org,2002:int", {
  implicit: true,
  implicitFirstChars: numberStart,
  resolve: (source) => parseYamlInteger(source) ?? NOT_RESOLVED,
  identify: (value) => Number.isInteger(value),
});

const exactIntTag = defineScalarTag<number | bigint>("tag:yaml.org,2002:int", {
  implicit: true,
  implicitFirstChars: numberStart,
  resolve: (source) => parseYamlIntegerExactly(source) ?? NOT_RESOLVED,
  identify: (value) => Number.isInteger(value) || typeof value === "bigint",
});

const floatTag = defineScalarTag<number>("tag:yaml.org,2002:float", {
  implicit: true,
  implicitFirstChars: numberStart,
  resolve: (source, isExplicit) =>
    parseYamlFloat(source) ?? (isExplicit ? parseYamlInteger(source) : undefined) ?? NOT_RESOLVED,
  identify: (value) => typeof value === "number",
});

/** Binary text is kept as the bytes' own text, as a JSON string can hold it. */
const binaryTag = defineScalarTag<string>("tag:yaml.org,2002:binary", {
  resolve: (source) => Buffer.from(source, "base64").toString("latin1"),
  identify: () => false,
});

const timestampTag = defineScalarTag<string>("tag:yaml.org,2002:timestamp", {
  resolve: (source) => source,
  identify: () => false,
});

const keyText = (key: unknown): string =>
  isObject(key) || Array.isArray(key) ? JSON.stringify(key) : String(key);

const mapTag = defineMappingTag<Record<string, unknown>>("tag:yaml.org,2002:map", {
  create: () => ({}),
  addPair: (carrier, key, value) => {
    setOwn(carrier, keyText(key), value);
    return "";
  },
  has: (carrier, key) => Object.hasOwn(carrier, keyText(key)),
  keys: (result) => Object.keys(result),
  get: (result, key) => result[keyText(key)],
  identify: isObject,
});

const otherTags = [floatTag, binaryTag, timestampTag, mergeTag, mapTag];
const schema = CORE_SCHEMA.withTags(nullTag, boolTag, intTag, ...otherTags);

const options = { schema, json: true, maxDepth: maxKeptDepth, maxTotalMergeKeys: 10_000 };
type Options = typeof options;

/** What aliases may expand to, in values: beyond it a document is an attack. */
const maxExpandedValues = 1_000_000;

/** Parses one document, the first; an empty text is null. Throws StatusError 400. */
export function parseYaml(text: string): unknown {
  return ofFirstDocument(text, (document) => firstDocument(document, options));
}

/** Digits as many as only whole numbers have that a number may not hold; hexadecimal ones are fewer. */
const longNumber = /\d[\da-fA-F_]{12}/;

/** The same, with a bigint for each whole number that a number cannot hold and 64 bits can. Custom resources have such. */
export function parseYamlExactly(text: string): unknown {
  if (!longNumber.test(text)) return parseYaml(text);
  printBigints();
  const exact = CORE_SCHEMA.withTags(nullTag, boolTag, exactIntTag, ...otherTags);
  return ofFirstDocument(text, (document) => firstDocument(document, { ...options, schema: exact }));
}

/** What stands behind the first document is nobody's concern, not even when it is no YAML at all. */
function ofFirstDocument<T>(text: string, read: (text: string) => T): T {
  try {
    return read(text);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const diagnosis = diagnoseYaml(text);
    if (diagnosis === undefined || !("end" in diagnosis) || diagnosis.end >= text.length) {
      throw refusal(error, diagnosis);
    }
    const document = text.slice(0, diagnosis.end);
    return reading(document, () => read(document));
  }
}

/** An escape that may be half a character or none, which our own reader takes for one. */
const doubtfulEscape = /\\(?:u[dD][89a-fA-F]|U)/;

function refuseHalfCharacters(text: string): void {
  const diagnosis = doubtfulEscape.test(text) ? diagnoseYaml(text) : undefined;
  if (diagnosis !== undefined && "fault" in diagnosis) throw newBadRequest(`yaml: ${diagnosis.fault}`);
}

function firstDocument(text: string, how: Options): unknown {
  refuseHalfCharacters(text);
  const documents = loadAll(text, how);
  return withoutAliases(text, documents[0] ?? null);
}

/** Parses all documents of a stream and leaves out those that are empty. Throws StatusError 400. */
export function parseYamlDocuments(text: string): unknown[] {
  refuseHalfCharacters(text);
  return reading(text, () =>
    loadAll(text, options)
      .filter((document) => document !== null && document !== undefined)
      .map((document) => withoutAliases(text, document)),
  );
}

/** Keys that a mapping of the first document holds twice: `line 3: key "a" already set in map`, in their order. */
export function duplicateYamlKeys(text: string): string[] {
  return ofFirstDocument(text, (document) => {
    const finder = new DuplicateFinder(document);
    for (const event of parseEvents(document, { maxDepth: options.maxDepth })) {
      if (event.type === EVENT_ID.DOCUMENT && finder.hasBegun) break;
      finder.take(event);
    }
    return finder.found;
  });
}

/** How a strict reader words duplicate keys, all in one; undefined when there are none. */
export function duplicateYamlKey(text: string): string | undefined {
  const lines = duplicateYamlKeys(text);
  if (lines.length === 0) return undefined;
  return `error converting YAML to JSON: yaml: unmarshal errors:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}

/** Follows the events of a document with a stack of containers; only mappings have names. */
class DuplicateFinder {
  readonly found: string[] = [];
  hasBegun = false;
  readonly #text: string;
  readonly #open: { names: Set<string> | undefined; key: string | undefined; isDuplicate: boolean }[] = [];
  #line = 1;
  #scanned = 0;

  constructor(text: string) {
    this.#text = text;
  }

  take(event: Event): void {
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
        this.hasBegun = true;
        this.#open.push({ names: undefined, key: undefined, isDuplicate: false });
        return;
      case EVENT_ID.MAPPING:
      case EVENT_ID.SEQUENCE:
        this.#node(event.start, undefined);
        this.#open.push({
          names: event.type === EVENT_ID.MAPPING ? new Set() : undefined,
          key: undefined,
          isDuplicate: false,
        });
        return;
      case EVENT_ID.SCALAR:
        this.#node(event.valueStart, getScalarValue(this.#text, event));
        return;
      case EVENT_ID.ALIAS:
        this.#node(event.anchorStart, undefined);
        return;
      case EVENT_ID.POP:
        this.#open.pop();
    }
  }

  /** A node is the name of a member, the value of one, or stands where nobody looks. */
  #node(start: number, scalar: string | undefined): void {
    const parent = this.#open.at(-1);
    if (parent?.names === undefined) return;
    if (parent.key === undefined) {
      parent.key = scalar ?? "";
      parent.isDuplicate = scalar !== undefined && scalar !== "<<" && parent.names.has(scalar);
      parent.names.add(parent.key);
      return;
    }
    // Go names the line on which the value begins.
    if (parent.isDuplicate) {
      this.found.push(`line ${this.#lineAt(start)}: key ${JSON.stringify(parent.key)} already set in map`);
    }
    parent.key = undefined;
  }

  #lineAt(index: number): number {
    for (; this.#scanned < index; this.#scanned++) if (this.#text[this.#scanned] === "\n") this.#line++;
    return this.#line;
  }
}

function reading<T>(text: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof YAMLException ? refusal(error, diagnoseYaml(text)) : error;
  }
}

/** The fault as Go words it; as our own reader does only where Go's has none. */
function refusal(error: YAMLException, diagnosis: YamlDiagnosis | undefined): Error {
  if (diagnosis !== undefined && "fault" in diagnosis)
    return newBadRequest(`yaml: ${diagnosis.fault}`, error);
  if (error.reason.startsWith("cannot merge mappings")) {
    return newBadRequest("yaml: map merge requires map or sequence of maps as the value", error);
  }
  if (error.reason.startsWith("nesting exceeded")) {
    return newBadRequest(`yaml: exceeded max depth of ${maxKeptDepth}`, error);
  }
  const line = error.mark === undefined ? "" : `line ${error.mark.line + 1}: `;
  return newBadRequest(`yaml: ${line}${error.reason}`, error);
}

/** The reader does not say which anchor it was; a document of the API has hardly ever two. */
const firstAnchor = (text: string): string => /&([^\s,[\]{}]+)/.exec(text)?.[1] ?? "";

/** Aliases make values shared; JSON has no sharing, and a few lines can stand for billions of values. */
function withoutAliases(text: string, document: unknown): unknown {
  if (!text.includes("*")) return document;
  let budget = maxExpandedValues;
  /** What is being expanded now, from the outside in. */
  const within = new Set<unknown>();
  const expand = (value: unknown): unknown => {
    if (--budget < 0) throw newBadRequest("yaml: document contains excessive aliasing");
    if (typeof value !== "object" || value === null) return value;
    if (within.has(value)) throw newBadRequest(`yaml: anchor '${firstAnchor(text)}' value contains itself`);
    if (within.size >= maxKeptDepth) throw newBadRequest("yaml: document contains excessive aliasing");
    within.add(value);
    const expanded = Array.isArray(value) ? value.map(expand) : isObject(value) ? expandMap(value) : value;
    within.delete(value);
    return expanded;
  };
  const expandMap = (map: Record<string, unknown>): Record<string, unknown> => {
    const result: Record<string, unknown> = {};
    for (const key of Object.keys(map)) setOwn(result, key, expand(map[key]));
    return result;
  };
  return expand(document);
}
