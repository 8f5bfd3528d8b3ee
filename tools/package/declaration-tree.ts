import { dirname, join } from "node:path";

/** One declaration at the top of a module, with the comment before it. */
interface Statement {
  readonly text: string;
  /** The same without comments. */
  readonly code: string;
  /** What it declares. */
  readonly name: string;
  isKept: boolean;
}

/** A name that a module takes from another one: `import { name as local }`, or `*` for all of it. */
interface Taken {
  readonly name: string;
  readonly local: string;
  readonly from: string;
  /** `export { … } from`: others know it by `local`, the module itself does not. */
  readonly isPassedOn: boolean;
  isKept: boolean;
}

interface Module {
  readonly file: string;
  readonly statements: readonly Statement[];
  readonly taken: readonly Taken[];
}

/**
 * The declarations of a program, of which only those are kept that something public speaks of. It reads what the compiler
 * writes, where each declaration begins in the first column; it is no parser of TypeScript.
 */
export class DeclarationTree {
  readonly #read: (file: string) => string;
  readonly #modules = new Map<string, Module>();

  constructor(read: (file: string) => string) {
    this.#read = read;
  }

  /** Keeps all that the module gives to others. */
  keepModule(file: string): void {
    const module = this.#module(file);
    for (const statement of module.statements)
      if (statement.code.startsWith("export ")) this.#keepStatement(module, statement);
    for (const taken of module.taken) if (taken.isPassedOn) this.#keepTaken(module, taken);
  }

  /** The modules of which something is kept, with what that is. */
  *kept(): Iterable<[file: string, text: string]> {
    for (const [file, { statements, taken }] of this.#modules) {
      const lines = [
        ...taken.filter(({ isKept }) => isKept).map(lineOf),
        ...statements.filter(({ isKept }) => isKept).map(({ text }) => withScriptNames(text.trimEnd())),
      ];
      if (lines.length > 0) yield [file, `${lines.join("\n")}\n`];
    }
  }

  #module(file: string): Module {
    let module = this.#modules.get(file);
    if (module === undefined) {
      module = parse(file, this.#read(file));
      this.#modules.set(file, module);
    }
    return module;
  }

  #keepName(file: string, name: string): void {
    if (name === "*") return this.keepModule(file);
    const module = this.#module(file);
    for (const statement of module.statements)
      if (statement.name === name) this.#keepStatement(module, statement);
    for (const taken of module.taken)
      if (taken.isPassedOn && taken.local === name) this.#keepTaken(module, taken);
  }

  #keepStatement(module: Module, statement: Statement): void {
    if (statement.isKept) return;
    statement.isKept = true;
    const words = new Set(statement.code.match(/[A-Za-z_$][\w$]*/g));
    for (const other of module.statements) if (words.has(other.name)) this.#keepStatement(module, other);
    for (const taken of module.taken)
      if (!taken.isPassedOn && words.has(taken.local)) this.#keepTaken(module, taken);
    for (const [, from = "", name = ""] of statement.code.matchAll(/import\("(\.[^"]+)"\)\.(\w+)/g))
      this.#keepName(declarationFile(module.file, from), name);
  }

  #keepTaken({ file }: Module, taken: Taken): void {
    if (taken.isKept) return;
    taken.isKept = true;
    if (taken.from.startsWith(".")) this.#keepName(declarationFile(file, taken.from), taken.name);
  }
}

const declarationFile = (file: string, from: string): string =>
  join(dirname(file), from.replace(/\.ts$/, ".d.ts"));

/** Modules are called by the names that their scripts would have. */
const withScriptNames = (text: string): string => text.replace(/"(\.[^"]+)\.ts"/g, '"$1.js"');

function lineOf({ name, local, from, isPassedOn }: Taken): string {
  const what = name === "*" ? `* as ${local}` : `{ ${name === local ? name : `${name} as ${local}`} }`;
  // A class is passed on with its value, which an import of a declaration does not need.
  return withScriptNames(
    isPassedOn ? `export ${what} from "${from}";` : `import type ${what} from "${from}";`,
  );
}

const beginning = /^(?=\/\*\*|export |declare |interface |type |class |const |import )/m;
const takes = /^(import|export) (?:type )?(?:\* as (?<all>\w+)|\{(?<names>[^}]*)\}) from "(?<from>[^"]+)";/;
const declares =
  /^(?:export )?(?:declare )?(?:abstract )?(?:interface|type|class|const|let|function) ([A-Za-z_$][\w$]*)/;

function parse(file: string, text: string): Module {
  const statements: Statement[] = [];
  const taken: Taken[] = [];
  let comment = "";
  for (const part of text.split(beginning)) {
    const code = part.replace(/\/\*[^]*?\*\/\s*/g, "");
    if (code.trim() === "") {
      comment += part;
      continue;
    }
    const names = takes.exec(code);
    const name = declares.exec(code)?.[1];
    const last = statements.at(-1);
    if (code.startsWith("export type {") && names === null)
      throw new Error(`${file}: types that are passed on need a "from": ${code.slice(0, 80)}`);
    if (names?.groups !== undefined) taken.push(...takenBy(names[1] === "export", names.groups));
    else if (name !== undefined) statements.push({ text: comment + part, code, name, isKept: false });
    // The members of a union have comments in the first column too.
    else if (last !== undefined && code.trim() !== "export {};") {
      statements.splice(-1, 1, { ...last, text: last.text + comment + part, code: last.code + code });
    } else if (code.trim() !== "export {};") throw new Error(`${file}: cannot be read: ${code.slice(0, 80)}`);
    comment = "";
  }
  return { file, statements, taken };
}

function takenBy(isPassedOn: boolean, groups: Readonly<Record<string, string | undefined>>): Taken[] {
  const { all, names = "", from = "" } = groups;
  const rest = { from, isPassedOn, isKept: false };
  if (all !== undefined) return [{ name: "*", local: all, ...rest }];
  return names
    .split(",")
    .map((each) => each.trim().replace(/^type /, ""))
    .filter((each) => each !== "")
    .map((each) => {
      const [name = "", local = name] = each.split(" as ");
      return { name, local, ...rest };
    });
}
