import { nameIsDnsSubdomain } from "../../api/validation/basics.ts";
import { checkObjectMeta, checkObjectMetaUpdate } from "../../api/validation/object-meta.ts";
import { type FieldError, invalid } from "../../apimachinery/field-error.ts";
import { inSlices } from "../../apimachinery/in-slices.ts";
import { qualifiedNameErrors } from "../../apimachinery/names.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { RuleMetrics } from "./rule-metrics.ts";
import { Correlation } from "./schema/correlation.ts";
import { RulesToAsk } from "./schema/evaluate-rules.ts";
import { listTypeErrors } from "./schema/list-types.ts";
import { embeddedErrors } from "./schema/object-meta.ts";
import type { SchemaNode } from "./schema/schema-node.ts";
import { schemaErrors, schemaErrorsInParts } from "./schema/validate.ts";
import { hasManyPatterns, isLarge } from "./schema/weight.ts";
import { type ScaleFields, scaleErrors } from "./validate-scale.ts";

export interface ObjectFacts {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly schema: SchemaNode | undefined;
  readonly scale: ScaleFields | undefined;
  readonly metrics?: RuleMetrics | undefined;
}

/**
 * What is wrong with objects of a version (mirrors the strategies of
 * k8s.io/apiextensions-apiserver/pkg/registry/customresource).
 */
export class ObjectRules {
  readonly #facts: ObjectFacts;
  readonly #status: SchemaNode | undefined;
  /** Faults of the last object that were there before. */
  #warnings: string[] = [];
  #hasManyPatterns: boolean | undefined;
  /** What the schema has said of large objects that are about to be validated. */
  readonly #checked = new WeakMap<UnstructuredObject, Checked>();
  /** What rules have said of objects that are about to be validated. */
  readonly #asked = new WeakMap<UnstructuredObject, Asked>();

  constructor(facts: ObjectFacts) {
    this.#facts = facts;
    this.#status = facts.schema?.field("status");
  }

  create(object: UnstructuredObject): FieldError[] {
    const { schema, namespaced, scale } = this.#facts;
    const errors = this.#typeErrors(object);
    if (errors.length > 0) return errors;
    checkObjectMeta(
      object.metadata,
      { namespaced, name: nameIsDnsSubdomain, standardFinalizers: false },
      errors,
    );
    errors.push(...(this.#known(object, undefined) ?? schemaErrors(object, schema)));
    errors.push(...scaleErrors(object, scale, ["spec", "status"]));
    errors.push(...embeddedErrors(object, schema));
    if (schema !== undefined) errors.push(...listTypeErrors(object, schema));
    return this.#withRules(errors, object, undefined, undefined);
  }

  update(object: UnstructuredObject, old: UnstructuredObject): FieldError[] {
    const { schema, scale } = this.#facts;
    const errors = this.#typeErrors(object);
    if (errors.length > 0) return errors;
    checkObjectMetaUpdate(object.metadata, old.metadata, false, errors);
    const correlation = schema && new Correlation(object, old, schema);
    errors.push(...(this.#known(object, old) ?? schemaErrors(object, schema, "", correlation)));
    errors.push(...scaleErrors(object, scale, ["spec", "status"]));
    errors.push(...embeddedErrors(object, schema));
    errors.push(...this.#listErrors(object, old));
    return this.#withRules(errors, object, old, correlation);
  }

  /** Only the status is held against its schema. */
  updateStatus(object: UnstructuredObject, old: UnstructuredObject): FieldError[] {
    const { schema, scale } = this.#facts;
    const errors = this.#typeErrors(object);
    if (errors.length > 0) return errors;
    checkObjectMetaUpdate(object.metadata, old.metadata, false, errors);
    const correlation = schema && new Correlation(object, old, schema);
    if (object["status"] !== undefined) {
      const known = this.#known(object, old, true);
      errors.push(
        ...(known ?? schemaErrors(object["status"], this.#status, "status", correlation?.key("status"))),
      );
    }
    errors.push(...scaleErrors(object, scale, ["status"]));
    errors.push(...this.#listErrors(object, old));
    return this.#withRules(errors, object, old, correlation);
  }

  /**
   * Asks the rules of an object that is validated next, and not changed before. Undefined when they have been asked; where
   * that takes long they are asked a part at a time.
   */
  prepare(object: UnstructuredObject, old: UnstructuredObject | undefined): Promise<void> | undefined {
    if (!this.#isHeavy(object, old)) return this.#prepareRules(object, old);
    return this.#prepareSchema(object, old).then(() => this.#prepareRules(object, old));
  }

  /** Of a status nothing else is looked at: the rest of it is what it was. */
  #looksAt(object: UnstructuredObject, old: UnstructuredObject | undefined): Looked {
    const { schema } = this.#facts;
    const isStatus = old !== undefined && old["spec"] !== undefined && old["spec"] === object["spec"];
    if (!isStatus) return { isStatus, schema, value: object, path: "" };
    return { isStatus, schema: this.#status, value: object["status"], path: "status" };
  }

  #isHeavy(object: UnstructuredObject, old: UnstructuredObject | undefined): boolean {
    const { schema, value } = this.#looksAt(object, old);
    if (schema === undefined || value === undefined) return false;
    this.#hasManyPatterns ??= hasManyPatterns(this.#facts.schema?.props ?? {});
    return this.#hasManyPatterns || isLarge(value);
  }

  async #prepareSchema(object: UnstructuredObject, old: UnstructuredObject | undefined): Promise<void> {
    const { isStatus, schema, value, path } = this.#looksAt(object, old);
    const whole = this.#facts.schema;
    const correlation = whole && old && new Correlation(object, old, whole);
    const before = isStatus ? correlation?.key("status") : correlation;
    const errors = await inSlices(schemaErrorsInParts(value, schema, path, before));
    this.#checked.set(object, { old, errors, isStatus });
  }

  /** What the schema has said of the object, or of its status, already. */
  #known(
    object: UnstructuredObject,
    old: UnstructuredObject | undefined,
    isStatus = false,
  ): readonly FieldError[] | undefined {
    const known = this.#checked.get(object);
    this.#checked.delete(object);
    return known?.old === old && known?.isStatus === isStatus ? known.errors : undefined;
  }

  #prepareRules(object: UnstructuredObject, old: UnstructuredObject | undefined): Promise<void> | undefined {
    const { schema } = this.#facts;
    if (schema?.traits.hasRules !== true || this.#typeErrors(object).length > 0) return undefined;
    const correlation = old && new Correlation(object, old, schema);
    const asked = askAbout(object, old, schema, correlation, this.#facts.metrics);
    const isDone = asked.run.askBriefly(costAtOnce);
    if (isDone) {
      this.#asked.set(object, asked);
      return undefined;
    }
    return inSlices(asked.run.askInParts(costAtOnce)).then(() => {
      this.#asked.set(object, asked);
    });
  }

  /** What was let pass since the last call. */
  takeWarnings(): string[] {
    const warnings = this.#warnings;
    this.#warnings = [];
    return warnings;
  }

  #typeErrors({ kind, apiVersion }: UnstructuredObject): FieldError[] {
    const facts = this.#facts;
    const errors: FieldError[] = [];
    if (kind !== facts.kind) errors.push(invalid("kind", kind, `must be ${facts.kind}`));
    if (apiVersion !== facts.apiVersion) {
      errors.push(invalid("apiVersion", apiVersion, `must be ${facts.apiVersion}`));
    }
    return errors;
  }

  /** Lists that had an item twice before may have it again. */
  #listErrors(object: UnstructuredObject, old: UnstructuredObject): FieldError[] {
    const { schema } = this.#facts;
    if (schema === undefined) return [];
    const errors = listTypeErrors(object, schema);
    return errors.length > 0 && listTypeErrors(old, schema).length > 0 ? [] : errors;
  }

  #withRules(
    errors: FieldError[],
    object: UnstructuredObject,
    old: UnstructuredObject | undefined,
    correlation: Correlation | undefined,
  ): FieldError[] {
    const { schema } = this.#facts;
    this.#warnings = [];
    if (schema === undefined || !schema.traits.hasRules) return errors;
    if (errors.some(({ type }) => blocking.has(type))) return [...errors, notAllChecked];
    const known = this.#asked.get(object);
    this.#asked.delete(object);
    const asked = known?.old === old ? known : undefined;
    const { run, warnings } = asked ?? askAbout(object, old, schema, correlation, this.#facts.metrics);
    run.ask();
    this.#warnings = warnings;
    return [...errors, ...run.errors];
  }
}

/** What is held against which schema. */
interface Looked {
  readonly isStatus: boolean;
  readonly schema: SchemaNode | undefined;
  readonly value: unknown;
  readonly path: string;
}

interface Checked {
  readonly old: UnstructuredObject | undefined;
  readonly errors: readonly FieldError[];
  readonly isStatus: boolean;
}

interface Asked {
  readonly old: UnstructuredObject | undefined;
  readonly run: RulesToAsk;
  /** Faults that were there before. */
  readonly warnings: string[];
}

function askAbout(
  object: UnstructuredObject,
  old: UnstructuredObject | undefined,
  schema: SchemaNode,
  correlation: Correlation | undefined,
  metrics: RuleMetrics | undefined,
): Asked {
  const warnings: string[] = [];
  const warn = (text: string): void => void warnings.push(text);
  return { old, run: new RulesToAsk(object, old, schema, { correlation, warn, metrics }), warnings };
}

/** Some milliseconds' worth of rules: most objects have less. */
const costAtOnce = 100_000;

/** Of an object with such faults rules cannot be asked. */
const blocking = new Set([
  "FieldValueNotSupported",
  "FieldValueRequired",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);

const notAllChecked = invalid(
  "<nil>",
  null,
  "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
);

const standardFinalizers = new Set(["orphan", "foregroundDeletion", "kubernetes"]);

/** Finalizers that are new and could be anybody's. */
export function finalizerWarnings(
  { metadata }: UnstructuredObject,
  old: UnstructuredObject | undefined,
): string[] {
  const before = new Set(old?.metadata.finalizers);
  const added = (metadata.finalizers ?? []).filter((name) => !before.has(name));
  return [...new Set(added)].sort().flatMap((name) => {
    const where = `metadata.finalizers: ${JSON.stringify(name)}`;
    const warnings = qualifiedNameErrors(name).map((why) => `${where}: ${why}`);
    if (name.includes("/") || standardFinalizers.has(name)) return warnings;
    const how = name.includes(".")
      ? "prefer a domain-qualified finalizer name including a path (/)"
      : "prefer a domain-qualified finalizer name";
    return [...warnings, `${where}: ${how} to avoid accidental conflicts with other finalizer writers`];
  });
}
