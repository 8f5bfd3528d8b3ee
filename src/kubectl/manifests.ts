import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { isObject } from "../apimachinery/json.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import { parseYamlDocuments } from "../apimachinery/yaml.ts";

/** An object from a file, with where it was. */
export interface Manifest {
  readonly object: UnstructuredObject;
  readonly source: string;
}

/** What is wrong with a manifest, worded as kubectl does. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
}

const extensions = new Set([".yaml", ".yml", ".json"]);

/**
 * Reads files, folders and `-` (standard input) in the order given; a folder's files by name. Lists are taken apart. Throws
 * ManifestError with the file's name for what cannot be read as objects.
 */
export function readManifests(paths: readonly string[], { recursive = false } = {}): Manifest[] {
  return paths
    .flatMap((path) => filesOf(path, recursive))
    .flatMap((file) => parseManifests(contentOf(file), nameOf(file)));
}

const nameOf = (file: string): string => (file === "-" ? "STDIN" : file);

function filesOf(path: string, recursive: boolean): string[] {
  if (path === "-") return [path];
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new ManifestError(`the path "${path}" does not exist`);
  if (!stat.isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const file = join(path, entry.name);
      if (entry.isDirectory()) return recursive ? filesOf(file, true) : [];
      return extensions.has(extname(entry.name)) ? [file] : [];
    });
}

function contentOf(file: string): string {
  return readFileSync(file === "-" ? 0 : file, "utf8");
}

/** The objects of one text: YAML documents or JSON. */
export function parseManifests(text: string, source: string): Manifest[] {
  return documentsOf(text, source).flatMap((document) => objectsOf(document, source));
}

/** The documents of one text, without the empty ones. Throws ManifestError for what is neither YAML nor JSON. */
export function documentsOf(text: string, source: string): unknown[] {
  try {
    return parseYamlDocuments(text).filter((document) => document !== null && document !== undefined);
  } catch (error) {
    throw new ManifestError(
      `error parsing ${source}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

function objectsOf(document: unknown, source: string): Manifest[] {
  if (!isObject(document)) {
    throw new ManifestError(
      `error validating "${source}": error validating data: invalid object to validate; if you choose to ignore these errors, turn validation off with --validate=false`,
    );
  }
  const missing = ["apiVersion", "kind"].filter(
    (field) => typeof document[field] !== "string" || document[field] === "",
  );
  if (missing.length > 0) {
    const listed = missing.map((field) => `${field} not set`);
    const what = listed.length > 1 ? `[${listed.join(", ")}]` : listed.join("");
    throw new ManifestError(
      `error validating "${source}": error validating data: ${what}; if you choose to ignore these errors, turn validation off with --validate=false`,
    );
  }
  if (Array.isArray(document["items"]) && String(document["kind"]).endsWith("List")) {
    return document["items"].flatMap((item) => objectsOf(item, source));
  }
  const metadata = isObject(document["metadata"]) ? document["metadata"] : {};
  return [{ object: { ...document, metadata } as unknown as UnstructuredObject, source }];
}
