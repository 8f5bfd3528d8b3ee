import type { JsonDocument } from "../../../api/openapi/source.ts";
import { isObject } from "../../../apimachinery/json.ts";

/** The parts of another server's OpenAPI document of version 2 that are of interest. Never changed. */
export interface ForeignSpec {
  readonly paths: Readonly<Record<string, JsonDocument>>;
  readonly definitions: Readonly<Record<string, JsonDocument>>;
  readonly parameters: Readonly<Record<string, JsonDocument>>;
}

/** No description of types is as deep; what is made of a deeper one would find no end of the stack. */
const maxDepth = 250;

/** Reads what another server answered; throws when that is no document at all. */
export function specIn(text: string): ForeignSpec {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) throw new Error("the document is no object");
  if (isDeeperThan(value, maxDepth)) throw new Error(`the document is deeper than ${maxDepth} levels`);
  const { paths, definitions, parameters } = value;
  return { paths: objectsOf(paths), definitions: objectsOf(definitions), parameters: objectsOf(parameters) };
}

function isDeeperThan(value: object, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= limit; depth++) {
    level = level.flatMap((each) => (typeof each === "object" && each !== null ? Object.values(each) : []));
    if (level.length === 0) return false;
  }
  return true;
}

function objectsOf(value: unknown): Record<string, JsonDocument> {
  const members = Object.entries(isObject(value) ? value : {});
  return Object.fromEntries(
    members.filter((member): member is [string, JsonDocument] => isObject(member[1])),
  );
}

export const definitionPrefix = "#/definitions/";
export const parameterPrefix = "#/parameters/";

/**
 * The spec with the paths that are asked for, and without the definitions that only others used (mirrors
 * FilterSpecByPaths of k8s.io/kube-openapi/pkg/aggregator).
 */
export function withPaths(spec: ForeignSpec, isWanted: (path: string) => boolean): ForeignSpec {
  const paths = Object.fromEntries(Object.entries(spec.paths).filter(([path]) => isWanted(path)));
  const usedBefore = usedBy(spec, spec.paths);
  const used = usedBy(spec, paths);
  const isKept = (name: string): boolean =>
    used.has(`${definitionPrefix}${name}`) || !usedBefore.has(`${definitionPrefix}${name}`);
  const definitions = Object.entries(spec.definitions).filter(([name]) => isKept(name));
  return { ...spec, paths, definitions: Object.fromEntries(definitions) };
}

/** All that the paths refer to, and what that refers to. */
function usedBy({ definitions, parameters }: ForeignSpec, paths: ForeignSpec["paths"]): Set<string> {
  const used = new Set<string>();
  const waiting: unknown[] = [paths];
  while (waiting.length > 0) {
    for (const reference of referencesIn(waiting.pop())) {
      if (used.has(reference)) continue;
      used.add(reference);
      if (reference.startsWith(definitionPrefix))
        waiting.push(definitions[reference.slice(definitionPrefix.length)]);
      else if (reference.startsWith(parameterPrefix))
        waiting.push(parameters[reference.slice(parameterPrefix.length)]);
    }
  }
  return used;
}

function* referencesIn(value: unknown): Generator<string> {
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const each = waiting.pop();
    if (Array.isArray(each)) waiting.push(...each);
    if (!isObject(each)) continue;
    for (const [name, member] of Object.entries(each)) {
      if (name === "$ref" && typeof member === "string") yield member;
      else waiting.push(member);
    }
  }
}

/** The same with other references: a table of what becomes what. */
export function withReferences<T>(value: T, renamed: ReadonlyMap<string, string>): T {
  return renamed.size === 0 ? value : (replaced(value, renamed) as T);
}

function replaced(value: unknown, renamed: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((each) => replaced(each, renamed));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      name === "$ref" && typeof member === "string"
        ? (renamed.get(member) ?? member)
        : replaced(member, renamed),
    ]),
  );
}
