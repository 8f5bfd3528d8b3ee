import { type FieldError, invalid } from "../../apimachinery/field-error.ts";
import { formatApiVersion, type GroupVersionKind } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import { newBadRequest, newInvalid } from "../../apimachinery/status.ts";

/**
 * Custom resources are read without looking at their types: one that is missing cannot be read, another
 * than the expected one is invalid, like the value of a field.
 */
export function checkCustomBody(value: Readonly<Record<string, unknown>>, expected: GroupVersionKind): void {
  for (const name of ["apiVersion", "kind"]) {
    const found = value[name] ?? "";
    if (typeof found === "string") continue;
    const type = Array.isArray(found) ? "array" : typeof found === "boolean" ? "bool" : typeof found;
    const why = `couldn't get version/kind; json parse error: json: cannot unmarshal ${type} into Go struct field .${name} of type string`;
    throw unrecognized(value, expected, why);
  }
  if ((value["kind"] ?? "") === "") {
    throw unrecognized(value, expected, `Object 'Kind' is missing in '${JSON.stringify(value)}'`);
  }
  const { apiVersion = "" } = value;
  const wanted = formatApiVersion(expected);
  if (apiVersion !== wanted) {
    throw newBadRequest(
      `the API version in the data (${String(apiVersion)}) does not match the expected API version (${wanted})`,
    );
  }
  checkCustomType({ ...value, apiVersion: wanted }, expected);
}

/** Refuses an object of another type. */
export function checkCustomType(value: unknown, expected: GroupVersionKind): void {
  const { kind, apiVersion, metadata } = isObject(value) ? value : {};
  const version = formatApiVersion(expected);
  const errors: FieldError[] = [];
  if (kind !== expected.kind) errors.push(invalid("kind", kind, `must be ${expected.kind}`));
  if (apiVersion !== version) errors.push(invalid("apiVersion", apiVersion, `must be ${version}`));
  if (errors.length === 0) return;
  const name = isObject(metadata) ? metadata["name"] : "";
  const found = typeof kind === "string" ? kind : "";
  throw newInvalid({ group: expected.group, kind: found }, typeof name === "string" ? name : "", errors);
}

function unrecognized(value: unknown, { kind }: GroupVersionKind, why: string): Error {
  const text = JSON.stringify(value);
  const start = text.length > 30 ? `${text.slice(0, 30)} ...` : text;
  return newBadRequest(`the object provided is unrecognized (must be of type ${kind}): ${why} (${start})`);
}
