import type { Schema, SchemaSet } from "../apimachinery/schema.ts";
import { schemaTable } from "./generated/schemas.ts";
import { type CompactType, expandType } from "./schema-notation.ts";

/**
 * The schemas of all built-in types. The table is cut into lines at once, which takes a fraction of a millisecond;
 * a type is parsed when it is first asked for, and kept.
 */
class SchemaTable implements SchemaSet {
  readonly #lines = new Map<string, string>();
  /** Invariant: holds only what `#lines` also names. */
  readonly #parsed = new Map<string, Schema>();

  constructor(table: string) {
    for (const line of table.split("\n")) {
      const tab = line.indexOf("\t");
      this.#lines.set(line.slice(0, tab), line);
    }
  }

  get(name: string): Schema | undefined {
    const known = this.#parsed.get(name);
    if (known !== undefined) return known;
    const line = this.#lines.get(name);
    if (line === undefined) return undefined;
    const schema = expandType(JSON.parse(line.slice(name.length + 1)) as CompactType);
    this.#parsed.set(name, schema);
    return schema;
  }

  names(): IterableIterator<string> {
    return this.#lines.keys();
  }
}

let table: SchemaTable | undefined;

/** The schemas of all built-in types, shared by all schemes of the process. */
export function builtinSchemas(): SchemaSet {
  table ??= new SchemaTable(schemaTable);
  return table;
}

/** Names of all built-in types, in alphabetical order. */
export function builtinSchemaNames(): string[] {
  table ??= new SchemaTable(schemaTable);
  return [...table.names()];
}
