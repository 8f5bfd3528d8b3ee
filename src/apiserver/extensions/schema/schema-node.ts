import type { JSONSchemaProps, ValidationRule } from "../../../api/types/apiextensions-v1.ts";
import { isObject } from "../../../apimachinery/json.ts";

/**
 * A structural schema, node by node. Nodes are made when something is first asked of them, so that of a schema with
 * thousands of fields only those cost anything that objects have.
 */
export class SchemaNode {
  readonly props: JSONSchemaProps;
  readonly type: string;
  readonly isNullable: boolean;
  readonly preservesUnknown: boolean;
  readonly isEmbedded: boolean;
  readonly isIntOrString: boolean;
  readonly listType: string | undefined;
  readonly mapKeys: readonly string[];
  readonly rules: readonly ValidationRule[];
  /** The default, with what the schema does not know cut off; undefined when there is none. Not to be changed. */
  readonly default: unknown;
  readonly #fields = new Map<string, SchemaNode>();
  #items: SchemaNode | undefined | null = null;
  #values: SchemaNode | undefined | null = null;
  #traits: Traits | undefined;

  constructor(props: JSONSchemaProps, { isRoot = false } = {}) {
    this.props = props;
    this.type = props.type ?? "";
    this.isNullable = props.nullable === true;
    this.preservesUnknown = props["x-kubernetes-preserve-unknown-fields"] === true;
    this.isEmbedded = isRoot || props["x-kubernetes-embedded-resource"] === true;
    this.isIntOrString = props["x-kubernetes-int-or-string"] === true;
    this.listType = props["x-kubernetes-list-type"];
    this.mapKeys = props["x-kubernetes-list-map-keys"] ?? [];
    this.rules = props["x-kubernetes-validations"] ?? [];
    // A default of null is no default, as Go cannot tell the two apart.
    this.default = props.default === null ? undefined : props.default;
  }

  /** The names of the declared fields. */
  get fieldNames(): readonly string[] {
    return Object.keys(this.props.properties ?? {});
  }

  get hasFields(): boolean {
    return this.props.properties !== undefined;
  }

  /** The declared field; undefined when there is none of that name. */
  field(name: string): SchemaNode | undefined {
    const known = this.#fields.get(name);
    if (known !== undefined) return known;
    const { properties } = this.props;
    if (properties === undefined || !Object.hasOwn(properties, name)) return undefined;
    const node = new SchemaNode(properties[name] ?? {});
    this.#fields.set(name, node);
    return node;
  }

  /** Whether keys that are no declared fields may be there: `additionalProperties` is given, be it a schema or a word. */
  get allowsKeys(): boolean {
    const { additionalProperties } = this.props;
    return additionalProperties !== undefined && additionalProperties !== null;
  }

  /** The schema of such keys' values; undefined when they may be anything. */
  get values(): SchemaNode | undefined {
    if (this.#values === null) this.#values = nodeOf(this.props.additionalProperties);
    return this.#values;
  }

  get items(): SchemaNode | undefined {
    if (this.#items === null) this.#items = nodeOf(this.props.items);
    return this.#items;
  }

  /** The schema of a member: that of the field, or of values. */
  member(name: string): SchemaNode | undefined {
    return this.field(name) ?? this.values;
  }

  /** Whether something of the kind stands here or below. */
  get traits(): Traits {
    this.#traits ??= this.#findTraits();
    return this.#traits;
  }

  #findTraits(): Traits {
    const below = [
      ...this.fieldNames.map((name) => this.field(name)?.traits),
      this.items?.traits,
      this.values?.traits,
    ];
    const any = (trait: keyof Traits): boolean => below.some((each) => each?.[trait] === true);
    return {
      hasDefaults: this.default !== undefined || any("hasDefaults"),
      // The root is one of them, but everybody knows, so that it needs no looking for.
      hasEmbedded: this.props["x-kubernetes-embedded-resource"] === true || any("hasEmbedded"),
      hasListTypes: this.listType === "set" || this.listType === "map" || any("hasListTypes"),
      hasRules: this.rules.length > 0 || any("hasRules"),
    };
  }
}

export interface Traits {
  readonly hasDefaults: boolean;
  readonly hasEmbedded: boolean;
  /** Sets and maps among its lists. */
  readonly hasListTypes: boolean;
  readonly hasRules: boolean;
}

/** A schema where an array of schemas, or true or false, could stand as well. */
export function schemaOf(value: unknown): JSONSchemaProps | undefined {
  return isObject(value) ? value : undefined;
}

const nodeOf = (value: unknown): SchemaNode | undefined => {
  const schema = schemaOf(value);
  return schema === undefined ? undefined : new SchemaNode(schema);
};
