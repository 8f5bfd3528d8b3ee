import type { SelectableField } from "../../api/types/apiextensions-v1.ts";
import { goValue } from "../../apimachinery/go-value.ts";
import { JsonPath } from "../../apimachinery/json-path/json-path.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";

/** Reads a field that the definition offers to selectors; undefined when it does not. What is absent is "". */
export function selectableReader(
  fields: readonly SelectableField[],
  field: string,
): ((object: UnstructuredObject) => string) | undefined {
  const found = fields.find(({ jsonPath }) => jsonPath.replace(/^\./, "") === field);
  if (found === undefined) return undefined;
  const path = new JsonPath(`{${found.jsonPath}}`, { allowMissing: true });
  return (object) => {
    const [value] = path.find(object)[0] ?? [];
    return value === undefined || value === null ? "" : goValue(value);
  };
}
