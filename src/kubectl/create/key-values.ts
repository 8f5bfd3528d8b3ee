import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { configMapKeyErrors, envVarNameErrors } from "../../apimachinery/names.ts";
import { KubectlError } from "../errors.ts";
import type { FlagSpecs, Flags } from "../flags.ts";

/** The flags that fill config maps and secrets. */
export const keyValueFlags: FlagSpecs = {
  "from-file": { type: "list", help: "a file, KEY=FILE, or a folder with files" },
  "from-literal": { type: "array", help: "KEY=VALUE" },
  "from-env-file": { type: "list", help: "a file with lines of KEY=VALUE" },
  "append-hash": { type: "bool", help: "end the name in a hash of the content" },
};

/** Keys and their bytes, in order. `kind` and `name` are for messages. */
export function readKeyValues(flags: Flags, kind: string, name: string): Map<string, Buffer> {
  const files = flags.list("from-file");
  const literals = flags.list("from-literal");
  const environments = flags.list("from-env-file");
  if (environments.length > 0 && files.length + literals.length > 0) {
    throw new KubectlError("from-env-file cannot be combined with from-file or from-literal");
  }
  const values = new Map<string, Buffer>();
  const add = (key: string, value: Buffer): void => {
    const errors = configMapKeyErrors(key);
    if (errors.length > 0) {
      throw new KubectlError(
        `${JSON.stringify(key)} is not a valid key name for a ${kind}: ${errors.join(",")}`,
      );
    }
    if (values.has(key)) {
      throw new KubectlError(
        `cannot add key ${JSON.stringify(key)}, another key by that name already exists in Data for ${kind} ${JSON.stringify(name)}`,
      );
    }
    values.set(key, value);
  };
  for (const source of files) for (const [key, path] of filesOf(source)) add(key, readSource(path));
  for (const literal of literals) add(...parseLiteral(literal));
  for (const path of environments)
    for (const [key, value] of readEnvironment(path)) add(key, Buffer.from(value));
  return new Map([...values].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function filesOf(source: string): [key: string, path: string][] {
  const equals = source.indexOf("=");
  if (equals === 0) throw new KubectlError(`key name for file path ${source.slice(1)} missing`);
  if (equals > 0 && source.length === equals + 1) {
    throw new KubectlError(`file path for key name ${source.slice(0, equals)} missing`);
  }
  if (source.indexOf("=", equals + 1) > 0 && equals > 0) {
    throw new KubectlError("key names or file paths cannot contain '='");
  }
  const path = equals < 0 ? source : source.slice(equals + 1);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new KubectlError(`error reading ${path}: no such file or directory`);
  if (!stat.isDirectory()) return [[equals < 0 ? basename(path) : source.slice(0, equals), path]];
  if (equals >= 0) throw new KubectlError("cannot give a key name for a directory path");
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => [entry.name, join(path, entry.name)]);
}

function readSource(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new KubectlError(`error reading ${path}: no such file or directory`, { cause: error });
  }
}

/** `key=value`, where quotes around the value are taken off. */
export function parseLiteral(literal: string): [string, Buffer] {
  const equals = literal.indexOf("=");
  if (equals <= 0) throw new KubectlError(`invalid literal source ${literal}, expected key=value`);
  const value = literal.slice(equals + 1);
  const quoted = /^(["'])(.*)\1$/s.exec(value);
  return [literal.slice(0, equals), Buffer.from(quoted?.[2] ?? value)];
}

/** The lines of a file of variables. */
export function* readEnvironment(path: string): Generator<[string, string]> {
  for (const raw of readSource(path).toString().split("\n")) {
    const line = raw.replace(/\r$/, "").trimStart();
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    const key = equals < 0 ? line : line.slice(0, equals);
    const errors = envVarNameErrors(key);
    if (errors.length > 0)
      throw new KubectlError(`${JSON.stringify(key)} is not a valid key name: ${errors.join(";")}`);
    yield [key, equals < 0 ? "" : line.slice(equals + 1)];
  }
}

/** Whether the bytes are text that JSON can hold. */
export const isUtf8 = (bytes: Buffer): boolean => Buffer.from(bytes.toString("utf8"), "utf8").equals(bytes);
