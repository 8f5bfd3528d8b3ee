import type {
  CustomResourceColumnDefinition,
  CustomResourceSubresources,
  SelectableField,
} from "../../../api/types/apiextensions-v1.ts";
import { duplicate, type FieldError, invalid, required, tooMany } from "../../../apimachinery/field-error.ts";
import { findField } from "../schema/field-path.ts";
import type { SchemaNode } from "../schema/schema-node.ts";

const columnTypes = ["boolean", "date", "integer", "number", "string"];
const columnFormats = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

/** A column that kubectl prints. */
export function columnErrors(column: CustomResourceColumnDefinition, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { name, type, format = "", jsonPath } = column;
  if (name === "") errors.push(required(`${path}.name`));
  const types = `must be one of ${columnTypes.join(",")}`;
  if (type === "") errors.push(required(`${path}.type`, types));
  else if (!columnTypes.includes(type)) errors.push(invalid(`${path}.type`, type, types));
  if (format !== "" && !columnFormats.includes(format)) {
    errors.push(invalid(`${path}.format`, format, `must be one of ${columnFormats.join(",")}`));
  }
  if (jsonPath === "") errors.push(required(`${path}.JSONPath`));
  else errors.push(...simplePathErrors(jsonPath, `${path}.JSONPath`));
  return errors;
}

const simplePathErrors = (text: string, path: string): FieldError[] =>
  text.startsWith(".") ? [] : [invalid(path, text, "must be a simple json path starting with .")];

/** Where the parts of a scale lie. */
export function subresourceErrors({ scale }: CustomResourceSubresources, path: string): FieldError[] {
  if (scale === undefined) return [];
  const errors: FieldError[] = [];
  const check = (text: string, name: string, roots: readonly string[], where: string): void => {
    const at = `${path}.scale.${name}`;
    const wrong = simplePathErrors(text, at);
    if (wrong.length > 0) errors.push(...wrong);
    else if (!roots.some((root) => text.startsWith(`.${root}.`))) {
      errors.push(invalid(at, text, `should be a json path under ${where}`));
    }
  };
  if (scale.specReplicasPath === "") errors.push(required(`${path}.scale.specReplicasPath`));
  else check(scale.specReplicasPath, "specReplicasPath", ["spec"], ".spec");
  if (scale.statusReplicasPath === "") errors.push(required(`${path}.scale.statusReplicasPath`));
  else check(scale.statusReplicasPath, "statusReplicasPath", ["status"], ".status");
  const { labelSelectorPath = "" } = scale;
  if (labelSelectorPath !== "") {
    check(labelSelectorPath, "labelSelectorPath", ["spec", "status"], "either .spec or .status");
  }
  return errors;
}

const maxSelectableFields = 8;

/** Fields that lists and watches may be narrowed by. `allowsMore`: there were more already. */
export function selectableFieldErrors(
  fields: readonly SelectableField[],
  schema: SchemaNode | undefined,
  path: string,
  allowsMore: boolean,
): FieldError[] {
  if (schema === undefined) {
    return [invalid(path, "", "may only be set when `version.schema.openAPIV3Schema` is not included")];
  }
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { jsonPath }] of fields.entries()) {
    const where = `${path}[${index}].jsonPath`;
    if (jsonPath === "") {
      errors.push(required(where));
      continue;
    }
    const found = findField(jsonPath, schema, { allowsBrackets: false });
    if (typeof found === "string") {
      errors.push(invalid(where, jsonPath, `is an invalid path: ${found}`));
      continue;
    }
    if (found.root === "metadata") {
      errors.push(invalid(where, jsonPath, "must not point to fields in metadata"));
    }
    if (!["string", "boolean", "integer"].includes(found.schema?.type ?? "")) {
      const why =
        "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
      errors.push(invalid(where, jsonPath, why));
    }
    if (seen.has(found.path)) errors.push(duplicate(where, jsonPath));
    seen.add(found.path);
  }
  if (seen.size > maxSelectableFields && !allowsMore)
    errors.push(tooMany(path, seen.size, maxSelectableFields));
  return errors;
}

/** What requests of a deprecated version are warned with. */
export function deprecationErrors(
  isDeprecated: boolean,
  warning: string | undefined,
  path: string,
): FieldError[] {
  if (warning === undefined) return [];
  if (!isDeprecated) return [invalid(path, warning, "can only be set for deprecated versions")];
  const errors: FieldError[] = [];
  if (Buffer.byteLength(warning) > 256) errors.push(invalid(path, warning, "must be <= 256 characters long"));
  if (warning === "") errors.push(invalid(path, warning, "must not be an empty string"));
  const odd = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(warning);
  if (odd !== null) {
    const at = Buffer.byteLength(warning.slice(0, odd.index));
    const why = `must only contain printable UTF-8 characters; non-printable character found at index ${at}`;
    errors.push(invalid(path, warning, why));
  }
  return errors;
}
