import { decodeObject, parseJson } from "../../apimachinery/decode.ts";
import { mayHoldLargeIntegers, parseExactly } from "../../apimachinery/exact-json.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import { newInternalError, StatusError } from "../../apimachinery/status.ts";
import { parseYaml } from "../../apimachinery/yaml.ts";
import type { HttpAnswer } from "./http-answer.ts";
import type { ReviewForm } from "./review-form.ts";
import { serverError } from "./server-error.ts";

/** A review as it came back: of the kind that was sent, each field of its type; nothing else is known of it. */
export type Review = Readonly<Record<string, unknown>>;

/** The scheme of the client, which knows of reviews alone. */
const scheme = `in scheme "pkg/runtime/scheme.go:111"`;
const versionAndKind =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/**
 * The review in an answer. Throws what client-go's `Result.Into` would say: an answer may be of any code, no review, of another
 * version, or have fields of other types.
 */
export function readReview(
  answer: HttpAnswer,
  { group, kind, schemas }: ReviewForm,
  version: string,
): Review {
  const { code, contentType = "application/json", body } = answer;
  if (!/^\s*[^\s;/]+(?:\/[^\s;/]+)?\s*(?:;|$)/.test(contentType))
    throw newInternalError(new Error("mime: no media type"));
  if (code !== 101 && (code < 200 || code > 206)) throw serverError(answer);
  if (body.length === 0)
    throw new Error(`0-length response with status code: ${code} and content type: ${contentType}`);
  const value = parse(body.toString("utf8"));
  const apiVersion = `${group}/${version}`;
  checkKind(
    { apiVersion: textOf(value, "apiVersion"), kind: textOf(value, "kind") },
    { group, apiVersion, version, kind },
  );
  try {
    checkNamedTypes(value, kind);
    return decodeObject(schemas, `${version}.${kind}`, value).object;
  } catch (error) {
    throw error instanceof StatusError && error.cause instanceof Error ? error.cause : error;
  }
}

/** JSON where it looks like it, else YAML, whatever the content type says. */
function parse(text: string): Record<string, unknown> {
  const value = text.trimStart().startsWith("{") ? parsed(text) : parseYaml(text);
  if (value === null || value === undefined) return {};
  if (isObject(value)) return value;
  throw parseError(`json: cannot unmarshal ${describe(value)} into Go value of type ${versionAndKind}`);
}

function parsed(text: string): unknown {
  try {
    const { value } = parseJson(text);
    return mayHoldLargeIntegers(text) ? parseExactly(text) : value;
  } catch (error) {
    throw parseError(error instanceof Error ? error.message : String(error));
  }
}

const parseError = (why: string): Error => new Error(`couldn't get version/kind; json parse error: ${why}`);

function textOf(value: Record<string, unknown>, field: "apiVersion" | "kind"): string {
  const text = value[field] ?? "";
  if (typeof text === "string") return text;
  throw parseError(`json: cannot unmarshal ${describe(text)} into Go struct field .${field} of type string`);
}

const describe = (value: unknown): string =>
  typeof value === "boolean" ? "bool" : Array.isArray(value) ? "array" : typeof value;

interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
}

/** An answer that does not say what it is, is what was asked for. */
function checkKind(found: Kind, asked: Kind & { readonly group: string; readonly version: string }): void {
  const { apiVersion, kind } = {
    apiVersion: found.apiVersion === "" ? asked.apiVersion : found.apiVersion,
    kind: found.kind === "" ? asked.kind : found.kind,
  };
  if (apiVersion === asked.apiVersion && kind === asked.kind) return;
  const { group, version } = parseApiVersion(apiVersion);
  const isOtherVersion =
    kind === asked.kind && group === asked.group && (version === "v1" || version === "v1beta1");
  if (isOtherVersion || (apiVersion === "v1" && kind === "Status"))
    throw new Error(
      `converting (${version}.${kind}) to (${asked.version}.${asked.kind}): unknown conversion`,
    );
  throw new Error(
    `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} ${scheme}`,
  );
}

/** Texts of a type with a name of its own, which messages call by it. */
const namedTypes: readonly (readonly [field: string, type: string])[] = [
  ["uid", "types.UID"],
  ["patchType", "v1.PatchType"],
];

function checkNamedTypes(value: Record<string, unknown>, kind: string): void {
  const response = value["response"];
  if (!isObject(response)) return;
  const struct = kind.replace("Review", "Response");
  for (const [field, type] of namedTypes) {
    const text = response[field] ?? "";
    if (typeof text === "string") continue;
    throw new Error(
      `json: cannot unmarshal ${describe(text)} into Go struct field ${struct}.response.${field} of type ${type}`,
    );
  }
}
