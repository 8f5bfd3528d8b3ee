import type { JSONSchemaProps } from "../../../api/types/apiextensions-v1.ts";
import {
  type FieldError,
  forbidden,
  formatFieldError,
  invalid,
  required,
} from "../../../apimachinery/field-error.ts";
import { deepEqual, isObject } from "../../../apimachinery/json.ts";
import { patternError } from "./pattern.ts";
import { schemaOf } from "./schema-node.ts";

/** What is no structural schema at all, in one sentence; undefined when the rules below can be asked. */
export function structuralProblem(schema: JSONSchemaProps): string | undefined {
  const own = unsupported.find((name) => isGiven(schema[name]));
  if (own !== undefined) return `OpenAPIV3Schema '${own === "$schema" ? "schema" : own}' is not supported`;
  if (isArrayOfSchemas(schema.items)) return "OpenAPIV3Schema 'items' must be a schema, but is an array";
  for (const below of childSchemas(schema)) {
    const problem = structuralProblem(below);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

const unsupported = [
  "id",
  "$schema",
  "$ref",
  "patternProperties",
  "dependencies",
  "additionalItems",
  "definitions",
] as const;

const isGiven = (value: unknown): boolean => {
  if (value === undefined || value === null || value === "") return false;
  return !isObject(value) || Object.keys(value).length > 0;
};

const isArrayOfSchemas = (items: unknown): boolean =>
  Array.isArray(items) || (isObject(items) && Array.isArray(items["JSONSchemas"]));

/** All schemas that stand in the schema, in no particular order. */
export function childSchemas(schema: JSONSchemaProps): JSONSchemaProps[] {
  const { properties, allOf = [], anyOf = [], oneOf = [], not } = schema;
  const single = [schemaOf(schema.items), schemaOf(schema.additionalProperties), not];
  return [
    ...Object.values(properties ?? {}),
    ...single.filter((each) => each !== undefined),
    ...allOf,
    ...anyOf,
    ...oneOf,
  ];
}

/** True when something in the schema, at any depth, answers to the question. */
export function schemaHas(
  schema: JSONSchemaProps | undefined,
  question: (schema: JSONSchemaProps) => boolean,
): boolean {
  if (schema === undefined) return false;
  return question(schema) || childSchemas(schema).some((below) => schemaHas(below, question));
}

type Level = "root" | "item" | "field";

/**
 * The rules of structural schemas: what a value looks like is said once, outside of all logic, and logic only narrows
 * it (mirrors k8s.io/apiextensions-apiserver/pkg/apiserver/schema). In the order of the messages.
 */
export function structuralErrors(schema: JSONSchemaProps, path: string): FieldError[] {
  const errors: FieldError[] = [];
  checkInvariants(schema, "root", path, errors);
  checkComplete(schema, schema, path, path, errors);
  const texts = new Map(errors.map((error) => [error, formatFieldError(error)]));
  return errors.sort((a, b) => ((texts.get(a) ?? "") < (texts.get(b) ?? "") ? -1 : 1));
}

function checkInvariants(schema: JSONSchemaProps, level: Level, path: string, errors: FieldError[]): void {
  const items = schemaOf(schema.items);
  if (schema.type === "array" && items === undefined)
    errors.push(required(`${path}.items`, "must be specified"));
  if (items !== undefined) checkInvariants(items, "item", `${path}.items`, errors);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    checkInvariants(property, "field", `${path}.properties[${name}]`, errors);
  }
  const { additionalProperties } = schema;
  if (isGiven(additionalProperties) || isObject(additionalProperties)) {
    const where = `${path}.additionalProperties`;
    if (level === "root") errors.push(forbidden(where, "must not be used at the root"));
    const values = schemaOf(additionalProperties);
    if (values !== undefined) checkInvariants(values, "field", where, errors);
  }
  checkExtensions(schema, path, errors);
  const isChoice = isIntOrStringChoice(schema.anyOf);
  checkValueRules(schema, isChoice, isIntOrStringChoice(schema.allOf?.[0]?.anyOf), path, errors);
  checkType(schema, level, path, errors);
  checkMetaFields(schema, level, path, errors);
}

function checkExtensions(schema: JSONSchemaProps, path: string, errors: FieldError[]): void {
  if (schema["x-kubernetes-int-or-string"] !== true) return;
  for (const name of ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] as const) {
    if (schema[name] !== true) continue;
    errors.push(invalid(`${path}.${name}`, true, "must be false if x-kubernetes-int-or-string is true"));
  }
}

function checkType(schema: JSONSchemaProps, level: Level, path: string, errors: FieldError[]): void {
  const { type = "" } = schema;
  const where = `${path}.type`;
  const isEmbedded = schema["x-kubernetes-embedded-resource"] === true;
  const isFree =
    schema["x-kubernetes-int-or-string"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (isEmbedded && type !== "object") {
    const why = "must be object if x-kubernetes-embedded-resource is true";
    errors.push(type === "" ? required(where, why) : invalid(where, type, why));
  } else if (type === "" && !isFree) errors.push(required(where, emptyTypes[level]));
  if (isEmbedded && schema.additionalProperties !== undefined) {
    const why = "must not be used if x-kubernetes-embedded-resource is set";
    errors.push(forbidden(`${path}.additionalProperties`, why));
  }
  if (level === "root" && type !== "" && type !== "object") {
    errors.push(invalid(where, type, "must be object at the root"));
  }
}

const emptyTypes: Readonly<Record<Level, string>> = {
  root: "must not be empty at the root",
  item: "must not be empty for specified array items",
  field: "must not be empty for specified object fields",
};

function checkMetaFields(schema: JSONSchemaProps, level: Level, path: string, errors: FieldError[]): void {
  const { properties = {} } = schema;
  const isEmbedded = schema["x-kubernetes-embedded-resource"] === true;
  const isResource = level === "root" || isEmbedded;
  for (const name of ["kind", "apiVersion"]) {
    const field = properties[name];
    if (field === undefined || !isResource || field.type === "string") continue;
    errors.push(invalid(`${path}.properties[${name}].type`, field.type ?? "", "must be string"));
  }
  const { metadata } = properties;
  if (metadata !== undefined) {
    const where = `${path}.properties[metadata]`;
    if (isResource && metadata.type !== "object") {
      errors.push(invalid(`${where}.type`, metadata.type ?? "", "must be object"));
    }
    if (level === "root" && !isPlainMetadata(metadata)) {
      const why =
        "must not specify anything other than name and generateName, but metadata is implicitly specified";
      errors.push(forbidden(where, why));
    }
  }
  const isOpen = schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (isEmbedded && !isOpen && Object.keys(properties).length === 0) {
    const why =
      "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
    errors.push(required(`${path}.properties`, why));
  }
}

function isPlainMetadata({ properties = {}, type: _1, default: _2, ...rest }: JSONSchemaProps): boolean {
  const names = Object.keys(properties);
  const onlyNames = names.every((name) => name === "name" || name === "generateName");
  return onlyNames && !Object.values(rest).some((value) => isGiven(value) && value !== false);
}

const intOrString = [{ type: "integer" }, { type: "string" }];
const isIntOrStringChoice = (choice: readonly JSONSchemaProps[] | undefined): boolean =>
  deepEqual(choice, intOrString);

function checkValueRules(
  schema: JSONSchemaProps,
  skipsAnyOf: boolean,
  skipsFirstOfAllOf: boolean,
  path: string,
  errors: FieldError[],
): void {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern = "" } = schema;
  if (!skipsAnyOf) {
    for (const [index, each] of anyOf.entries()) checkNested(each, false, `${path}.anyOf[${index}]`, errors);
  }
  for (const [index, each] of allOf.entries()) {
    checkNested(each, skipsFirstOfAllOf && index === 0, `${path}.allOf[${index}]`, errors);
  }
  for (const [index, each] of oneOf.entries()) checkNested(each, false, `${path}.oneOf[${index}]`, errors);
  if (not !== undefined) checkNested(not, false, `${path}.not`, errors);
  const wrong = pattern === "" ? undefined : patternError(pattern);
  if (wrong !== undefined) {
    errors.push(
      invalid(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${wrong}`),
    );
  }
}

/** What logic may not say, and how it is told off. */
const nestedRules: readonly (readonly [keyof JSONSchemaProps, string])[] = [
  ["type", "must be empty to be structural"],
  ["additionalProperties", "must be undefined to be structural"],
  ["default", "must be undefined to be structural"],
  ["title", "must be empty to be structural"],
  ["description", "must be empty to be structural"],
  ["nullable", "must be false to be structural"],
  ["x-kubernetes-preserve-unknown-fields", "must be false to be structural"],
  ["x-kubernetes-embedded-resource", "must be false to be structural"],
  ["x-kubernetes-int-or-string", "must be false to be structural"],
  ["x-kubernetes-list-map-keys", "must be empty to be structural"],
  ["x-kubernetes-list-type", "must be undefined to be structural"],
  ["x-kubernetes-map-type", "must be undefined to be structural"],
  ["x-kubernetes-validations", "must be empty to be structural"],
];

function checkNested(schema: JSONSchemaProps, skipsAnyOf: boolean, path: string, errors: FieldError[]): void {
  checkValueRules(schema, skipsAnyOf, false, path, errors);
  const items = schemaOf(schema.items);
  if (items !== undefined) checkNested(items, false, `${path}.items`, errors);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    checkNested(property, false, `${path}.properties[${name}]`, errors);
  }
  for (const [name, why] of nestedRules) {
    const value = schema[name];
    const isSaid = name === "additionalProperties" ? value !== undefined : isGiven(value) && value !== false;
    if (isSaid && !(Array.isArray(value) && value.length === 0))
      errors.push(forbidden(`${path}.${name}`, why));
  }
  if (schema.properties?.["metadata"] !== undefined) {
    errors.push(forbidden(`${path}.properties[metadata]`, "must not be specified in a nested context"));
  }
}

/** Whatever logic speaks of is declared outside of it. */
function checkComplete(
  rules: JSONSchemaProps,
  declared: JSONSchemaProps | undefined,
  path: string,
  rulesPath: string,
  errors: FieldError[],
): void {
  const { not, allOf = [], anyOf = [], oneOf = [] } = rules;
  const check = (nested: JSONSchemaProps, where: string): void =>
    checkNestedComplete(nested, declared, path, `${rulesPath}.${where}`, errors);
  if (not !== undefined) check(not, "not");
  for (const [index, each] of allOf.entries()) check(each, `allOf[${index}]`);
  for (const [index, each] of anyOf.entries()) check(each, `anyOf[${index}]`);
  for (const [index, each] of oneOf.entries()) check(each, `oneOf[${index}]`);
}

function checkNestedComplete(
  rules: JSONSchemaProps,
  declared: JSONSchemaProps | undefined,
  path: string,
  rulesPath: string,
  errors: FieldError[],
): void {
  if (declared === undefined) {
    errors.push(required(path, `because it is defined in ${rulesPath}`));
    return;
  }
  checkComplete(rules, declared, path, rulesPath, errors);
  const items = schemaOf(rules.items);
  if (items !== undefined) {
    checkNestedComplete(items, schemaOf(declared.items), `${path}.items`, `${rulesPath}.items`, errors);
  }
  for (const [name, property] of Object.entries(rules.properties ?? {})) {
    const step = `properties[${name}]`;
    const below = declared.properties?.[name];
    checkNestedComplete(property, below, `${path}.${step}`, `${rulesPath}.${step}`, errors);
  }
}
