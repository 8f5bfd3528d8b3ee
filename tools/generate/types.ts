/**
 * Generates the TypeScript interfaces of every served Kind from the schema facts.
 *
 *   node tools/generate/types.ts ../shared/reference/kubernetes/schema-facts.json
 *
 * One file per API group and version: `src/api/types/core-v1.ts`, and the shared meta types in
 * `src/apimachinery/meta-v1.ts`. Kinds carry literal `apiVersion` and `kind`, and always `metadata` and
 * `spec`, because an object that left the API server has them; everything else is optional as in the schema.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

interface Fact {
  type?: string;
  format?: string;
  ref?: string;
  items?: Fact;
  values?: Fact;
  properties?: Record<string, Fact>;
  required?: string[];
  gvk?: { group: string; version: string; kind: string }[] | "many";
}

const factsFile = process.argv[2];
if (factsFile === undefined) throw new Error("usage: node tools/generate/types.ts SCHEMA-FACTS.json");
const facts = JSON.parse(readFileSync(factsFile, "utf8")) as Record<string, Fact>;

/** Scalars that the schema models as named types. */
const scalars: Record<string, string> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "string",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "string",
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "string",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "number | string",
  "io.k8s.apimachinery.pkg.runtime.RawExtension": "unknown",
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "Record<string, unknown>",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Patch": "Record<string, unknown>",
};

const metaFile = "src/apimachinery/meta-v1.ts";

/** The file that a schema name lives in: `io.k8s.api.core.v1.Pod` → `src/api/types/core-v1.ts`. */
function fileOf(name: string): string {
  const parts = name.split(".");
  const version = parts.at(-2) ?? "";
  const group = parts.at(-3) ?? "";
  if (name.startsWith("io.k8s.apimachinery.")) return metaFile;
  return `src/api/types/${group}-${version}.ts`;
}

const shortName = (name: string): string => name.split(".").at(-1) ?? name;

function typeOf(fact: Fact, file: string, imports: Map<string, Set<string>>): string {
  if (fact.ref !== undefined) {
    const scalar = scalars[fact.ref];
    if (scalar !== undefined) return scalar;
    if (facts[fact.ref]?.properties === undefined) return "unknown";
    const target = fileOf(fact.ref);
    if (target !== file) {
      const names = imports.get(target) ?? new Set<string>();
      imports.set(target, names.add(shortName(fact.ref)));
    }
    return shortName(fact.ref);
  }
  switch (fact.type) {
    case "array":
      return `${wrap(typeOf(fact.items ?? {}, file, imports))}[]`;
    case "object":
      return fact.values === undefined
        ? "Record<string, unknown>"
        : `Record<string, ${typeOf(fact.values, file, imports)}>`;
    case "string":
      return "string";
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    default:
      return "unknown";
  }
}

const wrap = (type: string): string => (type.includes("|") ? `(${type})` : type);

function interfaceOf(name: string, fact: Fact, file: string, imports: Map<string, Set<string>>): string {
  const gvk = Array.isArray(fact.gvk) && fact.gvk.length === 1 ? fact.gvk[0] : undefined;
  const isKind = gvk !== undefined && fact.properties?.["kind"] !== undefined;
  const lines = Object.entries(fact.properties ?? {}).map(([property, value]) => {
    const key = /^[A-Za-z_$][\w$]*$/.test(property) ? property : JSON.stringify(property);
    if (isKind && property === "apiVersion") {
      return `  ${key}: ${JSON.stringify(gvk.group === "" ? gvk.version : `${gvk.group}/${gvk.version}`)};`;
    }
    if (isKind && property === "kind") return `  ${key}: ${JSON.stringify(gvk.kind)};`;
    const required =
      (fact.required ?? []).includes(property) ||
      (isKind && (property === "metadata" || property === "spec"));
    const type = typeOf(value, file, imports);
    if (required) return `  ${key}: ${type};`;
    return `  ${key}?: ${type}${type === "unknown" ? "" : " | undefined"};`;
  });
  return `export interface ${shortName(name)} {\n${lines.join("\n")}\n}\n`;
}

const bodies = new Map<string, string[]>();
const importsOf = new Map<string, Map<string, Set<string>>>();
for (const [name, fact] of Object.entries(facts)) {
  if (scalars[name] !== undefined || fact.properties === undefined || /\.v\d+alpha\d+\./.test(name)) continue;
  const file = fileOf(name);
  const imports = importsOf.get(file) ?? new Map<string, Set<string>>();
  importsOf.set(file, imports);
  const list = bodies.get(file) ?? [];
  bodies.set(file, list);
  list.push(interfaceOf(name, fact, file, imports));
}

mkdirSync("src/api/types", { recursive: true });
for (const [file, list] of bodies) {
  const imports = [...(importsOf.get(file) ?? [])]
    .map(([target, names]) => {
      const path = target === metaFile ? "../../apimachinery/meta-v1.ts" : `./${basename(target)}`;
      return `import type { ${[...names].toSorted().join(", ")} } from "${path}";\n`;
    })
    .toSorted();
  const header = `// Generated by tools/generate/types.ts from the schema facts of Kubernetes. Do not edit.\n`;
  writeFileSync(file, [header, ...imports, ...list].join("\n"));
}
console.log(`wrote ${bodies.size} files, ${[...bodies.values()].flat().length} types`);
