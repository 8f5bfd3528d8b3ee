import { newBadRequest } from "./status.ts";

/**
 * Field selectors: `metadata.name=web,status.phase!=Running`. Which fields a resource supports is not known here.
 * Grammar and wording mirror k8s.io/apimachinery/pkg/fields.
 */
export interface FieldRequirement {
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

export interface FieldSelector {
  readonly requirements: readonly FieldRequirement[];
  /** `get` answers with the field's value, the empty string where it has none. */
  matches(get: (field: string) => string): boolean;
  /** The text form; parsing it gives an equal selector. */
  toString(): string;
}

/** Parses the text form; an empty text selects everything. Throws StatusError 400 with the wording of the API server. */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text).sort()) {
    if (term !== "") requirements.push(parseTerm(text, term));
  }
  return newFieldSelector(requirements);
}

/** A selector of the given requirements, all of which must hold. */
export function newFieldSelector(requirements: readonly FieldRequirement[]): FieldSelector {
  return {
    requirements,
    matches: (get) =>
      requirements.every(({ field, operator, value }) => (get(field) === value) === (operator === "=")),
    toString: () =>
      requirements
        .map(({ field, operator, value }) => `${field}${operator}${escapeFieldValue(value)}`)
        .join(","),
  };
}

/** Escapes what has a meaning in the text form. */
export function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, (character) => `\\${character}`);
}

/** At commas that no backslash precedes. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let position = 0; position < text.length; position++) {
    if (text[position] === "\\") position++;
    else if (text[position] === ",") {
      terms.push(text.slice(start, position));
      start = position + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function parseTerm(selector: string, term: string): FieldRequirement {
  for (let position = 0; position < term.length; position++) {
    if (term[position] === "\\") {
      position++;
      continue;
    }
    const operator = ["!=", "==", "="].find((candidate) => term.startsWith(candidate, position));
    if (operator === undefined) continue;
    return {
      field: term.slice(0, position),
      operator: operator === "!=" ? "!=" : "=",
      value: unescapeValue(term.slice(position + operator.length)),
    };
  }
  throw newBadRequest(`invalid selector: '${selector}'; can't understand '${term}'`);
}

function unescapeValue(text: string): string {
  let value = "";
  for (let position = 0; position < text.length; position++) {
    const character = text.charAt(position);
    if (character === "\\") {
      const next = text.charAt(++position);
      if (next !== "\\" && next !== "," && next !== "=") {
        throw newBadRequest(`invalid field selector: invalid escape sequence: \\${next}`);
      }
      value += next;
    } else if (character === "," || character === "=") {
      // Kubernetes prints the character's number.
      const number = character.charCodeAt(0);
      throw newBadRequest(`invalid field selector: unescaped character in value: ${number}`);
    } else {
      value += character;
    }
  }
  return value;
}
