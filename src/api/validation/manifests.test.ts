import { existsSync, globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { decodeObject } from "../../apimachinery/decode.ts";
import { formatFieldError } from "../../apimachinery/field-error.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { deepCopy, isObject } from "../../apimachinery/json.ts";
import type { ObjectMeta } from "../../apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { parseYamlDocuments } from "../../apimachinery/yaml.ts";
import { builtinScheme } from "../builtin-scheme.ts";
import { fixturesOf, hasReference } from "../testing/reference.ts";
import { validateCreate, validateUpdate, warningsFor } from "./index.ts";

const folder = fileURLToPath(new URL("../../../../shared/manifests/", import.meta.url));
const scheme = builtinScheme();

/** Manifests that Kubernetes refuses too, and why. */
const refused: Readonly<Record<string, readonly string[]>> = {
  // A fragment that shows one field.
  "kubernetes-docs/validatingadmissionpolicy/failure-policy-ignore.yaml": [
    "metadata.name: Required value: name or generateName is required",
    "spec.matchConstraints: Required value",
    "spec.validations: Required value: validations or auditAnnotations must contain at least one item",
    "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item",
  ],
};

/** Files that are no YAML for any parser: this one has the escape sequence \\' in a text of double quotes. */
const unreadable = new Set(["kubernetes-docs/pods/inject/envars-file-container.yaml"]);

interface Manifest {
  readonly file: string;
  readonly object: UnstructuredObject;
}

function manifestsOf(file: string): Manifest[] {
  const values = parseYamlDocuments(readFileSync(folder + file, "utf8")).flatMap((value) =>
    isObject(value) && Array.isArray(value["items"]) ? (value["items"] as unknown[]) : [value],
  );
  return values.flatMap((value) => {
    if (!isObject(value) || typeof value["apiVersion"] !== "string") return [];
    const kind = { ...parseApiVersion(value["apiVersion"]), kind: String(value["kind"]) };
    const resource = scheme.resourceForKind(kind);
    if (resource === undefined) return [];
    const { object } = decodeObject(scheme.schemas, resource.schemaName, value);
    scheme.applyDefaults(kind, object);
    if (resource.namespaced) object.metadata.namespace ??= "default";
    asRegistry(kind.kind, object);
    return [{ file, object }];
  });
}

/** What the registry fills in before validation. */
function asRegistry(kind: string, object: UnstructuredObject): void {
  if (object.metadata.generateName !== undefined)
    object.metadata.name ??= `${object.metadata.generateName}abcde`;
  object.metadata.uid ??= "00000000-0000-4000-8000-000000000000";
  const spec = object["spec"];
  if (
    kind === "Service" &&
    isObject(spec) &&
    typeof spec["clusterIP"] === "string" &&
    spec["clusterIP"] !== ""
  ) {
    spec["clusterIPs"] ??= [spec["clusterIP"]];
  }
  if (kind === "Pod" && isObject(spec)) spec["serviceAccountName"] ??= "default";
  if (kind === "Job" && isObject(spec)) selectPods(object.metadata, spec);
}

/** A job selects the pods of its template. */
function selectPods({ uid = "", name = "" }: ObjectMeta, spec: Record<string, unknown>): void {
  const domain = "batch.kubernetes.io/";
  const own = {
    "controller-uid": uid,
    "job-name": name,
    [`${domain}controller-uid`]: uid,
    [`${domain}job-name`]: name,
  };
  const template = isObject(spec["template"]) ? spec["template"] : {};
  const metadata = isObject(template["metadata"]) ? template["metadata"] : {};
  const labels = { ...(isObject(metadata["labels"]) ? metadata["labels"] : {}), ...own };
  spec["template"] = { ...template, metadata: { ...metadata, labels } };
  spec["selector"] ??= { matchLabels: { [`${domain}controller-uid`]: uid } };
}

const subresources = [
  "",
  "status",
  "ephemeralcontainers",
  "resize",
  "binding",
  "finalize",
  "approval",
  "scale",
];

const kindOf = (object: UnstructuredObject) => ({
  ...parseApiVersion(object.apiVersion),
  kind: object.kind,
});

describe.skipIf(!existsSync(folder))("real manifests", () => {
  const files = existsSync(folder)
    ? globSync("**/*.{yaml,yml}", { cwd: folder })
        .filter((file) => !unreadable.has(file))
        .sort()
    : [];

  test.each(files)("%s is accepted, unless Kubernetes refuses it", (file) => {
    const errors = manifestsOf(file).flatMap(({ object }) =>
      validateCreate(kindOf(object), object).map((error) => formatFieldError(error)),
    );
    expect(errors).toEqual(refused[file] ?? []);
  });

  test("an update that changes nothing is accepted wherever the object is", () => {
    for (const { object } of files.filter((file) => refused[file] === undefined).flatMap(manifestsOf)) {
      const errors = validateUpdate(kindOf(object), deepCopy(object), object, "");
      expect(errors.map((error) => formatFieldError(error))).toEqual([]);
    }
  });
});

describe.skipIf(!hasReference)("fixtures, whose values are nonsense", () => {
  const fixtures = hasReference ? fixturesOf(scheme) : [];

  test.each(fixtures)("$name does not make validation throw", ({ object }) => {
    const kind = kindOf(object);
    const bare: UnstructuredObject = { apiVersion: object.apiVersion, kind: object.kind, metadata: {} };
    const spec = isObject(object["spec"]) ? decodeBare(object) : bare;
    const check = (now: UnstructuredObject, old: UnstructuredObject): void => {
      validateCreate(kind, now);
      warningsFor(kind, now, old);
      for (const subresource of subresources) validateUpdate(kind, now, old, subresource);
    };
    for (const [now, old] of [
      [object, object],
      [object, spec],
      [spec, object],
      [spec, spec],
    ] as const) {
      expect(() => {
        check(now, old);
      }).not.toThrow();
    }
  });
});

/** The kind with an empty spec, as the decoder makes it. */
function decodeBare({ apiVersion, kind }: UnstructuredObject): UnstructuredObject {
  const resource = scheme.resourceForKind({ ...parseApiVersion(apiVersion), kind });
  const value = { apiVersion, kind, metadata: {}, spec: {} };
  return decodeObject(scheme.schemas, resource?.schemaName ?? "", value).object;
}
