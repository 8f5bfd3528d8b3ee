import { existsSync, globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeObject } from "../../apimachinery/decode.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceInfo, Scheme } from "../scheme.ts";

/** Facts of Kubernetes, which lie beside the repository; tests against them are skipped where they are absent. */
export const referenceFolder = fileURLToPath(
  new URL("../../../../shared/reference/kubernetes/", import.meta.url),
);
export const hasReference = existsSync(referenceFolder);

/** A JSON file of the reference. */
export function readReference(file: string): unknown {
  return JSON.parse(readFileSync(referenceFolder + file, "utf8"));
}

export interface Fixture {
  readonly name: string;
  readonly resource: ResourceInfo;
  /** Decoded, and the caller's own. */
  readonly object: UnstructuredObject;
}

/** An object of each kind that the scheme serves, with every field set. */
export function fixturesOf(scheme: Scheme): Fixture[] {
  return globSync("fixtures/*.json", { cwd: referenceFolder }).flatMap((file) => {
    const value = readReference(file);
    if (!isObject(value) || typeof value["apiVersion"] !== "string") return [];
    const kind = { ...parseApiVersion(value["apiVersion"]), kind: String(value["kind"]) };
    const resource = scheme.resourceForKind(kind);
    if (resource === undefined || !basename(file).endsWith(`.${kind.kind}.json`)) return [];
    const { object } = decodeObject(scheme.schemas, resource.schemaName, value);
    return [{ name: basename(file, ".json"), resource, object }];
  });
}
