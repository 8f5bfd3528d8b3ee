import type {
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
} from "../../../api/types/apiextensions-v1.ts";
import {
  type FieldError,
  formatFieldError,
  invalid,
  notSupported,
  required,
} from "../../../apimachinery/field-error.ts";
import { dns1035LabelErrors, dns1123SubdomainErrors } from "../../../apimachinery/names.ts";
import { SchemaNode } from "../schema/schema-node.ts";
import { schemaHas, structuralErrors, structuralProblem } from "../schema/structural-rules.ts";
import { approvalErrors } from "./approval.ts";
import { isTrue, layoutOf } from "./definition.ts";
import { type Leniency, leniencyOf, schemasOf } from "./leniency.ts";
import { conversionErrors } from "./validate-conversion.ts";
import { nameErrors } from "./validate-names.ts";
import {
  columnErrors,
  deprecationErrors,
  selectableFieldErrors,
  subresourceErrors,
} from "./validate-parts.ts";
import { hasDefault, schemaErrors } from "./validate-version-schema.ts";

/**
 * Errors of a definition beyond its metadata: of a new one, or, with `old`, of a changed one, in which stays what was
 * accepted before (mirrors k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation).
 */
export function definitionErrors(
  given: CustomResourceDefinition,
  old?: CustomResourceDefinition,
): FieldError[] {
  const definition = withVersions(given);
  const { spec, status, metadata } = definition;
  const errors: FieldError[] = [];
  if (old === undefined && metadata.name !== `${spec.names.plural}.${spec.group}`) {
    errors.push(invalid("metadata.name", metadata.name ?? "", 'must be spec.names.plural+"."+spec.group'));
  }
  errors.push(...specErrors(definition, leniencyOf(definition, old)));
  if (old !== undefined) errors.push(...changeErrors(definition, old));
  errors.push(...nameErrors(status?.acceptedNames ?? {}, "status.acceptedNames"));
  errors.push(...storedVersionErrors(status?.storedVersions ?? [], spec.versions));
  errors.push(...approvalErrors(definition, old));
  if (old?.spec.preserveUnknownFields !== true && spec.preserveUnknownFields === true) {
    const why =
      "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
    errors.push(invalid("spec.preserveUnknownFields", true, why));
  }
  return errors;
}

/** Versions are required, which is yet to be found out. */
function withVersions(definition: CustomResourceDefinition): CustomResourceDefinition {
  const { versions }: Partial<CustomResourceDefinitionSpec> = definition.spec;
  return versions === undefined ? { ...definition, spec: { ...definition.spec, versions: [] } } : definition;
}

function specErrors(definition: CustomResourceDefinition, lenient: Leniency): FieldError[] {
  const { spec } = definition;
  const { group, scope, names } = spec;
  const errors: FieldError[] = [];
  const wrongGroup = dns1123SubdomainErrors(group);
  if (group === "") errors.push(required("spec.group"));
  else if (wrongGroup.length > 0) errors.push(invalid("spec.group", group, wrongGroup.join(",")));
  else if (!group.includes(".")) {
    errors.push(invalid("spec.group", group, "should be a domain with at least one dot"));
  }
  const scopes = ["Cluster", "Namespaced"];
  if (scope === "") errors.push(required("spec.scope"));
  else if (!scopes.includes(scope)) errors.push(notSupported("spec.scope", scope, scopes));
  const layout = layoutOf(spec);
  errors.push(...missingSchemaErrors(spec, lenient));
  if (
    schemasOf(spec).some((schema) => schemaHas(schema, hasDefault)) &&
    spec.preserveUnknownFields === true
  ) {
    const why = "must be false in order to use defaults in the schema";
    errors.push(invalid("spec.preserveUnknownFields", true, why));
  }
  for (const [index, version] of layout.versions.entries()) {
    const path = `spec.versions[${index}]`;
    const wrong = dns1035LabelErrors(version.name);
    if (wrong.length > 0) errors.push(invalid(`${path}.name`, version.name, wrong.join(",")));
    const { deprecated = false, deprecationWarning } = version;
    errors.push(...deprecationErrors(deprecated, deprecationWarning, `${path}.deprecationWarning`));
    errors.push(
      ...partErrors(version, spec, { path, schema: `${path}.schema`, version: version.name }, lenient),
    );
  }
  errors.push(...firstVersionErrors(spec.versions), ...versionSetErrors(layout.versions));
  for (const name of ["plural", "singular", "kind", "listKind"] as const) {
    if ((names[name] ?? "") === "") errors.push(required(`spec.names.${name}`));
  }
  errors.push(...nameErrors(names, "spec.names"));
  const first = spec.versions[0]?.name ?? "";
  const place = { path: "spec", schema: "spec.validation", version: first };
  errors.push(...partErrors(layout.shared, spec, place, lenient));
  const { conversion } = spec;
  if (conversion !== undefined) {
    if (conversion.strategy !== "None" && spec.preserveUnknownFields === true) {
      const why = "must be None if spec.preserveUnknownFields is true";
      errors.push(invalid("spec.conversion.strategy", conversion.strategy, why));
    }
    errors.push(...conversionErrors(conversion, lenient, "spec.conversion"));
  }
  return errors;
}

function missingSchemaErrors(spec: CustomResourceDefinitionSpec, lenient: Leniency): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, { schema, served }] of spec.versions.entries()) {
    if (schema?.openAPIV3Schema !== undefined) continue;
    const where = `spec.versions[${index}].schema.openAPIV3Schema`;
    if (lenient.requiresSchema) errors.push(required(where));
    else if (served && spec.preserveUnknownFields !== true) {
      errors.push(required(where, "because otherwise all fields are pruned"));
    }
  }
  return errors;
}

/** Inside of Kubernetes the first version stands beside the others as well. */
function firstVersionErrors([first]: readonly CustomResourceDefinitionVersion[]): FieldError[] {
  const name = first?.name ?? "";
  const wrong = name === "" ? [] : dns1035LabelErrors(name);
  return wrong.length > 0 ? [invalid("spec.version", name, wrong.join(","))] : [];
}

/** A version as Kubernetes shows it: with the names that its parts have inside. */
const shownVersion = (version: Partial<CustomResourceDefinitionVersion>): object => ({
  Name: version.name ?? "",
  Served: version.served ?? false,
  Storage: version.storage ?? false,
  Deprecated: version.deprecated ?? false,
  DeprecationWarning: version.deprecationWarning ?? null,
  Schema: version.schema ?? null,
  Subresources: version.subresources ?? null,
  AdditionalPrinterColumns: version.additionalPrinterColumns ?? null,
  SelectableFields: version.selectableFields ?? null,
});

function versionSetErrors(versions: readonly CustomResourceDefinitionVersion[]): FieldError[] {
  const errors: FieldError[] = [];
  if (new Set(versions.map(({ name }) => name)).size < versions.length) {
    errors.push(invalid("spec.versions", versions.map(shownVersion), "must contain unique version names"));
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    const why = "must have exactly one version marked as storage version";
    errors.push(invalid("spec.versions", versions.map(shownVersion), why));
  }
  return errors;
}

interface PartPlace {
  readonly path: string;
  readonly schema: string;
  readonly version: string;
}

/** What a version says for itself, or all of them together. */
function partErrors(
  parts: Pick<
    CustomResourceDefinitionVersion,
    "schema" | "subresources" | "additionalPrinterColumns" | "selectableFields"
  >,
  spec: CustomResourceDefinitionSpec,
  place: PartPlace,
  lenient: Leniency,
): FieldError[] {
  const { path } = place;
  const errors: FieldError[] = [];
  const schema = parts.schema?.openAPIV3Schema;
  if (schema !== undefined) {
    // Said together, the schema is that of all versions, with or without a status of its own.
    const versions =
      path === "spec" ? spec.versions : spec.versions.filter(({ name }) => name === place.version);
    const hasStatus = versions.some(({ subresources }) => (subresources?.status ?? undefined) !== undefined);
    errors.push(...schemaErrors(schema, hasStatus, spec, place, lenient));
  }
  if (parts.subresources !== undefined) {
    errors.push(...subresourceErrors(parts.subresources, `${path}.subresources`));
  }
  for (const [index, column] of (parts.additionalPrinterColumns ?? []).entries()) {
    errors.push(...columnErrors(column, `${path}.additionalPrinterColumns[${index}]`));
  }
  const { selectableFields = [] } = parts;
  if (selectableFields.length > 0) {
    const own = spec.versions.find(({ name }) => name === place.version)?.schema?.openAPIV3Schema;
    const node = own === undefined ? undefined : new SchemaNode(own, { isRoot: true });
    const allowsMore = lenient.hasUnchangedFields(place.version);
    errors.push(...selectableFieldErrors(selectableFields, node, `${path}.selectableFields`, allowsMore));
  }
  return errors;
}

function changeErrors({ spec }: CustomResourceDefinition, old: CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  const check = (value: string, before: string, path: string): void => {
    if (value !== before) errors.push(invalid(path, value, "field is immutable"));
  };
  if (isTrue(old, "Established")) {
    check(spec.scope, old.spec.scope, "spec.scope");
    check(spec.names.kind, old.spec.names.kind, "spec.names.kind");
  }
  check(spec.group, old.spec.group, "spec.group");
  check(spec.names.plural, old.spec.names.plural, "spec.names.plural");
  return errors;
}

/** Versions that objects may still be stored in are not given up. */
function storedVersionErrors(
  stored: readonly string[],
  versions: readonly CustomResourceDefinitionVersion[],
): FieldError[] {
  const path = "status.storedVersions";
  if (stored.length === 0) return [invalid(path, null, "must have at least one stored version")];
  const errors: FieldError[] = [];
  const left = new Set(stored);
  for (const { name, storage } of versions) {
    if (storage && !left.has(name)) {
      errors.push(invalid(path, stored, `must have the storage version ${name}`));
    }
    left.delete(name);
  }
  for (const [index, name] of stored.entries()) {
    if (versions.some((version) => version.name === name)) continue;
    const why =
      `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a ` +
      `storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    errors.push(invalid(`${path}[${index}]`, name, why));
  }
  return errors;
}

/** The message of a condition about what is wrong with the schemas; undefined when they are structural. */
export function nonStructuralReason(
  spec: CustomResourceDefinitionSpec,
): { reason: string; message: string } | undefined {
  const errors: FieldError[] = [];
  if (spec.preserveUnknownFields === true) {
    errors.push(invalid("spec.preserveUnknownFields", true, "must be false"));
  }
  for (const [index, { name, schema }] of spec.versions.entries()) {
    if (schema?.openAPIV3Schema === undefined) continue;
    const problem = structuralProblem(schema.openAPIV3Schema);
    if (problem !== undefined) {
      const message = `failed to check validation schema for version ${name}: ${problem}`;
      return { reason: "StructuralError", message };
    }
    errors.push(
      ...structuralErrors(schema.openAPIV3Schema, `spec.versions[${index}].schema.openAPIV3Schema`),
    );
  }
  if (errors.length === 0) return undefined;
  const texts = [...new Set(errors.map((error) => formatFieldError(error)))];
  const message = texts.length === 1 ? (texts[0] ?? "") : `[${texts.join(", ")}]`;
  return { reason: "Violations", message };
}
