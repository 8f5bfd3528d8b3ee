import type {
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
  JSONSchemaProps,
} from "../../../api/types/apiextensions-v1.ts";
import { deepEqual } from "../../../apimachinery/json.ts";
import { caBundleError } from "../../webhook/ca-bundle.ts";
import { SchemaNode } from "../schema/schema-node.ts";
import { schemaHas, structuralErrors, structuralProblem } from "../schema/structural-rules.ts";
import { isTrue } from "./definition.ts";
import { isKnownReview } from "./validate-conversion.ts";
import { defaultErrors } from "./validate-defaults.ts";
import { hasPlainSet, keyErrors } from "./validate-list-schema.ts";
import { hasWrongType, type SchemaRules } from "./validate-schema.ts";

/** What is let pass because it was there before. */
export interface Leniency {
  readonly requiresSchema: boolean;
  readonly requiresStructure: boolean;
  readonly requiresPrunedDefaults: boolean;
  readonly requiresKnownReview: boolean;
  readonly allowsInvalidBundle: boolean;
  readonly schema: Omit<SchemaRules, "ignoresCosts" | "checksRules">;
  hasUnchangedSchema(version: string): boolean;
  hasUnchangedFields(version: string): boolean;
}

export function leniencyOf(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): Leniency {
  if (old === undefined) {
    return {
      requiresSchema: true,
      requiresStructure: true,
      requiresPrunedDefaults: true,
      requiresKnownReview: true,
      allowsInvalidBundle: true,
      schema: { requiresValidTypes: true, requiresAtomicSets: true, requiresKeysOfMaps: true },
      hasUnchangedSchema: () => false,
      hasUnchangedFields: () => false,
    };
  }
  const schemas = schemasOf(old.spec);
  const had = (question: (schema: JSONSchemaProps) => boolean): boolean =>
    schemas.some((schema) => schemaHas(schema, question));
  const isStructural = (schema: JSONSchemaProps): boolean =>
    structuralProblem(schema) === undefined && structuralErrors(schema, "").length === 0;
  const reviews = old.spec.conversion?.webhook?.conversionReviewVersions ?? [];
  const bundle = old.spec.conversion?.webhook?.clientConfig?.caBundle ?? "";
  const versionOf = ({ spec }: CustomResourceDefinition, name: string) =>
    spec.versions.find((version) => version.name === name);
  return {
    requiresSchema: old.spec.versions.every(({ schema }) => schema?.openAPIV3Schema !== undefined),
    requiresStructure: schemas.every(isStructural),
    requiresPrunedDefaults: !schemas.some(
      (schema) =>
        isStructural(schema) &&
        defaultErrors(new SchemaNode(schema, { isRoot: true }), "", true).some(
          ({ detail }) => detail === "must not have unknown fields",
        ),
    ),
    requiresKnownReview: reviews.length === 0 || reviews.some(isKnownReview),
    allowsInvalidBundle:
      !isTrue(old, "Established") || (bundle !== "" && caBundleError(bundle) !== undefined),
    schema: {
      requiresValidTypes: !had(hasWrongType),
      requiresAtomicSets: !had(hasPlainSet),
      requiresKeysOfMaps: !had((schema) => keyErrors(schema, "").length > 0),
    },
    hasUnchangedSchema: (name) =>
      deepEqual(versionOf(definition, name)?.schema, versionOf(old, name)?.schema),
    hasUnchangedFields: (name) =>
      deepEqual(versionOf(definition, name)?.selectableFields, versionOf(old, name)?.selectableFields),
  };
}

/** Versions may be missing in what is yet to be found invalid. */
export const schemasOf = ({ versions }: Partial<CustomResourceDefinitionSpec>): JSONSchemaProps[] =>
  (versions ?? []).map(({ schema }) => schema?.openAPIV3Schema).filter((schema) => schema !== undefined);
