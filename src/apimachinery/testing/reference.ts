import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isObject } from "../json.ts";
import type { Schema, SchemaSet } from "../schema.ts";

/** The facts and fixtures that lie beside the repository; suites that need them skip when they are absent. */
const shared = fileURLToPath(new URL("../../../../shared/", import.meta.url));
export const hasReference = existsSync(`${shared}reference/kubernetes/schema-facts.json`);

export const readShared = (path: string): string => readFileSync(`${shared}${path}`, "utf8");
export const readSharedBytes = (path: string): Buffer => readFileSync(`${shared}${path}`);
export const readSharedJson = (path: string): unknown => JSON.parse(readShared(path));

/** The names of the fixtures without their ending: `apps.v1.Deployment`. */
export function fixtureNames(): string[] {
  return readdirSync(`${shared}reference/kubernetes/fixtures`)
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length));
}

const shortNames: Readonly<Record<string, string>> = {
  "x-kubernetes-list-type": "listType",
  "x-kubernetes-list-map-keys": "listMapKeys",
  "x-kubernetes-map-type": "mapType",
  "x-kubernetes-patch-strategy": "patchStrategy",
  "x-kubernetes-patch-merge-key": "patchMergeKey",
};

/** The schema facts with the short names of `Schema`. */
export function factsSchemas(): { schemas: SchemaSet; nameOf(apiVersion: string, kind: string): string } {
  const facts = readSharedJson("reference/kubernetes/schema-facts.json") as Record<string, unknown>;
  const schemas = new Map<string, Schema>();
  const names = new Map<string, string>();
  for (const [name, fact] of Object.entries(facts)) {
    schemas.set(name, rename(fact));
    const gvk = isObject(fact) ? fact["gvk"] : undefined;
    if (!Array.isArray(gvk)) continue;
    for (const { group, version, kind } of gvk as { group: string; version: string; kind: string }[]) {
      names.set(`${group === "" ? version : `${group}/${version}`} ${kind}`, name);
    }
  }
  return {
    schemas,
    nameOf: (apiVersion, kind) => names.get(`${apiVersion} ${kind}`) ?? `no schema of ${kind}`,
  };
}

function rename(fact: unknown): Schema {
  if (!isObject(fact)) return {};
  const schema: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fact)) {
    if (key === "gvk") continue;
    if (key === "properties" && isObject(value)) {
      schema[key] = Object.fromEntries(Object.entries(value).map(([name, child]) => [name, rename(child)]));
    } else if (key === "items" || key === "values") schema[key] = rename(value);
    else schema[shortNames[key] ?? key] = value;
  }
  return schema;
}
