import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { parseYaml } from "../../apimachinery/yaml.ts";
import { KubectlError, plainText } from "../errors.ts";
import type { JsonMap } from "./resource.ts";

/** Where in objects of some kinds a field is. What is empty fits all. */
export interface FieldSpec {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** `spec/template/metadata/labels`; lists on the way are gone through. */
  readonly path: string;
  /** What is missing on the way is made. */
  readonly create: boolean;
}

/** Fields that name objects of a kind. */
export interface NameReference {
  readonly to: Pick<FieldSpec, "group" | "version" | "kind">;
  readonly fields: readonly FieldSpec[];
}

const fieldLists = [
  "namePrefix",
  "nameSuffix",
  "namespace",
  "commonLabels",
  "labels",
  "templateLabels",
  "commonAnnotations",
  "images",
  "replicas",
] as const;

/** What the files of `configurations` add to the fields that are built in. */
export type Configurations = Readonly<Record<(typeof fieldLists)[number], readonly FieldSpec[]>> & {
  readonly nameReference: readonly NameReference[];
};

/** Variables are refused where they are declared; where they would stand may be said. */
const known = new Set<string>([...fieldLists, "nameReference", "varReference"]);

/** Reads the files, relative to the folder, and puts them together. */
export function readConfigurations(folder: string, files: readonly unknown[]): Configurations {
  const read = files.map((file) => readFile(folder, String(file)));
  const fields = (name: string): FieldSpec[] => read.flatMap((content) => fieldSpecs(content[name]));
  return {
    namePrefix: fields("namePrefix"),
    nameSuffix: fields("nameSuffix"),
    namespace: fields("namespace"),
    commonLabels: fields("commonLabels"),
    labels: fields("labels"),
    templateLabels: fields("templateLabels"),
    commonAnnotations: fields("commonAnnotations"),
    images: fields("images"),
    replicas: fields("replicas"),
    nameReference: read.flatMap(({ nameReference }) =>
      (Array.isArray(nameReference) ? nameReference.filter(isObject) : []).map((entry) => ({
        to: kindOf(entry),
        fields: fieldSpecs(entry["fieldSpecs"]),
      })),
    ),
  };
}

function readFile(folder: string, file: string): JsonMap {
  const path = resolve(folder, file);
  if (!existsSync(path))
    throw new KubectlError(`evalsymlink failure on '${path}' : lstat ${path}: no such file or directory`);
  let content: unknown;
  try {
    content = parseYaml(readFileSync(path, "utf8"));
  } catch (error) {
    throw new KubectlError(`error converting YAML to JSON: ${plainText(error)}`, { cause: error });
  }
  if (!isObject(content)) return {};
  for (const field of Object.keys(content)) {
    if (!known.has(field)) {
      const why = `json: unknown field ${JSON.stringify(field)}`;
      throw new KubectlError(`error unmarshaling JSON: while decoding JSON: ${why}`);
    }
  }
  return content;
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

const kindOf = (entry: JsonMap): Pick<FieldSpec, "group" | "version" | "kind"> => ({
  group: textOf(entry["group"]),
  version: textOf(entry["version"]),
  kind: textOf(entry["kind"]),
});

function fieldSpecs(value: unknown): FieldSpec[] {
  if (!Array.isArray(value)) return [];
  return value
    .filter(isObject)
    .map((entry) => ({ ...kindOf(entry), path: textOf(entry["path"]), create: entry["create"] === true }));
}

/** Whether the object is of the kind, as far as it is said. */
export function isOfKind(
  { apiVersion, kind }: Pick<UnstructuredObject, "apiVersion" | "kind">,
  wanted: Pick<FieldSpec, "group" | "version" | "kind">,
): boolean {
  const found = parseApiVersion(apiVersion);
  return (
    (wanted.kind === "" || wanted.kind === kind) &&
    (wanted.group === "" || wanted.group === found.group) &&
    (wanted.version === "" || wanted.version === found.version)
  );
}

/** Replaces the value of the field wherever it is in the object. An absent one is undefined, where it is to be made. */
export function changeField(
  object: UnstructuredObject,
  spec: FieldSpec,
  change: (value: unknown) => unknown,
): void {
  if (!isOfKind(object, spec)) return;
  // A slash that belongs to a name is escaped.
  const steps = spec.path.split(/(?<!\\)\//).map((step) => step.replaceAll("\\/", "/").replace(/\[\]$/, ""));
  changeBelow(object, steps, spec.create, change);
}

function changeBelow(
  value: unknown,
  steps: readonly string[],
  create: boolean,
  change: (value: unknown) => unknown,
): void {
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) changeBelow(item, steps, create, change);
    return;
  }
  if (!isObject(value)) return;
  const [step = "", ...rest] = steps;
  const isAbsent = value[step] === undefined || value[step] === null;
  if (isAbsent && !create) return;
  if (rest.length > 0) {
    if (isAbsent) value[step] = {};
    changeBelow(value[step], rest, create, change);
    return;
  }
  const old = value[step];
  value[step] = Array.isArray(old) ? old.map((item: unknown) => change(item)) : change(old);
}
