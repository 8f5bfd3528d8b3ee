import type { ResourceInfo } from "../../../src/api/scheme.ts";
import type { JSONSchemaProps } from "../../../src/api/types/apiextensions-v1.ts";
import type { Schema } from "../../../src/apimachinery/schema.ts";

/** The group of the definitions that every fuzzed cluster has; that of those that come and go ends with it. */
export const customGroup = "fuzz.example.com";
export const isCustomGroup = (group: string): boolean => group.endsWith(customGroup);
/** Names of definitions that requests make and remove. */
export const passingDefinitions = [
  `comes.a.${customGroup}`,
  `comes.b.${customGroup}`,
  `goes.a.${customGroup}`,
];

const text: JSONSchemaProps = { type: "string" };
const part: JSONSchemaProps = {
  type: "object",
  required: ["name"],
  properties: { name: { type: "string", maxLength: 20 }, size: { type: "integer", minimum: 0, default: 1 } },
};

/** A bit of everything that a structural schema may say. */
const widgetSpec: JSONSchemaProps = {
  type: "object",
  "x-kubernetes-validations": [
    { rule: "!has(self.replicas) || self.replicas <= 100", message: "too many" },
    {
      rule: "!has(self.parts) || self.parts.all(p, !has(p.size) || p.size < 1000)",
      messageExpression: "'too large: ' + self.parts[0].name",
    },
    {
      rule: "self == oldSelf || !has(oldSelf.fixed) || self.fixed == oldSelf.fixed",
      reason: "FieldValueForbidden",
    },
  ],
  properties: {
    replicas: { type: "integer", format: "int32", default: 1, minimum: 0 },
    color: { type: "string", enum: ["red", "green", "blue"] },
    code: { type: "string", pattern: "^[a-z]+(-[a-z]+)*$", maxLength: 40 },
    fixed: { type: "string", maxLength: 10, "x-kubernetes-validations": [{ rule: "self == oldSelf" }] },
    port: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] },
    parts: {
      type: "array",
      maxItems: 10,
      items: part,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
    },
    tags: {
      type: "array",
      maxItems: 10,
      items: { type: "string", maxLength: 10 },
      "x-kubernetes-list-type": "set",
    },
    atoms: { type: "array", items: text, "x-kubernetes-list-type": "atomic" },
    labels: { type: "object", additionalProperties: text },
    weights: {
      type: "object",
      additionalProperties: { type: "number", nullable: true },
      "x-kubernetes-map-type": "atomic",
    },
    when: { type: "string", format: "date-time" },
    blob: { type: "string", format: "byte" },
    anything: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    template: {
      type: "object",
      "x-kubernetes-embedded-resource": true,
      "x-kubernetes-preserve-unknown-fields": true,
    },
    deep: { type: "object", properties: { er: { type: "object", properties: { still: text, of: part } } } },
  },
};

export const widgetSchema: JSONSchemaProps = {
  type: "object",
  required: ["spec"],
  properties: {
    spec: widgetSpec,
    status: {
      type: "object",
      properties: { replicas: { type: "integer" }, selector: text, phase: text },
    },
  },
};

const gadgetSchema: JSONSchemaProps = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

interface CustomKind {
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly versions: readonly string[];
  readonly schema: JSONSchemaProps;
  readonly hasStatus: boolean;
}

const customKinds: readonly CustomKind[] = [
  {
    kind: "Widget",
    plural: "widgets",
    namespaced: true,
    versions: ["v1", "v1beta1"],
    schema: widgetSchema,
    hasStatus: true,
  },
  {
    kind: "Gadget",
    plural: "gadgets",
    namespaced: false,
    versions: ["v1"],
    schema: gadgetSchema,
    hasStatus: false,
  },
];

const status = {
  status: {},
  scale: {
    specReplicasPath: ".spec.replicas",
    statusReplicasPath: ".status.replicas",
    labelSelectorPath: ".status.selector",
  },
};

/** The definitions, as a client would create them. */
export const customDefinitions = customKinds.map(
  ({ kind, plural, namespaced, versions, schema, hasStatus }) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${customGroup}` },
    spec: {
      group: customGroup,
      scope: namespaced ? "Namespaced" : "Cluster",
      names: { kind, plural },
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema: schema },
        ...(hasStatus ? { subresources: status } : {}),
        ...(index === 0
          ? {
              selectableFields: hasStatus ? [{ jsonPath: ".spec.color" }] : [],
              additionalPrinterColumns: [{ name: "Color", type: "string", jsonPath: ".spec.color" }],
            }
          : {}),
      })),
    },
  }),
);

const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/** The kinds of definitions that come and go, as far as they are there. */
const passingKinds: readonly (CustomKind & { readonly group: string })[] = passingDefinitions.map((name) => {
  const [plural = "", ...group] = name.split(".");
  return {
    kind: plural.slice(0, 1).toUpperCase() + plural.slice(1, -1),
    plural,
    namespaced: true,
    versions: ["v1"],
    schema: widgetSchema,
    hasStatus: false,
    group: group.join("."),
  };
});

/** The resources of all these definitions, as the generator describes built-in ones. */
export const customResources: readonly ResourceInfo[] = [
  ...customKinds.map((custom) => ({ ...custom, group: customGroup })),
  ...passingKinds,
].flatMap(({ group, kind, plural, namespaced, versions, hasStatus }) =>
  versions.map((version) => ({
    group,
    version,
    kind,
    resource: plural,
    singular: kind.toLowerCase(),
    listKind: `${kind}List`,
    shortNames: [],
    categories: [],
    namespaced,
    verbs,
    subresources: hasStatus
      ? ["status", "scale"].map((name) => ({ name, verbs: ["get", "patch", "update"] }))
      : [],
    schemaName: `${customGroup}/${kind === "Gadget" ? kind : "Widget"}`,
    storage: { group, version, resource: plural },
  })),
);

/** The schema in the form of built-in ones: what the generator looks at when it fills in fields. */
function schemaOf(props: JSONSchemaProps): Schema {
  const { type, format, properties, items, additionalProperties, required } = props;
  return {
    ...(isType(type) ? { type } : {}),
    ...(format === undefined ? {} : { format }),
    ...(required === undefined ? {} : { required }),
    ...(props.enum === undefined ? {} : { enum: props.enum }),
    ...(props["x-kubernetes-int-or-string"] === true ? { intOrString: true } : {}),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, child]) => [name, schemaOf(child)]),
          ),
        }),
    ...(isProps(items) ? { items: schemaOf(items) } : {}),
    ...(isProps(additionalProperties) ? { values: schemaOf(additionalProperties) } : {}),
  };
}

const isProps = (value: unknown): value is JSONSchemaProps => typeof value === "object" && value !== null;
const types = ["object", "array", "string", "integer", "number", "boolean"] as const;
const isType = (type: string | undefined): type is (typeof types)[number] =>
  types.some((known) => known === type);

const schemas: ReadonlyMap<string, Schema> = new Map(
  customKinds.map(({ kind, schema }) => [`${customGroup}/${kind}`, schemaOf(schema)] as const),
);

/** The schema of a custom kind, by the name that its resource gives it. */
export const customSchema = (name: string): Schema | undefined => schemas.get(name);

/** What a valid object holds beside its metadata. */
export const customFields = (kind: string, n: number): Record<string, unknown> =>
  kind !== "Gadget"
    ? { spec: { replicas: n, color: "red", parts: [{ name: "a", size: n }], tags: ["x", `t${n}`] } }
    : { anything: { n } };
