import { type FieldError, formatFieldError, invalid } from "../../../apimachinery/field-error.ts";
import { deepCopy, deepEqual } from "../../../apimachinery/json.ts";
import { objectCostBudget, ruleErrors } from "../schema/evaluate-rules.ts";
import { coerceEmbedded, embeddedErrors } from "../schema/object-meta.ts";
import { prune } from "../schema/prune.ts";
import type { SchemaNode } from "../schema/schema-node.ts";
import { schemaErrors } from "../schema/validate.ts";

/**
 * Defaults are valid values of their own schema, without anything that it does not know; those of metadata make valid
 * metadata (mirrors apiserver/schema/defaulting/validation.go).
 */
export function defaultErrors(root: SchemaNode, path: string, requiresPruned: boolean): FieldError[] {
  const check = new DefaultCheck(requiresPruned);
  check.visit(root, path, { root, steps: [], isMeta: false });
  return check.errors;
}

interface Place {
  /** The resource that the default is a part of. */
  readonly root: SchemaNode;
  readonly steps: readonly (string | number)[];
  readonly isMeta: boolean;
}

class DefaultCheck {
  readonly errors: FieldError[] = [];
  readonly #requiresPruned: boolean;
  #budget = objectCostBudget;

  constructor(requiresPruned: boolean) {
    this.#requiresPruned = requiresPruned;
  }

  visit(schema: SchemaNode, path: string, place: Place): void {
    if (!schema.traits.hasDefaults) return;
    const here: Place = schema.isEmbedded ? { root: schema, steps: [], isMeta: false } : place;
    if (schema.default !== undefined) this.errors.push(...this.#check(schema, `${path}.default`, here));
    const { items } = schema;
    if (items !== undefined) this.visit(items, `${path}.items`, { ...here, steps: [...here.steps, 0] });
    for (const name of schema.fieldNames) {
      const field = schema.field(name);
      const isMeta = here.isMeta || (schema.isEmbedded && ["metadata", "apiVersion", "kind"].includes(name));
      if (field === undefined) continue;
      this.visit(field, `${path}.properties[${name}]`, { ...here, steps: [...here.steps, name], isMeta });
    }
  }

  #check(schema: SchemaNode, path: string, place: Place): FieldError[] {
    const value = deepCopy(schema.default);
    const own = place.isMeta ? this.#metaErrors(value, path, place) : this.#shapeErrors(value, schema, path);
    // An unknown field is told beside what else is wrong, which may follow from it.
    if (own.some((error) => error.detail !== unknownFields)) return own;
    const errors = [...own, ...schemaErrors(value, schema, path)];
    return errors.length > own.length ? errors : [...errors, ...this.#ruleErrors(value, schema, path)];
  }

  #shapeErrors(value: unknown, schema: SchemaNode, path: string): FieldError[] {
    const errors: FieldError[] = [];
    if (this.#requiresPruned) {
      const pruned = deepCopy(value);
      prune(pruned, schema);
      if (!deepEqual(pruned, value)) errors.push(invalid(path, value, unknownFields));
    }
    const wrong = coerceEmbedded(value, schema, [], { path, isRoot: schema.isEmbedded });
    if (wrong !== undefined) return [...errors, wrong];
    return [...errors, ...embeddedErrors(value, schema, { path, isRoot: schema.isEmbedded })];
  }

  #metaErrors(value: unknown, path: string, { root, steps }: Place): FieldError[] {
    const whole = {
      apiVersion: "validation/v1",
      kind: "Validation",
      ...(surrounded(value, steps) as object),
    };
    const wrong = coerceEmbedded(whole, root, [], { isRoot: true });
    const found = wrong === undefined ? embeddedErrors(whole, root, { isRoot: true }) : [wrong];
    if (found.length === 0) return [];
    const texts = found.map((error) => formatFieldError(error));
    const why = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
    return [invalid(path, value, `must result in valid metadata: ${why}`)];
  }

  /** A default may come with a create as well as with an update of an object that has it already. */
  #ruleErrors(value: unknown, schema: SchemaNode, path: string): FieldError[] {
    if (!schema.traits.hasRules || this.#budget < 0) return [];
    const asUpdate = ruleErrors(value, value, schema, { path, budget: this.#budget });
    if (asUpdate.errors.length > 0) {
      this.#budget = asUpdate.remaining;
      return asUpdate.errors;
    }
    const asCreate = ruleErrors(value, undefined, schema, { path, budget: this.#budget });
    this.#budget = Math.min(asUpdate.remaining, asCreate.remaining);
    return asCreate.errors;
  }
}

const unknownFields = "must not have unknown fields";

/** The value where the steps lead. */
function surrounded(value: unknown, steps: readonly (string | number)[]): unknown {
  let whole = value;
  for (const step of steps.toReversed()) whole = typeof step === "number" ? [whole] : { [step]: whole };
  return whole;
}
