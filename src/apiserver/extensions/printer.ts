import { timeSince } from "../../api/columns/duration.ts";
import type { TableColumn, TablePrinter } from "../../api/scheme.ts";
import type { CustomResourceColumnDefinition } from "../../api/types/apiextensions-v1.ts";
import { goValue } from "../../apimachinery/go-value.ts";
import { goJson, isObject } from "../../apimachinery/json.ts";
import { JsonPath } from "../../apimachinery/json-path/json-path.ts";
import { JsonPathError } from "../../apimachinery/json-path/parser.ts";
import { normalizeTime } from "../../apimachinery/time.ts";
import { creationDescription, nameColumn } from "../endpoints/table.ts";

/** What versions without columns of their own show besides the name. */
const ageColumn: CustomResourceColumnDefinition = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: creationDescription,
};

type ColumnType = TableColumn["type"];
const types: readonly string[] = ["string", "integer", "number", "boolean", "date"] satisfies ColumnType[];
const isColumnType = (type: string): type is ColumnType => types.includes(type);

interface Column {
  readonly path: JsonPath;
  readonly type: ColumnType;
}

/** The columns of a definition; from the first one on that is no path, there are none. */
export function newPrinter(definitions: readonly CustomResourceColumnDefinition[]): TablePrinter {
  const columns: Column[] = [];
  const shown: TableColumn[] = [nameColumn];
  for (const each of definitions.length === 0 ? [ageColumn] : definitions) {
    const path = parse(each.jsonPath);
    if (path === undefined) break;
    const { name, type, format = "", description = "", priority = 0 } = each;
    const known = isColumnType(type) ? type : "string";
    columns.push({ path, type: known });
    shown.push({
      name,
      type: known,
      ...(format === "" ? {} : { format }),
      description:
        description === ""
          ? `Custom resource definition column (in JSONPath format): ${each.jsonPath}`
          : description,
      priority,
    });
  }
  return {
    columns: shown,
    cells: (object, nowMs) => [
      object.metadata.name ?? "",
      ...columns.map((column) => cellOf(column, object, nowMs)),
    ],
  };
}

function parse(jsonPath: string): JsonPath | undefined {
  try {
    return new JsonPath(`{${jsonPath}}`, { allowMissing: true });
  } catch (error) {
    if (error instanceof JsonPathError) return undefined;
    throw error;
  }
}

function cellOf({ path, type }: Column, object: unknown, nowMs: number): unknown {
  let value: unknown;
  try {
    [value] = path.find(object)[0] ?? [];
  } catch (error) {
    if (error instanceof JsonPathError) return null;
    throw error;
  }
  return value === undefined || value === null ? null : shownAs(type, value, nowMs);
}

/** A value of another type than its column's is not shown, but every value has a text. */
function shownAs(type: ColumnType, value: unknown, nowMs: number): unknown {
  switch (type) {
    case "string":
      return isObject(value) || Array.isArray(value) ? goJson(value) : goValue(value);
    case "integer":
      return typeof value === "bigint" ? value : typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      return typeof value === "string" ? ageOf(value, nowMs) : null;
  }
}

function ageOf(text: string, nowMs: number): string {
  if (text === "") return "<unknown>";
  try {
    return timeSince(normalizeTime(text), nowMs);
  } catch {
    return "<invalid>";
  }
}
