import { childPath, keyPath } from "./path.ts";
import type { SchemaNode } from "./schema-node.ts";

/** A path that was followed through a schema. */
export interface FoundField {
  /** In the notation of field errors. */
  readonly path: string;
  readonly root: string;
  readonly schema: SchemaNode | undefined;
}

/**
 * Follows a path of fields and quoted keys, `.spec.labels['a/b']`, through the schema; answers what is wrong with it
 * otherwise (mirrors ValidFieldPath of apiserver/schema/cel).
 */
export function findField(
  text: string,
  schema: SchemaNode,
  { allowsBrackets = true } = {},
): FoundField | string {
  let path = "";
  let root = "";
  let node: SchemaNode | undefined = schema;
  const tokens = tokensOf(text);
  for (let at = 0; at < tokens.length; at++) {
    let name: string;
    if (tokens[at] === "[") {
      if (!allowsBrackets) return "array notation is not allowed";
      const quoted = tokens[++at];
      if (quoted === undefined) return "unexpected end of JSON path";
      if (!/^'.*'$/s.test(quoted) || quoted.length < 2)
        return `expected single quoted string but got ${quoted}`;
      const unquoted = unquote(quoted.slice(1, -1));
      if (unquoted.error !== undefined) return `invalid string literal: ${unquoted.error}`;
      name = unquoted.text;
    } else if (tokens[at] === ".") {
      const next = tokens[++at];
      if (next === undefined) return "unexpected end of JSON path";
      name = next;
    } else return `expected [ or . but got: ${tokens[at]}`;
    const isBracket = tokens[at]?.startsWith("'") === true;
    const isNamed: boolean = node?.hasFields === true;
    if (!isNamed && node?.allowsKeys !== true) return "does not refer to a valid field";
    const next: SchemaNode | undefined = isNamed ? node?.field(name) : node?.values;
    if (isNamed && next === undefined) return "does not refer to a valid field";
    if (root === "") root = name;
    path = isNamed ? childPath(path, name) : keyPath(path, name);
    node = next;
    if (!isBracket) continue;
    const close = tokens[++at];
    if (close === undefined) return "unexpected end of JSON path";
    if (close !== "]") return `expected ] but got ${close}`;
  }
  return { path, root, schema: node };
}

/** Dots, brackets, quoted keys and what is between them. */
const tokensOf = (text: string): string[] => text.match(/'(?:[^'\\]|\\.)*'|[.[\]]|[^.[\]]+/gs) ?? [];

const escapes: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "'": "'",
  "\\": "\\",
};

function unquote(text: string): { text: string; error?: string } {
  let error: string | undefined;
  const plain = text.replaceAll(/\\./gs, (escape) => {
    const character = escapes[escape[1] ?? ""];
    if (character === undefined) error = `invalid escape char ${escape}`;
    return character ?? "";
  });
  return error === undefined ? { text: plain } : { text: plain, error };
}
