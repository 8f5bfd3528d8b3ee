import { readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "../../apimachinery/json.ts";
import { duplicateYamlKey, parseYaml } from "../../apimachinery/yaml.ts";
import { KubectlError, plainText } from "../errors.ts";
import { type Configurations, readConfigurations } from "./configurations.ts";
import type { JsonMap } from "./resource.ts";

const fileNames = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

const listFields = [
  "resources",
  "bases",
  "components",
  "configMapGenerator",
  "secretGenerator",
  "patches",
  "patchesStrategicMerge",
  "patchesJson6902",
  "labels",
  "images",
  "replicas",
  "configurations",
] as const;

type ListField = (typeof listFields)[number];

/** Fields of kustomize that this client refuses by name, rather than to build something else. */
const unsupported = [
  "buildMetadata",
  "crds",
  "generators",
  "helmChartInflationGenerator",
  "helmCharts",
  "helmGlobals",
  "openapi",
  "replacements",
  "sortOptions",
  "transformers",
  "validators",
  "vars",
];

const known = new Set<string>([
  ...listFields,
  "apiVersion",
  "kind",
  "metadata",
  "namespace",
  "namePrefix",
  "nameSuffix",
  "commonLabels",
  "commonAnnotations",
  "generatorOptions",
  ...unsupported,
]);

/** What one kustomization.yaml says. */
export interface Kustomization {
  readonly folder: string;
  readonly isComponent: boolean;
  readonly namespace: string;
  readonly namePrefix: string;
  readonly nameSuffix: string;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly commonAnnotations: Readonly<Record<string, string>>;
  readonly generatorOptions: JsonMap;
  /** What the files that `configurations` names say. */
  readonly configurations: Configurations;
  readonly lists: Readonly<Record<ListField, readonly unknown[]>>;
}

/** Reads the kustomization of a folder. Throws KubectlError for what it cannot build. */
export function readKustomization(folder: string, warn: (text: string) => void): Kustomization {
  const root = folderOf(folder);
  const file = fileNames.find((name) => statSync(join(root, name), { throwIfNoEntry: false })?.isFile());
  if (file === undefined) {
    throw new KubectlError(
      `unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '${root}'`,
    );
  }
  const text = readFileSync(join(root, file), "utf8");
  const content = parse(text);
  for (const field of Object.keys(content)) {
    if (!known.has(field))
      throw new KubectlError(`invalid Kustomization: json: unknown field ${JSON.stringify(field)}`);
    if (unsupported.includes(field)) {
      throw new KubectlError(
        `the field ${JSON.stringify(field)} of ${join(root, file)} is not supported by this client: render with the kustomize program`,
      );
    }
  }
  for (const [old, replacement] of Object.entries(deprecated)) {
    if (content[old] !== undefined) {
      warn(
        `# Warning: '${old}' is deprecated. Please use '${replacement}' instead. Run 'kustomize edit fix' to update your Kustomization automatically.\n`,
      );
    }
  }
  return {
    folder: root,
    isComponent: content["kind"] === "Component",
    namespace: textOf(content, "namespace"),
    namePrefix: textOf(content, "namePrefix"),
    nameSuffix: textOf(content, "nameSuffix"),
    commonLabels: textsOf(content, "commonLabels"),
    commonAnnotations: textsOf(content, "commonAnnotations"),
    generatorOptions: isObject(content["generatorOptions"]) ? content["generatorOptions"] : {},
    configurations: readConfigurations(root, listOf(content, "configurations")),
    lists: Object.fromEntries(listFields.map((field) => [field, listOf(content, field)])) as Record<
      ListField,
      readonly unknown[]
    >,
  };
}

const deprecated: Readonly<Record<string, string>> = {
  bases: "resources",
  commonLabels: "labels",
  patchesJson6902: "patches",
  patchesStrategicMerge: "patches",
};

function folderOf(folder: string): string {
  let root: string;
  try {
    root = realpathSync(folder);
  } catch (error) {
    throw new KubectlError(
      `must build at directory: not a valid directory: evalsymlink failure on '${folder}' : lstat ${join(process.cwd(), folder)}: no such file or directory`,
      { cause: error },
    );
  }
  if (!statSync(root).isDirectory()) {
    throw new KubectlError(`must build at directory: '${folder}': file is not directory`);
  }
  return root;
}

function parse(text: string): JsonMap {
  const twice = duplicateYamlKey(text);
  if (twice !== undefined) throw new KubectlError(`invalid Kustomization: ${twice}`);
  let content: unknown;
  try {
    content = parseYaml(text);
  } catch (error) {
    throw new KubectlError(`invalid Kustomization: ${plainText(error)}`, { cause: error });
  }
  if (!isObject(content)) throw new KubectlError("kustomization.yaml is empty");
  return content;
}

function textOf(content: JsonMap, field: string): string {
  const value = content[field];
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  throw new KubectlError(wrongType(value, field, "string"));
}

function textsOf(content: JsonMap, field: string): Record<string, string> {
  const map = content[field];
  if (map === undefined || map === null) return {};
  if (!isObject(map)) throw new KubectlError(wrongType(map, field, "map[string]string"));
  return Object.fromEntries(
    Object.entries(map).map(([key, value]) => {
      if (typeof value !== "string") throw new KubectlError(wrongType(value, field, "string"));
      return [key, value];
    }),
  );
}

function listOf(content: JsonMap, field: string): readonly unknown[] {
  const value = content[field];
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new KubectlError(wrongType(value, field, "slice"));
}

function wrongType(value: unknown, field: string, wanted: string): string {
  const found =
    { boolean: "bool", string: "string", number: "number" }[typeof value as "boolean"] ?? "object";
  return `invalid Kustomization: json: cannot unmarshal ${found} into Go struct field Kustomization.${field} of type ${wanted}`;
}
