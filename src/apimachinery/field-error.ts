import { goQuoted } from "./go-quote.ts";
/**
 * What validation returns: a list of errors, each with the path of the field.
 * Types, defaults and wording mirror k8s.io/apimachinery/pkg/util/validation/field.
 */
export type FieldErrorType =
  | "FieldValueRequired"
  | "FieldValueInvalid"
  | "FieldValueNotSupported"
  | "FieldValueForbidden"
  | "FieldValueDuplicate"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueNotFound"
  | "FieldValueTypeInvalid"
  | "InternalError";

export interface FieldError {
  readonly type: FieldErrorType;
  /** `spec.containers[0].name`, `metadata.labels[a/b]`. */
  readonly path: string;
  /** The offending value; absent where the message does not show it. */
  readonly value?: unknown;
  readonly detail: string;
}

const labels: Record<FieldErrorType, string> = {
  FieldValueRequired: "Required value",
  FieldValueInvalid: "Invalid value",
  FieldValueNotSupported: "Unsupported value",
  FieldValueForbidden: "Forbidden",
  FieldValueDuplicate: "Duplicate value",
  FieldValueTooLong: "Too long",
  FieldValueTooMany: "Too many",
  FieldValueNotFound: "Not found",
  FieldValueTypeInvalid: "Invalid value",
  InternalError: "Internal error",
};

const withoutValue = new Set<FieldErrorType>([
  "FieldValueRequired",
  "FieldValueForbidden",
  "FieldValueTooLong",
  "InternalError",
]);

/** Stands for a value that the message leaves out: `spec.rules[0]: Invalid value: one of a and b is required`. */
export const omitted = Symbol("omitted");

/** `spec.replicas: Invalid value: -1: must be greater than or equal to 0`. */
export function formatFieldError(error: FieldError, { withPath = true } = {}): string {
  const label = labels[error.type];
  const isSilent = withoutValue.has(error.type) || error.value === omitted;
  const value = isSilent ? "" : `: ${showValue(error.value)}`;
  const detail = error.detail === "" ? "" : `: ${error.detail}`;
  return `${withPath ? `${error.path}: ` : ""}${label}${value}${detail}`;
}

/** As Go writes JSON of anything but plain texts. */
const escapeHtml = (character: string): string =>
  `\\u00${character.charCodeAt(0).toString(16).padStart(2, "0")}`;

function showValue(value: unknown): string {
  if (value === undefined || value === null) return "null";
  if (typeof value === "bigint") return String(value);
  if (typeof value === "string") return goQuoted(value);
  const text = JSON.stringify(value);
  return typeof value === "object" ? text.replaceAll(/[<>&]/g, escapeHtml) : text;
}

/** A field path that grows by the child: `path("spec").child("ports").index(0).key("a")`. */
export class FieldPath {
  readonly #text: string;

  constructor(text = "") {
    this.#text = text;
  }

  child(...names: string[]): FieldPath {
    return new FieldPath(names.reduce((text, name) => (text === "" ? name : `${text}.${name}`), this.#text));
  }

  index(index: number): FieldPath {
    return new FieldPath(`${this.#text}[${index}]`);
  }

  key(key: string): FieldPath {
    return new FieldPath(`${this.#text}[${key}]`);
  }

  toString(): string {
    return this.#text === "" ? "<nil>" : this.#text;
  }
}

export const path = (text: string): FieldPath => new FieldPath(text);

type Where = FieldPath | string;

export const required = (where: Where, detail = ""): FieldError => ({
  type: "FieldValueRequired",
  path: String(where),
  detail,
});

export const invalid = (where: Where, value: unknown, detail: string): FieldError => ({
  type: "FieldValueInvalid",
  path: String(where),
  value,
  detail,
});

/** `supported` is shown quoted and in the order given: some lists of Kubernetes are sorted and some are not. */
export const notSupported = (where: Where, value: unknown, supported: readonly string[]): FieldError => ({
  type: "FieldValueNotSupported",
  path: String(where),
  value,
  detail:
    supported.length === 0
      ? ""
      : `supported values: ${supported.map((item) => JSON.stringify(item)).join(", ")}`,
});

export const forbidden = (where: Where, detail: string): FieldError => ({
  type: "FieldValueForbidden",
  path: String(where),
  detail,
});

export const duplicate = (where: Where, value: unknown): FieldError => ({
  type: "FieldValueDuplicate",
  path: String(where),
  value,
  detail: "",
});

export const tooLong = (where: Where, maxLength: number): FieldError => ({
  type: "FieldValueTooLong",
  path: String(where),
  detail: `may not be more than ${maxLength} ${maxLength === 1 ? "byte" : "bytes"}`,
});

export const tooMany = (where: Where, actual: number, maxItems: number): FieldError => ({
  type: "FieldValueTooMany",
  path: String(where),
  value: actual,
  detail: `must have at most ${maxItems} item${maxItems === 1 ? "" : "s"}`,
});

export const notFound = (where: Where, value: unknown): FieldError => ({
  type: "FieldValueNotFound",
  path: String(where),
  value,
  detail: "",
});
