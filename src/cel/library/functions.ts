import type { Macro } from "../parser/macros.ts";
import { bindMacros, optionalMacros, standardMacros, twoVariableMacros } from "../parser/macros.ts";
import type { CelType } from "../types.ts";
import { authorizationFunctions, selectorFunctions } from "./authorizer.ts";
import type { FunctionDeclaration } from "./declare.ts";
import { encoderFunctions } from "./encoders.ts";
import { listExtensions, listFunctions, listMacros, setFunctions } from "./lists.ts";
import { mathFunctions, mathMacros } from "./math.ts";
import { formatFunctions } from "./named-format.ts";
import { cidrFunctions, cidrType, ipFunctions, ipType } from "./network.ts";
import { optionalFunctions, optionalTypes } from "./optional.ts";
import { quantityFunctions } from "./quantity.ts";
import { regexFunctions } from "./regex-functions.ts";
import { semverFunctions } from "./semver.ts";
import { mapInsert, standardFunctions } from "./standard.ts";
import { laterStringFunctions, reverseText, stringFunctions } from "./strings.ts";
import { urlFunctions } from "./url.ts";

/** Functions, macros and types that come together. */
export interface Library {
  /** The Kubernetes minor version that introduced it; 0 for what was always there. */
  readonly since: number;
  /** The minor version from which on it is left out, because another took its place. */
  readonly until?: number;
  readonly functions: readonly FunctionDeclaration[];
  readonly macros?: ReadonlyMap<string, Macro>;
  readonly types?: readonly CelType[];
}

/** In the order of k8s.io/apiserver/pkg/cel/environment/base.go. */
const libraries: readonly Library[] = [
  { since: 0, functions: standardFunctions, macros: standardMacros },
  { since: 0, functions: urlFunctions },
  { since: 0, functions: regexFunctions },
  { since: 0, functions: listFunctions },
  { since: 27, functions: authorizationFunctions },
  { since: 28, functions: optionalFunctions, macros: optionalMacros, types: optionalTypes },
  { since: 28, functions: quantityFunctions },
  { since: 0, functions: stringFunctions },
  { since: 29, functions: laterStringFunctions },
  { since: 29, functions: setFunctions },
  { since: 30, functions: ipFunctions, types: [ipType] },
  { since: 30, functions: cidrFunctions, types: [cidrType] },
  { since: 31, functions: formatFunctions },
  { since: 31, functions: selectorFunctions },
  { since: 32, functions: [mapInsert], macros: twoVariableMacros },
  { since: 33, functions: semverFunctions },
  { since: 34, functions: listExtensions, macros: listMacros },
];

export interface FunctionSet {
  readonly functions: ReadonlyMap<string, FunctionDeclaration>;
  readonly macros: ReadonlyMap<string, Macro>;
  readonly types: ReadonlyMap<string, CelType>;
  /** Comparisons between numbers of different types, and the syntax of optionals. */
  readonly modern: boolean;
  /** Literals that cannot be converted are found when the expression is compiled. */
  readonly validatesLiterals: boolean;
}

const extensionLibraries: Readonly<Record<string, Library>> = {
  bindings: { since: 0, functions: [], macros: bindMacros },
  encoders: { since: 0, functions: encoderFunctions },
  math: { since: 0, functions: mathFunctions, macros: mathMacros },
  strings: { since: 0, functions: [reverseText] },
};

const sets = new Map<string, FunctionSet>();

/** What expressions may use at a minor version of Kubernetes 1. Made once for each. */
export function functionSet(minor: number, extensions: readonly string[] = []): FunctionSet {
  const key = [minor, ...extensions].join();
  const known = sets.get(key);
  if (known !== undefined) return known;
  const further = extensions
    .map((name) => extensionLibraries[name])
    .filter((library) => library !== undefined);
  const included = libraries.filter(
    ({ since, until }) => since <= minor && (until === undefined || minor < until),
  );
  const made = build([...included, ...further], minor);
  sets.set(key, made);
  return made;
}

function build(included: readonly Library[], minor: number): FunctionSet {
  const functions = new Map<string, FunctionDeclaration>();
  for (const declared of included.flatMap((library) => library.functions)) {
    const former = functions.get(declared.name);
    functions.set(declared.name, former === undefined ? declared : merged(former, declared));
  }
  const modern = minor >= 28;
  if (!modern) withoutMixedComparisons(functions);
  return {
    functions,
    macros: new Map(included.flatMap(({ macros = new Map<string, Macro>() }) => [...macros])),
    types: new Map(included.flatMap(({ types = [] }) => types.map((type) => [type.name, type] as const))),
    modern,
    validatesLiterals: minor >= 29,
  };
}

/** Libraries add overloads to each other's functions: `indexOf` of strings and of lists. */
function merged(a: FunctionDeclaration, b: FunctionDeclaration): FunctionDeclaration {
  const own = (declared: FunctionDeclaration) =>
    declared.overloads.map((overload) => {
      const implementation = overload.implementation ?? declared.implementation;
      return implementation === undefined ? overload : { ...overload, implementation };
    });
  const replaced = new Set(b.overloads.map(({ id }) => id));
  return { name: a.name, overloads: [...own(a).filter(({ id }) => !replaced.has(id)), ...own(b)] };
}

function withoutMixedComparisons(functions: Map<string, FunctionDeclaration>): void {
  for (const [name, declared] of functions) {
    if (!/^_[<>]=?_$/u.test(name)) continue;
    const overloads = declared.overloads.filter(({ args: [a, b] }) => a === b);
    functions.set(name, { ...declared, overloads });
  }
}
