import {
  CORE_SCHEMA,
  defineMappingTag,
  defineScalarTag,
  load,
  loadAll,
  mergeTag,
  NOT_RESOLVED,
  YAMLException,
} from "js-yaml";
import { isObject, setOwn } from "./json.ts";
import { newBadRequest } from "./status.ts";
import { parseYamlFloat, parseYamlInteger, yamlBooleans, yamlNulls } from "./yaml-scalars.ts";

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

const schema = CORE_SCHEMA.withTags(
  nullTag,
  boolTag,
  intTag,
  floatTag,
  binaryTag,
  timestampTag,
  mergeTag,
  mapTag,
);

const options = { schema, json: true, maxDepth: 500, maxTotalMergeKeys: 10_000 };

/** What aliases may expand to, in values: beyond it a document is an attack. */
const maxExpandedValues = 1_000_000;

/** Parses one document; an empty text is null. Throws StatusError 400. */
export function parseYaml(text: string): unknown {
  return reading(() => {
    const documents = loadAll(text, options);
    return withoutAliases(text, documents[0] ?? null);
  });
}

/** Parses all documents of a stream and leaves out those that are empty. Throws StatusError 400. */
export function parseYamlDocuments(text: string): unknown[] {
  return reading(() =>
    loadAll(text, options)
      .filter((document) => document !== null && document !== undefined)
      .map((document) => withoutAliases(text, document)),
  );
}

/** The first key that a mapping holds twice, worded as strict decoding words it; undefined when there is none. */
export function duplicateYamlKey(text: string): string | undefined {
  try {
    load(text, { ...options, json: false });
    return undefined;
  } catch (error) {
    if (!(error instanceof YAMLException) || !error.reason.includes("duplicate")) return undefined;
    const line = error.mark?.line ?? 0;
    const key = /^\s*(?:- )*["']?([^"':]+)/.exec(text.split("\n")[line] ?? "")?.[1] ?? "";
    return `error converting YAML to JSON: yaml: unmarshal errors:\n  line ${line + 1}: key ${JSON.stringify(key)} already set in map`;
  }
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = error.mark === undefined ? "" : `line ${error.mark.line + 1}: `;
    throw newBadRequest(`yaml: ${line}${error.reason}`, error);
  }
}

/** Aliases make values shared; JSON has no sharing, and a few lines can stand for billions of values. */
function withoutAliases(text: string, document: unknown): unknown {
  if (!text.includes("*")) return document;
  let budget = maxExpandedValues;
  const expand = (value: unknown): unknown => {
    if (--budget < 0) throw newBadRequest("yaml: document contains excessive aliasing");
    if (Array.isArray(value)) return value.map(expand);
    if (!isObject(value)) return value;
    const result: Record<string, unknown> = {};
    for (const key of Object.keys(value)) setOwn(result, key, expand(value[key]));
    return result;
  };
  return expand(document);
}
