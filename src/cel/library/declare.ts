import {
  anyType,
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  nullType,
  optionalType,
  stringType,
  timestampType,
  typeOf,
  typeParam,
  uintType,
} from "../types.ts";
import { CelErr, type CelValue } from "../values.ts";

/** What a function does with its arguments, the receiver first. Errors are values and never reach it. */
export type Implementation = (...args: CelValue[]) => CelValue;

export interface Overload {
  readonly id: string;
  readonly isMethod: boolean;
  /** The receiver first. */
  readonly args: readonly CelType[];
  readonly result: CelType;
  /** Names of its type parameters. */
  readonly params: readonly string[];
  /** Absent where the function has one implementation for all. */
  readonly implementation?: Implementation;
}

export interface FunctionDeclaration {
  readonly name: string;
  readonly overloads: readonly Overload[];
  /** One implementation for all overloads, which looks at its arguments itself. */
  readonly implementation?: Implementation;
}

export const noSuchOverload = new CelErr("no such overload");

/** Types by the names that signatures below use. */
const builtin: Readonly<Record<string, CelType>> = {
  any: anyType,
  bool: boolType,
  bytes: bytesType,
  double: doubleType,
  duration: durationType,
  dyn: dynType,
  int: intType,
  null: nullType,
  string: stringType,
  timestamp: timestampType,
  uint: uintType,
};

/** Reads signatures such as `string_size: string.() -> int` and `index_map: (map<K, V>, K) -> V`. */
export class Signatures {
  readonly #types: Readonly<Record<string, CelType>>;

  /** `types`: further types by name. */
  constructor(types: Readonly<Record<string, CelType>> = {}) {
    this.#types = { ...builtin, ...types };
  }

  /** A function whose overloads each have their own implementation. */
  fn(name: string, overloads: Readonly<Record<string, Implementation | undefined>>): FunctionDeclaration {
    const declared = Object.entries(overloads).map(([text, implementation]) =>
      this.#overload(text, implementation),
    );
    return { name, overloads: declared };
  }

  /** A function with one implementation for all its overloads. */
  one(name: string, implementation: Implementation, ...signatures: string[]): FunctionDeclaration {
    return { name, implementation, overloads: signatures.map((text) => this.#overload(text, undefined)) };
  }

  #overload(text: string, implementation: Implementation | undefined): Overload {
    const match = /^([\w@.-]+): (?:(.+)\.)?\((.*)\) -> (.+)$/u.exec(text);
    if (match === null) throw new Error(`not a signature: ${text}`);
    const [, id = "", receiver, params = "", result = ""] = match;
    const args = [receiver, ...splitTypes(params)]
      .filter((each) => each !== undefined)
      .map((each) => this.#type(each));
    const names = new Set<string>();
    for (const type of [...args, this.#type(result)]) collectParams(type, names);
    return {
      id,
      isMethod: receiver !== undefined,
      args,
      result: this.#type(result),
      params: [...names],
      ...(implementation === undefined ? {} : { implementation }),
    };
  }

  #type(text: string): CelType {
    const generic = /^(\w+)<(.+)>$/u.exec(text);
    if (generic !== null) {
      const [first = dynType, second = dynType] = splitTypes(generic[2] ?? "").map((each) =>
        this.#type(each),
      );
      switch (generic[1]) {
        case "list":
          return listType(first);
        case "map":
          return mapType(first, second);
        case "optional":
          return optionalType(first);
        default:
          return typeOf(first);
      }
    }
    const known = this.#types[text];
    if (known !== undefined) return known;
    if (!/^[A-Z]$/u.test(text)) throw new Error(`no such type: ${text}`);
    return typeParam(text);
  }
}

/** Splits at the commas that are not inside angle brackets. */
function splitTypes(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "<") depth++;
    else if (text[at] === ">") depth--;
    else if (text[at] === "," && depth === 0) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  const last = text.slice(start).trim();
  return last === "" ? parts : [...parts, last];
}

function collectParams(type: CelType, names: Set<string>): void {
  if (type.kind === "typeParam") names.add(type.name);
  for (const param of type.params) collectParams(param, names);
}

// Implementations for arguments of known kinds. Dispatch looks at the declared types first, so these checks seldom fail.

export function onText(of: (text: string) => CelValue): Implementation {
  return (text) => (typeof text === "string" ? of(text) : noSuchOverload);
}

export function onTexts(of: (a: string, b: string) => CelValue): Implementation {
  return (a, b) => (typeof a === "string" && typeof b === "string" ? of(a, b) : noSuchOverload);
}
