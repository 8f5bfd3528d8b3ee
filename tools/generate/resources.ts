/**
 * Generates the table of resources and the client's typed references from `resources.tsv`.
 *
 *   node tools/generate/resources.ts ../shared/reference/kubernetes/resources.tsv
 *
 * One line per resource in `src/api/generated/resources.ts`, tab-separated, in the order of discovery:
 * group/version, plural, kind, scope, verbs, subresources, short names, categories, storage group/version, schema name.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import {
  categories,
  connectVerbs,
  groupOrder,
  sharedStorage,
  shortNames,
  subresourceKinds,
  versionOrder,
} from "./resource-names.ts";
import { stringModule } from "./schemas.ts";

export interface ResourceRow {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly subresources: readonly { name: string; verbs: readonly string[] }[];
}

/** Reads resources.tsv; alpha versions are left out, and rows are put in the order of discovery. */
export function parseResources(text: string): ResourceRow[] {
  const rows = text.trim().split("\n").slice(1).map(parseRow);
  return rows.filter((row) => !row.version.includes("alpha")).toSorted(byDiscovery);
}

function parseRow(line: string): ResourceRow {
  const [groupVersion = "", plural = "", kind = "", scope, verbs = "", subresources = ""] = line.split("\t");
  const slash = groupVersion.indexOf("/");
  return {
    group: slash < 0 ? "" : groupVersion.slice(0, slash),
    version: groupVersion.slice(slash + 1),
    plural,
    kind,
    namespaced: scope === "Namespaced",
    // The specification documents a watch of componentstatuses; the server has none.
    verbs: plural === "componentstatuses" ? ["get", "list"] : verbs.split(","),
    subresources: [...subresources.matchAll(/(\w+)\(([\w,]+)\)/g)].map(([, name = "", list = ""]) => ({
      name,
      verbs: list === "connect" ? (connectVerbs[name] ?? []) : list.split(","),
    })),
  };
}

function byDiscovery(a: ResourceRow, b: ResourceRow): number {
  return (
    groupOrder.indexOf(a.group) - groupOrder.indexOf(b.group) ||
    versionOrder.indexOf(a.version) - versionOrder.indexOf(b.version) ||
    (a.plural < b.plural ? -1 : 1)
  );
}

const apiVersion = (row: { group: string; version: string }): string =>
  row.group === "" ? row.version : `${row.group}/${row.version}`;

function storageOf(row: ResourceRow, all: readonly ResourceRow[]): string {
  const shared = sharedStorage[`${apiVersion(row)}/${row.plural}`];
  if (shared !== undefined) return shared;
  const stable = all.find(
    (other) => other.group === row.group && other.plural === row.plural && !other.version.includes("beta"),
  );
  return apiVersion(row.version.includes("beta") ? (stable ?? row) : row);
}

function subresourceCell(row: ResourceRow): string {
  return row.subresources
    .map(({ name, verbs }) => {
      const kind = subresourceKinds[`${row.plural}/${name}`] ?? subresourceKinds[`/${name}`] ?? "";
      return `${name}(${verbs.join(",")})${kind}`;
    })
    .join(" ");
}

/** The table's text. `schemaNames` maps `apiVersion/kind` to the name of the schema. */
export function resourceTable(
  rows: readonly ResourceRow[],
  schemaNames: ReadonlyMap<string, string>,
): string {
  return rows
    .map((row) => {
      const key = row.group === "" ? row.plural : `${row.plural}.${row.group}`;
      const schemaName = schemaNames.get(`${apiVersion(row)}/${row.kind}`);
      if (schemaName === undefined) throw new Error(`no schema of ${apiVersion(row)} ${row.kind}`);
      return [
        apiVersion(row),
        row.plural,
        row.kind,
        row.namespaced ? "N" : "C",
        row.verbs.join(","),
        subresourceCell(row),
        (shortNames[key] ?? []).join(","),
        (categories[key] ?? []).join(","),
        storageOf(row, rows),
        schemaName,
      ].join("\t");
    })
    .join("\n");
}

/** Resources that two served versions share a plural with: which key names which. */
const referenceKeys: Readonly<Record<string, string>> = {
  "events.k8s.io/v1/events": "eventsV1",
  "autoscaling/v1/horizontalpodautoscalers": "horizontalpodautoscalersV1",
};

function typesFile(schemaName: string): string {
  const parts = schemaName.split(".");
  return `${parts.at(-3)}-${parts.at(-2)}`;
}

/** `src/client/resources.ts`. */
export function clientReferences(
  rows: readonly ResourceRow[],
  schemaNames: ReadonlyMap<string, string>,
): string {
  const served = rows.filter((row) => !row.version.includes("beta"));
  const entries = new Map<string, string>();
  const imports = new Set<string>();
  for (const row of served) {
    const file = typesFile(schemaNames.get(`${apiVersion(row)}/${row.kind}`) ?? "");
    const namespace = file.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    imports.add(`import type * as ${namespace} from "../api/types/${file}.ts";`);
    const key = referenceKeys[`${apiVersion(row)}/${row.plural}`] ?? row.plural;
    entries.set(
      key,
      `  ${key}: reference<${namespace}.${row.kind}>(${JSON.stringify(row.group)}, ${JSON.stringify(row.version)}, ` +
        `${JSON.stringify(row.plural)}, ${JSON.stringify(row.kind)}, ${row.namespaced}),`,
    );
  }
  const lines = [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
  return `// Generated by tools/generate/resources.ts. Do not edit.

import type { KubernetesObject } from "../apimachinery/object.ts";
${[...imports].toSorted().join("\n")}
import type { ResourceReference } from "./client.ts";

function reference<T extends KubernetesObject>(
  group: string,
  version: string,
  resource: string,
  kind: string,
  namespaced: boolean,
): ResourceReference<T> {
  return { group, version, resource, kind, namespaced };
}

/**
 * Every built-in resource, by its plural. \`events\` are those of the core group and \`eventsV1\` those of
 * events.k8s.io; \`horizontalpodautoscalers\` are autoscaling/v2.
 */
export const resources = {
${lines.join("\n")}
};
`;
}

/** `apiVersion/kind` → schema name, from the schema facts. Kinds that many groups share are left out. */
export function schemaNamesByKind(
  facts: Readonly<Record<string, { gvk?: unknown }>>,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [name, { gvk }] of Object.entries(facts)) {
    if (!Array.isArray(gvk)) continue;
    for (const { group, version, kind } of gvk as { group: string; version: string; kind: string }[]) {
      names.set(`${apiVersion({ group, version })}/${kind}`, name);
    }
  }
  return names;
}

/** Writes both files. */
export function generateResources(folder: string): void {
  const rows = parseResources(readFileSync(`${folder}/resources.tsv`, "utf8"));
  const names = schemaNamesByKind(
    JSON.parse(readFileSync(`${folder}/schema-facts.json`, "utf8")) as Record<string, { gvk?: unknown }>,
  );
  mkdirSync("src/api/generated", { recursive: true });
  writeFileSync(
    "src/api/generated/resources.ts",
    stringModule("resources.ts", "resourceTable", resourceTable(rows, names)),
  );
  writeFileSync("src/client/resources.ts", clientReferences(rows, names));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  generateResources(process.argv[2] ?? "../shared/reference/kubernetes");
}
