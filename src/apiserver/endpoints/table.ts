import type { Scheme, TableColumn, TablePrinter } from "../../api/scheme.ts";
import type { GroupKind } from "../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newBadRequest } from "../../apimachinery/status.ts";
import type { CachedObject } from "../cache/cached-object.ts";

/** How much of the object a row carries. */
export type IncludeObject = "None" | "Metadata" | "Object";

/** The `includeObject` of a query; 400 for an unknown one. */
export function includeObjectOf(query: URLSearchParams): IncludeObject {
  const value = query.get("includeObject") ?? "";
  if (value === "" || value === "Metadata") return "Metadata";
  if (value === "None" || value === "Object") return value;
  throw newBadRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(value)}: ` +
      "must be 'Metadata', 'Object', 'None', or empty",
  );
}

export interface TableOptions {
  readonly scheme: Scheme;
  /** The kind whose columns they have, with its version where that has columns of its own. */
  readonly served: PrintedKind;
  readonly version: string;
  readonly include: IncludeObject;
  readonly nowMs: number;
  /** False for all but the first event of a watch: the columns are known by then. */
  readonly withColumns: boolean;
}

/** A meta.k8s.io Table of objects, as `kubectl get` prints them. */
export function tableOf(
  objects: Iterable<UnstructuredObject>,
  metadata: object,
  options: TableOptions,
): UnstructuredObject {
  const { scheme, served, version, include, nowMs, withColumns } = options;
  const printer = tablePrinter(scheme, served);
  const rows = Array.from(objects, (object) => ({
    cells: tableCells(printer, object, nowMs),
    ...(include === "None" ? {} : { object: include === "Object" ? object : partialOf(object, version) }),
  }));
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    columnDefinitions: withColumns ? tableColumns(scheme, served) : null,
    rows,
  };
}

export type PrintedKind = GroupKind & {
  readonly version?: string;
  /** Who prints it, if that is not the printer of the kind. */
  readonly printer?: TablePrinter;
};

/** Who makes the cells of a kind. */
export const tablePrinter = (scheme: Scheme, served: PrintedKind): TablePrinter =>
  served.printer ?? scheme.printer(served) ?? defaultPrinter;

/** The cells of a row. What the object does not say is Go's zero value: a bookmark has a name of "". */
export function tableCells(printer: TablePrinter, object: UnstructuredObject, nowMs: number): unknown[] {
  const cells = printer.cells(object, nowMs);
  for (const [index, { type }] of printer.columns.entries()) {
    if (cells[index] === undefined) cells[index] = type === "integer" || type === "number" ? 0 : "";
  }
  return cells;
}

/** What cells are made of. What was not read yet is not read for a name and a time. */
export function printedOf(
  { columns }: TablePrinter,
  item: Pick<CachedObject, "deferred" | "metadata" | "object">,
): UnstructuredObject {
  const isOfMetadata = columns.length === 2 && columns[1]?.name === createdColumn;
  if (item.deferred === undefined || !isOfMetadata) return item.object;
  return { kind: "", apiVersion: "", metadata: item.metadata };
}

const createdColumn = "Created At";

/** The `columnDefinitions` of a kind. */
export const tableColumns = (scheme: Scheme, served: PrintedKind): object[] =>
  tablePrinter(scheme, served).columns.map(definition);

const definition = ({ name, type, format, description, priority }: TableColumn): object => ({
  name,
  type,
  format: format ?? "",
  description,
  priority,
});

/** The metadata alone; of a cached object nothing else is read for it. */
export function partialOf(object: Pick<UnstructuredObject, "metadata">, version: string): UnstructuredObject {
  return { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

/** The column that every kind has. */
export const nameColumn: TableColumn = {
  name: "Name",
  type: "string",
  format: "name",
  description:
    "Name must be unique within a namespace. Is required when creating resources, although some resources may allow " +
    "a client to request the generation of an appropriate name automatically. Name is primarily intended for " +
    "creation idempotence and configuration definition. Cannot be updated. More info: " +
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names",
  priority: 0,
};

/** What the API says of the time of creation. */
export const creationDescription =
  "CreationTimestamp is a timestamp representing the server time when this object was created. It is not " +
  "guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It " +
  "is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More " +
  "info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/** Name and age: for kinds that have no columns of their own. */
const defaultPrinter: TablePrinter = {
  columns: [
    nameColumn,
    {
      name: createdColumn,
      type: "date",
      description: creationDescription,
      priority: 0,
    },
  ],
  cells: ({ metadata }) => [metadata.name ?? "", metadata.creationTimestamp ?? null],
};
