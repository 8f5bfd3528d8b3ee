import { decodeObject } from "../apimachinery/decode.ts";
import { DecodingError } from "../apimachinery/decode-context.ts";
import { type FieldError, formatFieldError } from "../apimachinery/field-error.ts";
import { isObject } from "../apimachinery/json.ts";
import type { Schema } from "../apimachinery/schema.ts";
import { duplicateYamlKey, parseYaml } from "../apimachinery/yaml.ts";

/** A kind of configuration file: an object of an API group that no server serves. */
export interface ConfigurationKind {
  readonly kind: string;
  /** Each with its group: `audit.k8s.io/v1`. */
  readonly apiVersions: readonly string[];
  /** Named like the Go type, which messages show: `v1.Policy`. */
  readonly schemaName: string;
  readonly schemas: ReadonlyMap<string, Schema>;
}

/**
 * Reads a configuration file as kube-apiserver does: strictly, so that a misspelt field is not a setting that silently
 * does nothing. Throws an Error whose message names the line or the field.
 */
export function readConfiguration(text: string, expected: ConfigurationKind): Record<string, unknown> {
  const value = parseYaml(text);
  const twice = duplicateYamlKey(text);
  if (twice !== undefined) throw new Error(twice);
  if (!isObject(value)) throw new Error(`the file holds no ${expected.kind}`);
  const { apiVersion = "", kind = "" } = value;
  if (kind === "") throw new Error("Object 'Kind' is missing");
  if (apiVersion === "") throw new Error("Object 'apiVersion' is missing");
  if (kind !== expected.kind || !expected.apiVersions.includes(String(apiVersion))) {
    throw new Error(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}: ` +
        `expected ${expected.kind} of ${expected.apiVersions.join(" or ")}`,
    );
  }
  const { object, unknownFields } = decode(value, expected);
  if (unknownFields.length > 0) throw new Error(`strict decoding error: ${unknownFields.join(", ")}`);
  return object;
}

function decode(value: unknown, { schemas, schemaName }: ConfigurationKind): ReturnType<typeof decodeObject> {
  try {
    return decodeObject(schemas, schemaName, value);
  } catch (error) {
    // The bare message of the decoder says which field it is.
    throw error instanceof Error && error.cause instanceof DecodingError ? error.cause : error;
  }
}

/** All errors in one, as Kubernetes aggregates them; nothing when there are none. */
export function throwFieldErrors(errors: readonly FieldError[]): void {
  const texts = [...new Set(errors.map((error) => formatFieldError(error)))];
  if (texts.length > 0) throw new Error(texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`);
}

export const textSchema: Schema = { type: "string" };
export const textListSchema: Schema = { type: "array", items: textSchema };

/** `apiVersion` and `kind`, and metadata, which is allowed and means nothing. */
export const objectProperties: Readonly<Record<string, Schema>> = {
  apiVersion: textSchema,
  kind: textSchema,
  metadata: {},
};
