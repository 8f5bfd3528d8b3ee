import type { JSONSchemaProps } from "../../../api/types/apiextensions-v1.ts";
import {
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from "../../../apimachinery/field-error.ts";
import { isObject } from "../../../apimachinery/json.ts";
import { compileRules, maxCostOf } from "../schema/compile-rules.ts";
import { SchemaNode, schemaOf } from "../schema/schema-node.ts";
import {
  costMessage,
  maxOccurrences,
  multiplied,
  occurrencesBelow,
  RuleCosts,
  ruleCostLimit,
} from "./rule-costs.ts";
import { keyErrors, mapErrors, setErrors } from "./validate-list-schema.ts";
import { ruleTextErrors, shownRule } from "./validate-rule-text.ts";

/** What is let pass because it was there before. */
export interface SchemaRules {
  readonly requiresValidTypes: boolean;
  readonly requiresAtomicSets: boolean;
  readonly requiresKeysOfMaps: boolean;
  /** Rules are dear only once: a schema that does not change is not told off again. */
  readonly ignoresCosts: boolean;
  /** False when the schema is not structural, so that rules cannot be compiled. */
  readonly checksRules: boolean;
}

/**
 * What a schema of a definition may say, besides being structural. Errors of the schema come before those of its rules
 * (mirrors ValidateCustomResourceDefinitionOpenAPISchema of pkg/apis/apiextensions/validation).
 */
export function openApiErrors(schema: JSONSchemaProps, path: string, rules: SchemaRules): FieldError[] {
  const check = new SchemaCheck(rules);
  check.visit(schema, path, { ...outside, occurrences: 1 });
  const costs = rules.checksRules ? check.costs.errors(path) : [];
  return [...check.schemaErrors, ...check.ruleErrors, ...costs];
}

interface Surroundings {
  readonly isRoot: boolean;
  readonly isMeta: boolean;
  /** Why no default may stand here. */
  readonly noDefaults: string | undefined;
  /** The first ancestor below which old and new values cannot be told apart. */
  readonly uncorrelated: string | undefined;
  /** How often the value can occur in an object; undefined when nothing bounds it. */
  readonly occurrences: number | undefined;
  /** False below logic, where no rules stand. */
  readonly hasRules: boolean;
}

const outside: Surroundings = {
  isRoot: true,
  isMeta: false,
  noDefaults: undefined,
  uncorrelated: undefined,
  occurrences: undefined,
  hasRules: true,
};

const metaFields = new Set(["metadata", "kind", "apiVersion"]);
const jsonTypes = ["array", "boolean", "integer", "number", "object", "string"];

class SchemaCheck {
  readonly schemaErrors: FieldError[] = [];
  readonly ruleErrors: FieldError[] = [];
  readonly costs = new RuleCosts();
  readonly #rules: SchemaRules;

  constructor(rules: SchemaRules) {
    this.#rules = rules;
  }

  visit(schema: JSONSchemaProps, path: string, around: Surroundings): void {
    const before = this.schemaErrors.length;
    this.#checkWords(schema, path, around);
    this.#visitBelow(schema, path, around);
    this.#checkExtensions(schema, path);
    this.#checkRules(schema, path, around, before);
  }

  #add(...errors: readonly FieldError[]): void {
    this.schemaErrors.push(...errors);
  }

  #checkWords(schema: JSONSchemaProps, path: string, around: Surroundings): void {
    const { type = "" } = schema;
    if (this.#rules.requiresValidTypes && type !== "" && !jsonTypes.includes(type)) {
      this.#add(notSupported(`${path}.type`, type, jsonTypes));
    }
    if (around.noDefaults !== undefined && schema.default !== undefined && schema.default !== null) {
      this.#add(forbidden(`${path}.default`, `must not be set ${around.noDefaults}`));
    }
    for (const [name, why = `${name} is not supported`] of unsupported) {
      const value = schema[name];
      const isEmpty = isObject(value) && Object.keys(value).length === 0;
      if (value !== undefined && value !== "" && !isEmpty) this.#add(forbidden(`${path}.${name}`, why));
    }
    if (type === "null") {
      const why = "type cannot be set to null, use nullable as an alternative";
      this.#add(forbidden(`${path}.type`, why));
    }
    if (Array.isArray(schema.items)) {
      this.#add(forbidden(`${path}.items`, "items must be a schema object and not an array"));
    }
    if (around.isMeta && schema["x-kubernetes-embedded-resource"] === true) {
      const where = `${path}.x-kubernetes-embedded-resource`;
      this.#add(forbidden(where, "must not be used inside of resource meta"));
    }
    if (schema.uniqueItems === true) {
      const why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
      this.#add(forbidden(`${path}.uniqueItems`, why));
    }
  }

  #visitBelow(schema: JSONSchemaProps, path: string, around: Surroundings): void {
    const times = occurrencesBelow(schema);
    const below: Surroundings = {
      ...around,
      isRoot: false,
      occurrences:
        around.occurrences === undefined || times === undefined
          ? undefined
          : multiplied(around.occurrences, times),
    };
    this.#visitValues(schema, path, around, below);
    this.#visitFields(schema, path, around, below);
    const logic = { ...below, hasRules: false };
    if (schema.not !== undefined) this.visit(schema.not, `${path}.not`, logic);
    for (const word of ["allOf", "oneOf", "anyOf"] as const) {
      for (const [index, each] of (schema[word] ?? []).entries()) {
        this.visit(each, `${path}.${word}[${index}]`, logic);
      }
    }
    const items = schemaOf(schema.items);
    if (items === undefined) return;
    // Only items of maps can be found again in the old list.
    const isMap = schema["x-kubernetes-list-type"] === "map";
    this.visit(items, `${path}.items`, {
      ...below,
      uncorrelated: around.uncorrelated ?? (isMap ? undefined : path),
    });
  }

  #visitValues(schema: JSONSchemaProps, path: string, around: Surroundings, below: Surroundings): void {
    const { additionalProperties, properties = {} } = schema;
    if (additionalProperties === undefined || additionalProperties === null) return;
    const where = `${path}.additionalProperties`;
    if (Object.keys(properties).length > 0 && additionalProperties !== true) {
      this.#add(forbidden(where, "additionalProperties and properties are mutual exclusive"));
    }
    const values = schemaOf(additionalProperties);
    if (values === undefined) return;
    const noDefaults = around.isMeta
      ? "inside additionalProperties applying to object metadata"
      : around.noDefaults;
    this.visit(values, where, { ...below, noDefaults });
  }

  #visitFields(schema: JSONSchemaProps, path: string, around: Surroundings, below: Surroundings): void {
    const mapType = schema["x-kubernetes-map-type"];
    const canBeFollowed = mapType === undefined || mapType === "granular" || mapType === "atomic";
    const isResource = around.isRoot || schema["x-kubernetes-embedded-resource"] === true;
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const isMeta = isResource && metaFields.has(name);
      this.visit(property, `${path}.properties[${name}]`, {
        ...below,
        uncorrelated: around.uncorrelated ?? (canBeFollowed ? undefined : path),
        isMeta: around.isMeta || isMeta,
        noDefaults: isMeta && around.isRoot ? `in top-level ${name}` : around.noDefaults,
      });
    }
  }

  #checkExtensions(schema: JSONSchemaProps, path: string): void {
    if (schema["x-kubernetes-preserve-unknown-fields"] === false) {
      const where = `${path}.x-kubernetes-preserve-unknown-fields`;
      this.#add(invalid(where, false, "must be true or undefined"));
    }
    const mapType = schema["x-kubernetes-map-type"];
    if (mapType !== undefined) {
      this.#checkTypeFor(schema, "object", "x-kubernetes-map-type", path);
      if (mapType !== "atomic" && mapType !== "granular") {
        this.#add(notSupported(`${path}.x-kubernetes-map-type`, mapType, ["atomic", "granular"]));
      }
    }
    this.#checkListType(schema, path);
    if (this.#rules.requiresKeysOfMaps) this.#add(...keyErrors(schema, path));
  }

  /** False when the type does not fit. */
  #checkTypeFor(schema: JSONSchemaProps, type: string, extension: string, path: string): boolean {
    if (schema.type === type) return true;
    const why = `must be ${type} if ${extension} is specified`;
    const isGiven = (schema.type ?? "") !== "";
    this.#add(isGiven ? invalid(`${path}.type`, schema.type, why) : required(`${path}.type`, why));
    return false;
  }

  #checkListType(schema: JSONSchemaProps, path: string): void {
    const listType = schema["x-kubernetes-list-type"];
    const keys = schema["x-kubernetes-list-map-keys"] ?? [];
    const where = `${path}.x-kubernetes-list-type`;
    if (listType !== undefined) {
      const fits = this.#checkTypeFor(schema, "array", "x-kubernetes-list-type", path);
      if (fits && listType === "set" && this.#rules.requiresAtomicSets) this.#add(...setErrors(schema, path));
      if (!["atomic", "set", "map"].includes(listType)) {
        this.#add(notSupported(where, listType, ["atomic", "set", "map"]));
      }
    }
    if (keys.length > 0 && listType !== "map") {
      const why = "must be map if x-kubernetes-list-map-keys is non-empty";
      this.#add(listType === undefined ? required(where, why) : invalid(where, listType, why));
    }
    if (listType === "map") this.#add(...mapErrors(schema, keys, path));
  }

  #checkRules(schema: JSONSchemaProps, path: string, around: Surroundings, before: number): void {
    const rules = schema["x-kubernetes-validations"] ?? [];
    if (rules.length === 0) return;
    const where = `${path}.x-kubernetes-validations`;
    for (const [index, rule] of rules.entries()) {
      this.#add(...ruleTextErrors(rule, schema, `${where}[${index}]`));
    }
    // A type cannot be made of what is wrong.
    if (this.schemaErrors.length > before || !around.hasRules || !this.#rules.checksRules) return;
    const compiled = compileRules(new SchemaNode(schema, { isRoot: around.isRoot }));
    if (compiled === undefined) {
      const detail =
        "internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations";
      this.ruleErrors.push({ type: "InternalError", path: where, detail });
      return;
    }
    const times = around.occurrences ?? maxOccurrences(compiled.type.minSize ?? 0);
    for (const [index, each] of compiled.rules.entries()) {
      const at = `${where}[${index}]`;
      const cost = multiplied(each.program === undefined ? 0 : maxCostOf(each.program, compiled.type), times);
      this.#addCost(`${at}.rule`, "estimated rule cost", cost);
      if (each.error !== undefined)
        this.ruleErrors.push(invalid(`${at}.rule`, shownRule(each.rule), each.error));
      if (each.messageError !== undefined) {
        this.ruleErrors.push(invalid(`${at}.messageExpression`, shownRule(each.rule), each.messageError));
      } else if (each.message !== undefined) {
        const messageCost = maxCostOf(each.message, compiled.type);
        this.#addCost(`${at}.messageExpression`, "estimated messageExpression cost", messageCost);
      }
      if (each.usesOldSelf && around.uncorrelated !== undefined) {
        const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${around.uncorrelated}`;
        this.ruleErrors.push(invalid(`${at}.rule`, each.rule.rule, why));
      } else if (!each.usesOldSelf && each.rule.optionalOldSelf !== undefined) {
        const why = "may not be set if oldSelf is not used in rule";
        this.ruleErrors.push(invalid(`${at}.optionalOldSelf`, each.rule.optionalOldSelf, why));
      }
    }
  }

  #addCost(path: string, what: string, cost: number): void {
    if (!this.#rules.ignoresCosts && cost > ruleCostLimit) {
      this.ruleErrors.push(forbidden(path, costMessage(what, cost, ruleCostLimit)));
    }
    this.costs.add(path, cost);
  }
}

const unsupported: readonly (readonly [keyof JSONSchemaProps, string?])[] = [
  ["id"],
  ["additionalItems"],
  ["patternProperties"],
  ["definitions"],
  ["dependencies"],
  ["$ref"],
];

export const hasWrongType = ({ type = "" }: JSONSchemaProps): boolean =>
  type !== "" && !jsonTypes.includes(type);
