/**
 * Extracts the prose of the API from the official client package, whose models carry it as comments, into a file that
 * OpenAPI and explain read when it is there.
 *
 *   node tools/generate/descriptions.ts descriptions.json
 *
 * The prose is Kubernetes', so it is fetched at build time and never committed.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { builtinSchemaNames, builtinSchemas } from "../../src/api/schema-table.ts";
import type { Schema } from "../../src/apimachinery/schema.ts";

type TypeDescriptions = Record<string, string>;

/** The descriptions of all built-in types, as JSON; without the package, of none. */
export function descriptions(): string {
  const folder = modelsFolder();
  const schemas = builtinSchemas();
  const result: Record<string, TypeDescriptions> = {};
  for (const name of folder === undefined ? [] : builtinSchemaNames()) {
    const file = modelFiles(name)
      .map((model) => join(folder ?? "", `${model}.d.ts`))
      .find((candidate) => existsSync(candidate));
    if (file === undefined) continue;
    result[name] = describeModel(readFileSync(file, "utf8"), schemas.get(name) ?? {});
  }
  return JSON.stringify(result);
}

function modelsFolder(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve("@kubernetes/client-node");
    return join(dirname(entry), "gen", "models");
  } catch {
    return undefined;
  }
}

/** `io.k8s.api.core.v1.Event` → `CoreV1Event`, `V1Event`: kinds that two groups share carry their group's name. */
export function modelFiles(schemaName: string): string[] {
  const parts = schemaName.split(".");
  const kind = parts.at(-1) ?? "";
  const version = capitalize(parts.at(-2) ?? "");
  const group = capitalize(parts.at(-3) ?? "");
  return [`${group}${version}${kind}`, `${version}${kind}`];
}

const capitalize = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** Reads one declaration file: the comment of the class under "", those of its properties under their JSON names. */
export function describeModel(source: string, schema: Schema): TypeDescriptions {
  const names = new Map(Object.keys(schema.properties ?? {}).map((name) => [plain(name), name] as const));
  const result: TypeDescriptions = {};
  const commented = /\/\*\*\n((?:(?!\*\/)[^])*?)\s*\*\/\n\s*(?:export declare class (\w+)|'([^']+)'\??:)/g;
  for (const [, comment = "", className, property] of source.matchAll(commented)) {
    const text = unescapeComment(comment);
    if (className !== undefined) result[""] = text;
    const name = property === undefined ? undefined : names.get(plain(property));
    if (name !== undefined) result[name] = text;
  }
  return result;
}

/** The generator renames what JavaScript would not have as a name: `_default`, `x_kubernetes_list_type`. */
const plain = (name: string): string => name.replace(/[^A-Za-z0-9]/g, "").toLowerCase();

function unescapeComment(comment: string): string {
  return comment
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, ""))
    .join("\n")
    .replaceAll("*_/", "*/")
    .replace(/\\(["'\\])/g, "$1")
    .trim();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(process.argv[2] ?? "descriptions.json", descriptions());
}
