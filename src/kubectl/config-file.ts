import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isObject } from "../apimachinery/json.ts";
import { parseYaml, printYaml } from "../apimachinery/yaml.ts";
import { KubectlError, plainText } from "./errors.ts";
import type { Session } from "./session.ts";

/** A kubeconfig file as it stands on disk. */
export type ConfigFile = Record<string, unknown>;

const empty = (): ConfigFile => ({
  apiVersion: "v1",
  clusters: [],
  contexts: [],
  "current-context": "",
  kind: "Config",
  preferences: {},
  users: [],
});

/** The file's content; undefined when there is none. */
export function readConfigFile(path: string): ConfigFile | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  try {
    const value = parseYaml(readFileSync(path, "utf8"));
    return isObject(value) ? value : undefined;
  } catch (error) {
    throw new KubectlError(`error loading config file ${JSON.stringify(path)}: ${plainText(error)}`, {
      cause: error,
    });
  }
}

/**
 * Changes the file that has the entry; a new entry, and what belongs to none, goes into the first file that exists, else
 * the last. Answers with the file's path.
 */
export function updateConfig(
  session: Session,
  entry: { readonly list: string; readonly name: string } | undefined,
  change: (file: ConfigFile) => void,
): string {
  const paths = session.configPaths;
  const existing = paths.filter((path) => readConfigFile(path) !== undefined);
  const owner =
    entry === undefined
      ? undefined
      : existing.find((path) => hasEntry(readConfigFile(path), entry.list, entry.name));
  const path = owner ?? existing[0] ?? paths.at(-1) ?? "";
  const file = readConfigFile(path) ?? empty();
  change(file);
  write(path, file);
  return path;
}

function hasEntry(file: ConfigFile | undefined, list: string, name: string): boolean {
  const entries = file?.[list];
  return Array.isArray(entries) && entries.some((entry) => isObject(entry) && entry["name"] === name);
}

/** Replaced in one step; readable by its owner only, as it holds keys. */
function write(given: string, file: ConfigFile): void {
  mkdirSync(dirname(resolve(given)), { recursive: true, mode: 0o750 });
  const path = statSync(given, { throwIfNoEntry: false }) === undefined ? given : realpathSync(given);
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, printYaml(file), { mode: 0o600 });
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

const pathFields = ["certificate-authority", "client-certificate", "client-key"];

/** All files as one. With `minify` only what the current context uses, with `flatten` files as data. */
export function mergedConfig(session: Session, { minify = false, flatten = false } = {}): ConfigFile {
  const { clusters, contexts, users } = session.config;
  const current = session.contextName;
  const context = contexts.get(current);
  if (minify && context === undefined) {
    throw new KubectlError(
      current === "" ? "current-context must exist in order to minify" : `cannot locate context ${current}`,
    );
  }
  const keep = (name: string, used: string | undefined): boolean => !minify || name === used;
  const list = (entries: ReadonlyMap<string, object>, member: string, used: string | undefined) => {
    const shown = [...entries]
      .filter(([name]) => keep(name, used))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => ({ name, [member]: flatten ? flattened(value) : value }));
    return shown.length === 0 ? null : shown;
  };
  return {
    kind: "Config",
    apiVersion: "v1",
    preferences: {},
    clusters: list(clusters, "cluster", context?.cluster),
    users: list(users, "user", context?.user),
    contexts: list(contexts, "context", current),
    "current-context": minify ? current : session.config.currentContext,
  };
}

function flattened(value: object): Record<string, unknown> {
  const copy: Record<string, unknown> = { ...value };
  for (const field of pathFields) {
    const path = copy[field];
    if (typeof path !== "string" || path === "") continue;
    copy[`${field}-data`] = readFileSync(path).toString("base64");
    delete copy[field];
  }
  return copy;
}
