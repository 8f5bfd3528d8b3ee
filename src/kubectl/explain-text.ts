/**
 * Fields of a kind, from its OpenAPI v3 document, laid out as `kubectl explain` does
 * (k8s.io/kubectl/pkg/explain/v2/templates/plaintext.tmpl).
 */
export interface OpenApiDocument {
  readonly components?: { readonly schemas?: Readonly<Record<string, OpenApiSchema>> };
}

export interface OpenApiSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly items?: OpenApiSchema;
  readonly additionalProperties?: OpenApiSchema | boolean;
  readonly allOf?: readonly OpenApiSchema[];
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly externalDocs?: { readonly description?: string; readonly url?: string };
}

/** The description and fields of what the path leads to; the empty string when it leads nowhere. */
export function explainText(
  document: OpenApiDocument,
  schema: OpenApiSchema,
  path: readonly string[],
  recursive: boolean,
): string {
  return new Explanation(document, recursive).output(schema, path, new Set());
}

class Explanation {
  readonly #document: OpenApiDocument;
  readonly #recursive: boolean;

  constructor(document: OpenApiDocument, recursive: boolean) {
    this.#document = document;
    this.#recursive = recursive;
  }

  /** `history` has the references followed since the last field: meeting one again is a circle. */
  output(schema: OpenApiSchema, path: readonly string[], history: ReadonlySet<string>): string {
    const reference = schema.$ref ?? "";
    const resolved = this.#resolve(schema);
    const [field, ...rest] = path;
    if (field === undefined) return this.#whole(resolved);
    if (reference !== "" && history.has(reference)) return "";
    const next = new Set(history).add(reference);
    const inner = resolved.properties?.[field];
    if (inner !== undefined) {
      const below = this.output(inner, rest, new Set());
      if (rest.length > 0) return below;
      const values = (inner.enum ?? []).map((value) => `\n    ${enumText(value)}`).join("");
      const shownEnum = values === "" ? "" : `ENUM:${values}`;
      return `FIELD: ${field} <${this.#typeOf(inner)}>\n${shownEnum}\n\n${below}`;
    }
    if (resolved.items !== undefined) return this.output(resolved.items, path, next);
    if (typeof resolved.additionalProperties === "object")
      return this.output(resolved.additionalProperties, path, next);
    for (const alternative of resolved.allOf ?? []) {
      const text = this.output(alternative, path, next);
      if (text !== "") return text;
    }
    return "";
  }

  #whole(schema: OpenApiSchema): string {
    const description = this.#description(schema);
    const text = `DESCRIPTION:\n${indent(4, wrap(76, description === "" ? "<empty>" : description))}\n`;
    const fields = this.#fields(schema, 1, new Set());
    return `${text}${externalDocs(schema, 0)}${fields === "" ? "" : `FIELDS:\n${fields}`}`;
  }

  #description(schema: OpenApiSchema): string {
    const resolved = this.#resolve(schema);
    const own =
      resolved.description === undefined || resolved.description === "" ? "" : `${resolved.description}\n`;
    const inner = [
      ...(resolved.allOf ?? []),
      ...(resolved.items === undefined ? [] : [resolved.items]),
      ...(typeof resolved.additionalProperties === "object" ? [resolved.additionalProperties] : []),
    ];
    return own + inner.map((other) => this.#description(other)).join("");
  }

  #fields(schema: OpenApiSchema, level: number, history: ReadonlySet<string>): string {
    const reference = schema.$ref ?? "";
    if (reference !== "" && history.has(reference)) return "";
    const next = new Set(history).add(reference);
    const resolved = this.#resolve(schema);
    const properties = resolved.properties ?? {};
    let text = "";
    for (const name of Object.keys(properties).sort()) {
      const field = properties[name] ?? {};
      text += this.#field(name, field, resolved.required?.includes(name) === true, level);
      if (this.#recursive) text += this.#fields(field, level + 1, next);
    }
    for (const other of resolved.allOf ?? []) text += this.#fields(other, level, next);
    if (resolved.items !== undefined) text += this.#fields(resolved.items, level, next);
    if (typeof resolved.additionalProperties === "object")
      text += this.#fields(resolved.additionalProperties, level, next);
    return text;
  }

  #field(name: string, field: OpenApiSchema, isRequired: boolean, level: number): string {
    const width = level * 2;
    const values = field.enum ?? [];
    const shown = values.slice(0, enumMax).map(enumText).join(", ");
    const choices =
      values.length === 0
        ? ""
        : `\n${" ".repeat(width)}enum: ${shown}${values.length > enumMax ? ", ...." : ""}`;
    const head = `${" ".repeat(width)}${name}\t<${this.#typeOf(field)}>${isRequired ? " -required-" : ""}${choices}\n`;
    if (this.#recursive) return head;
    const { description = "" } = field;
    const text = description === "" ? "<no description>" : description;
    return `${head}${indent(width + 2, wrap(78 - width, text))}\n${externalDocs(field, width + 2)}\n`;
  }

  /** `string`, `Object`, `[]Container`, `map[string]string`. */
  #typeOf(schema: OpenApiSchema): string {
    if (schema.items !== undefined) return `[]${this.#typeOf(schema.items)}`;
    if (typeof schema.additionalProperties === "object")
      return `map[string]${this.#typeOf(schema.additionalProperties)}`;
    const [only] = schema.allOf ?? [];
    if (only !== undefined && schema.allOf?.length === 1 && schema.properties === undefined)
      return this.#typeOf(only);
    if (schema.$ref !== undefined) {
      const { type = "object" } = this.#lookUp(schema.$ref) ?? {};
      return type === "object" ? (schema.$ref.split(/[/.]/).at(-1) ?? "Object") : type;
    }
    return schema.type === undefined || schema.type === "object" ? "Object" : schema.type;
  }

  #resolve(schema: OpenApiSchema): OpenApiSchema {
    return schema.$ref === undefined ? schema : (this.#lookUp(schema.$ref) ?? schema);
  }

  #lookUp(reference: string): OpenApiSchema | undefined {
    return this.#document.components?.schemas?.[reference.split("/").at(-1) ?? ""];
  }
}

const enumMax = 4;
const enumText = (value: unknown): string => (value === "" ? '""' : String(value));

function externalDocs({ externalDocs: docs }: OpenApiSchema, level: number): string {
  if (docs === undefined) return "";
  const { description = "", url = "" } = docs;
  return [
    `\n${" ".repeat(level)}EXTERNAL DOCS:\n`,
    description === "" ? "" : `${indent(level + 4, wrap(76 - level, description))}\n`,
    url === "" ? "" : `${indent(level + 4, `URL: ${url}`)}\n`,
  ].join("");
}

const indent = (width: number, text: string): string =>
  " ".repeat(width) + text.replaceAll("\n", `\n${" ".repeat(width)}`);

/** Lines of at most `width`, broken at blanks; the text's own line breaks are dropped, as kubectl drops them. */
function wrap(width: number, text: string): string {
  const lines: string[] = [];
  let line = "";
  for (const [, blanks = "", word = ""] of text.replaceAll("\n", "").matchAll(/( *)([^ ]+)/g)) {
    if (line !== "" && line.length + blanks.length + word.length > width) {
      lines.push(line);
      line = word;
    } else line += blanks + word;
  }
  return [...lines, line].join("\n");
}
