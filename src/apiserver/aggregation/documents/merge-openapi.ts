import type { ForeignPart, OwnContent } from "../../../api/openapi/index.ts";
import type { JsonDocument } from "../../../api/openapi/source.ts";
import { deepEqual, isObject } from "../../../apimachinery/json.ts";
import {
  definitionPrefix,
  type ForeignSpec,
  parameterPrefix,
  withPaths,
  withReferences,
} from "./foreign-spec.ts";

const kindsKey = "x-kubernetes-group-version-kind";

/**
 * What the specs of other servers add to this server's document. Paths that are there already stay as they are. A
 * definition or parameter of a name that is taken gets another one, unless it says the same (mirrors
 * MergeSpecsIgnorePathConflictRenamingDefinitionsAndParameters of k8s.io/kube-openapi/pkg/aggregator).
 */
export function foreignPart(own: OwnContent, specs: readonly ForeignSpec[]): ForeignPart {
  const merge = new Merge(own);
  for (const spec of specs) merge.add(spec);
  return merge.part();
}

class Merge {
  readonly #own: OwnContent;
  readonly #paths = new Map<string, JsonDocument>();
  readonly #definitions = new Map<string, JsonDocument>();
  readonly #replaced = new Map<string, JsonDocument>();
  readonly #parameters = new Map<string, JsonDocument>();

  constructor(own: OwnContent) {
    this.#own = own;
  }

  part(): ForeignPart {
    const byName = <T>(entries: ReadonlyMap<string, T>): [string, T][] =>
      [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return {
      paths: byName(this.#paths),
      definitions: byName(this.#definitions),
      replaced: this.#replaced,
      parameters: Object.fromEntries(byName(this.#parameters)),
    };
  }

  add(given: ForeignSpec): void {
    const isNew = (path: string): boolean => !this.#paths.has(path) && !this.#own.hasPath(path);
    const paths = Object.keys(given.paths);
    if (!paths.some(isNew)) return;
    const spec = paths.every(isNew) ? given : withPaths(given, isNew);
    const parameters = renames(
      spec.parameters,
      (name) => this.#parameter(name),
      () => false,
    );
    const definitions = renames(
      spec.definitions,
      (name) => this.#definition(name),
      (name) => this.#own.names.has(name),
    );
    const references = new Map([
      ...Array.from(
        definitions,
        ([from, to]) => [`${definitionPrefix}${from}`, `${definitionPrefix}${to}`] as const,
      ),
      ...Array.from(
        parameters,
        ([from, to]) => [`${parameterPrefix}${from}`, `${parameterPrefix}${to}`] as const,
      ),
    ]);
    for (const [name, definition] of Object.entries(spec.definitions))
      this.#addDefinition(definitions.get(name) ?? name, withReferences(definition, references));
    for (const [name, parameter] of Object.entries(spec.parameters)) {
      const target = parameters.get(name) ?? name;
      if (this.#parameter(target) === undefined)
        this.#parameters.set(target, withReferences(parameter, references));
    }
    for (const [path, item] of Object.entries(spec.paths))
      this.#paths.set(path, withReferences(item, references));
  }

  #definition(name: string): JsonDocument | undefined {
    return this.#definitions.get(name) ?? this.#replaced.get(name) ?? memberOf(this.#own.definitions, name);
  }

  #parameter(name: string): JsonDocument | undefined {
    return this.#parameters.get(name) ?? memberOf(this.#own.parameters, name);
  }

  /** One that is there is of more kinds now. */
  #addDefinition(name: string, definition: JsonDocument): void {
    const existing = this.#definition(name);
    if (existing === undefined) {
      this.#definitions.set(name, definition);
      return;
    }
    const kinds = mergedKinds(existing[kindsKey], definition[kindsKey]);
    if (kinds === undefined) return;
    const target = this.#definitions.has(name) ? this.#definitions : this.#replaced;
    target.set(name, { ...existing, [kindsKey]: kinds });
  }
}

function memberOf(document: JsonDocument, name: string): JsonDocument | undefined {
  const member = Object.hasOwn(document, name) ? document[name] : undefined;
  return isObject(member) ? member : undefined;
}

/** The names of those that cannot keep theirs, each with its new one. `isTaken` knows of more names than `existing`. */
function renames(
  added: Readonly<Record<string, JsonDocument>>,
  existing: (name: string) => JsonDocument | undefined,
  isTaken: (name: string) => boolean,
): Map<string, string> {
  const found = new Map<string, string>();
  const used = new Set<string>();
  for (const [name, document] of Object.entries(added)) {
    const fits = (candidate: string): boolean => {
      const known = existing(candidate);
      return known === undefined ? !isTaken(candidate) : isSameButForKinds(known, document);
    };
    if (fits(name)) continue;
    let number = 2;
    const next = (): string => `${name}_v${number}`;
    const isAnothers = (): boolean =>
      existing(next()) === undefined && (used.has(next()) || Object.hasOwn(added, next()));
    while (!fits(next()) || isAnothers()) number++;
    found.set(name, next());
    used.add(next());
  }
  return found;
}

function isSameButForKinds(a: JsonDocument, b: JsonDocument): boolean {
  const { [kindsKey]: _a, ...restOfA } = a;
  const { [kindsKey]: _b, ...restOfB } = b;
  return deepEqual(restOfA, restOfB);
}

/** All kinds of both, by their names; undefined when the first has those of the second. */
function mergedKinds(a: unknown, b: unknown): unknown[] | undefined {
  if (!Array.isArray(b)) return undefined;
  const known = Array.isArray(a) ? a : [];
  const byName = new Map(known.map((each) => [kindName(each), each]));
  for (const each of b) if (!byName.has(kindName(each))) byName.set(kindName(each), each);
  if (byName.size === known.length) return undefined;
  return [...byName].toSorted(([x], [y]) => (x < y ? -1 : 1)).map(([, each]) => each);
}

function kindName(value: unknown): string {
  const { group, version, kind } = isObject(value) ? value : {};
  return `${String(group)}/${String(version)}.${String(kind)}`;
}
