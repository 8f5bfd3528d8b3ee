import { existsSync, globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ResourceInfo, Scheme } from "../../../src/api/scheme.ts";
import { parseApiVersion } from "../../../src/apimachinery/gvk.ts";
import { isObject } from "../../../src/apimachinery/json.ts";
import type { UnstructuredObject } from "../../../src/apimachinery/object.ts";
import { parseYamlDocuments } from "../../../src/apimachinery/yaml.ts";
import { minimalObjects } from "../../conformance/resources/minimal-objects.ts";
import { richerClusterObjects } from "./richer-cluster-objects.ts";
import { richerObjects } from "./richer-objects.ts";

/** An accepted object that the questions are made of. */
export interface Base {
  readonly label: string;
  readonly info: ResourceInfo;
  readonly object: UnstructuredObject;
  /** How deep fields are made up that it does not have. */
  readonly depth: number;
}

const manifests = resolve(import.meta.dirname, "../../../../shared/manifests");

/** The least object of each kind, some that use more of it, and those of published manifests. */
export function* bases(scheme: Scheme): Generator<Base> {
  let n = 0;
  for (const [kind, { name, fields, status }] of Object.entries(minimalObjects)) {
    n++;
    const object = { ...fields(n), ...(status === undefined ? {} : { status }) };
    const base = baseOf(scheme, kind, name?.(n) ?? `name-${n}`, object, kind, 5);
    if (base !== undefined) yield base;
  }
  for (const [kind, variants] of Object.entries({ ...richerClusterObjects, ...richerObjects })) {
    for (const [label, object] of Object.entries(variants)) {
      const base = baseOf(scheme, kind, `richer-${label}`, object, `${kind} ${label}`, 2);
      if (base !== undefined) yield base;
    }
  }
  yield* published(scheme);
}

function* published(scheme: Scheme): Generator<Base> {
  if (!existsSync(manifests)) return;
  let n = 0;
  for (const file of globSync("**/*.yaml", { cwd: manifests }).sort()) {
    let documents: unknown[];
    try {
      documents = parseYamlDocuments(readFileSync(join(manifests, file), "utf8"));
    } catch {
      continue;
    }
    for (const document of documents) {
      if (!isObject(document) || typeof document["kind"] !== "string") continue;
      const { apiVersion, kind, metadata, ...rest } = document;
      n++;
      // Many share a name; of their metadata labels and annotations matter.
      const base = baseOf(
        scheme,
        `${String(apiVersion)}/${kind}`,
        `published-${n}`,
        rest,
        `${kind} ${file}`,
        0,
      );
      if (base !== undefined && isObject(metadata)) {
        for (const field of ["labels", "annotations"]) {
          if (metadata[field] !== undefined)
            Object.assign(base.object.metadata, { [field]: metadata[field] });
        }
      }
      if (base !== undefined) yield base;
    }
  }
}

function baseOf(
  scheme: Scheme,
  kind: string,
  name: string,
  fields: Record<string, unknown>,
  label: string,
  depth: number,
): Base | undefined {
  const slash = kind.lastIndexOf("/");
  const apiVersion = kind.slice(0, slash);
  const info = scheme.resourceForKind({ ...parseApiVersion(apiVersion), kind: kind.slice(slash + 1) });
  if (info === undefined || !info.verbs.includes("create")) return undefined;
  const metadata = { name, ...(info.namespaced ? { namespace: "default" } : {}) };
  return {
    label,
    info,
    depth,
    object: { apiVersion, kind: info.kind, metadata, ...fields },
  };
}
