import type { CustomResourceDefinitionSpec, JSONSchemaProps } from "../../../api/types/apiextensions-v1.ts";
import { type FieldError, forbidden, invalid } from "../../../apimachinery/field-error.ts";
import { isObject } from "../../../apimachinery/json.ts";
import { SchemaNode } from "../schema/schema-node.ts";
import { schemaHas, structuralErrors, structuralProblem } from "../schema/structural-rules.ts";
import type { Leniency } from "./leniency.ts";
import { defaultErrors } from "./validate-defaults.ts";
import { openApiErrors } from "./validate-schema.ts";

export const hasDefault = (schema: JSONSchemaProps): boolean => (schema.default ?? undefined) !== undefined;

/** Where the schema of a version stands. */
interface SchemaPlace {
  readonly schema: string;
  readonly version: string;
}

/** Names as Kubernetes has them inside, where the message comes from. */
const rootFields =
  "Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations";
const allowedAtRoot = new Set([
  ...rootFields.split(" ").map((name) => name.charAt(0).toLowerCase() + name.slice(1)),
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-validations",
]);

/** Errors of the schema of a version; `hasStatus`: the version has a status of its own. */
export function schemaErrors(
  schema: JSONSchemaProps,
  hasStatus: boolean,
  spec: CustomResourceDefinitionSpec,
  { schema: schemaPath, version }: SchemaPlace,
  lenient: Leniency,
): FieldError[] {
  const path = `${schemaPath}.openAPIV3Schema`;
  const errors: FieldError[] = hasStatus ? rootErrors(schema, path) : [];
  if (schema.nullable === true) {
    errors.push(forbidden(`${path}.nullable`, "nullable cannot be true at the root"));
  }
  const requiresStructure =
    lenient.requiresStructure || spec.preserveUnknownFields !== true || schemaHas(schema, hasExtensions);
  const problem = requiresStructure ? structuralProblem(schema) : undefined;
  const found =
    !requiresStructure || problem !== undefined
      ? []
      : structureErrors(schema, path, lenient.requiresPrunedDefaults);
  errors.push(...found);
  errors.push(
    ...openApiErrors(schema, path, {
      ...lenient.schema,
      ignoresCosts: lenient.hasUnchangedSchema(version),
      checksRules: requiresStructure && problem === undefined && found.length === 0,
    }),
  );
  if (errors.length === 0 && problem !== undefined) errors.push(invalid(path, "", problem));
  return errors;
}

const hasExtensions = (schema: JSONSchemaProps): boolean =>
  Object.entries(schema).some(
    ([name, value]) =>
      name.startsWith("x-kubernetes-") && name !== "x-kubernetes-map-type" && value !== undefined,
  ) || hasDefault(schema);

function structureErrors(schema: JSONSchemaProps, path: string, requiresPruned: boolean): FieldError[] {
  const errors = structuralErrors(schema, path);
  return errors.length > 0
    ? errors
    : defaultErrors(new SchemaNode(schema, { isRoot: true }), path, requiresPruned);
}

/** With a status of its own, the root says only what is true of the status too. */
function rootErrors(schema: JSONSchemaProps, path: string): FieldError[] {
  for (const [name, value] of Object.entries(schema)) {
    const isSaid = value !== undefined && value !== false && value !== "" && !isEmptyList(value);
    if (name === "type" && schema.type !== "object") {
      const why =
        'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
      return [invalid(`${path}.type`, schema.type ?? "", why)];
    }
    if (isSaid && !allowedAtRoot.has(name)) {
      const why = `only [${rootFields}] fields are allowed at the root of the schema if the status subresource is enabled`;
      return [invalid(path, schema, why)];
    }
  }
  return [];
}

const isEmptyList = (value: unknown): boolean =>
  (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0);
