import type { GroupVersionKind } from "../apimachinery/gvk.ts";
import type { ProtobufTables } from "../apimachinery/protobuf.ts";
import { schemaNameOfKind } from "./kinds.ts";

/** Field numbers of the built-in types: loaded by the first client that speaks protobuf. */
let loading: Promise<ProtobufTables> | undefined;

/** The tables, parsed once. */
export function loadProtobufTables(): Promise<ProtobufTables> {
  loading ??= import("./generated/protobuf.ts").then(({ protobufTable }) => parseTables(protobufTable));
  return loading;
}

function parseTables(table: string): ProtobufTables {
  const tables: Record<string, Record<string, readonly [number, string, string]>> = {};
  for (const line of table.split("\n")) {
    const tab = line.indexOf("\t");
    const compact = JSON.parse(line.slice(tab + 1)) as Record<string, string>;
    const fields: Record<string, readonly [number, string, string]> = {};
    for (const [name, text] of Object.entries(compact)) fields[name] = parseField(text);
    tables[line.slice(0, tab)] = fields;
  }
  return tables;
}

/** `3 string*`: number, type, and whether it repeats. Maps have no label, as in the language of protobuf. */
function parseField(text: string): readonly [number, string, string] {
  const space = text.indexOf(" ");
  const isRepeated = text.endsWith("*");
  const type = text.slice(space + 1, isRepeated ? -1 : undefined);
  const label = isRepeated ? "repeated" : type.startsWith("map<") ? "" : "optional";
  return [Number(text.slice(0, space)), type, label];
}

/** The message of a schema: `io.k8s.api.core.v1.Pod` → `k8s.io.api.core.v1.Pod`. */
export function protobufMessageOfSchema(schemaName: string): string {
  return schemaName.replace(/^io\.k8s\./, "k8s.io.").replaceAll("-", "_");
}

/** Forms of objects that are no kinds of any resource, so no table of kinds has them. */
const partialForms = ["PartialObjectMetadata", "PartialObjectMetadataList"];

/** The message of a built-in kind, lists and options among them; undefined when the kind is not known. */
export function protobufMessageOf(kind: GroupVersionKind): string | undefined {
  if (kind.group === "meta.k8s.io" && kind.version === "v1" && partialForms.includes(kind.kind))
    return `k8s.io.apimachinery.pkg.apis.meta.v1.${kind.kind}`;
  if (kind.group === "apidiscovery.k8s.io") return `k8s.io.api.apidiscovery.${kind.version}.${kind.kind}`;
  const schemaName = schemaNameOfKind(kind);
  return schemaName === undefined ? undefined : protobufMessageOfSchema(schemaName);
}
