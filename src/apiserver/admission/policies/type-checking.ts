import type { ResourceInfo, Scheme } from "../../../api/scheme.ts";
import type {
  ExpressionWarning,
  NamedRuleWithOperations,
  ValidatingAdmissionPolicy,
} from "../../../api/types/admissionregistration-v1.ts";
import { formatApiVersion, type GroupVersionKind, parseApiVersion } from "../../../apimachinery/gvk.ts";
import { resolveSchema, type Schema, type SchemaSet } from "../../../apimachinery/schema.ts";
import { CelCompileError, type CelSchema, type CelType, typeFromSchema } from "../../../cel/index.ts";
import { Composition } from "../expressions/composition.ts";
import type { AdmissionVariables } from "../expressions/environment.ts";

/** Kinds of a policy that are looked at; the rest is taken to be right. */
const maxKinds = 10;
/** Schemas that contain themselves have an end here: no expression goes deeper. */
const maxDepth = 24;

/**
 * What the expressions of a policy say that cannot be right for the kinds it is about. They are warnings: the policy is in
 * force all the same. Mirrors policy/validating/typechecking.
 */
export function typeCheckPolicy({ spec }: ValidatingAdmissionPolicy, scheme: Scheme): ExpressionWarning[] {
  const kinds = kindsOf(spec.matchConstraints?.resourceRules ?? [], scheme).flatMap((info) => {
    const type = typeOfKind(info, scheme);
    return type === undefined ? [] : [{ info, type }];
  });
  const { paramKind } = spec;
  const params =
    paramKind === undefined
      ? undefined
      : scheme.resourceForKind({
          ...parseApiVersion(paramKind.apiVersion ?? ""),
          kind: paramKind.kind ?? "",
        });
  const paramsType = params === undefined ? undefined : typeOfKind(params, scheme);
  const environments = kinds.map(({ info, type }) => {
    const variables: AdmissionVariables = {
      params: paramKind !== undefined,
      ...(paramsType === undefined ? {} : { paramsType }),
      authorizer: true,
      object: type,
    };
    return { info, variables, composition: new Composition(spec.variables ?? [], variables) };
  });
  const check = (source: string): string =>
    environments
      .flatMap(({ info, variables, composition }) => {
        const program = composition.expression(source, undefined, variables).program();
        return program instanceof CelCompileError ? [`${describe(info)}: ${program.message}\n`] : [];
      })
      .join("\n");
  return (spec.validations ?? []).flatMap(({ expression, messageExpression = "" }, index) => {
    const place = `spec.validations[${index}]`;
    const wrong = check(expression);
    const wrongMessage = messageExpression === "" ? "" : check(messageExpression);
    return [
      ...(wrong === "" ? [] : [{ fieldRef: `${place}.expression`, warning: wrong }]),
      ...(wrongMessage === "" ? [] : [{ fieldRef: `${place}.messageExpression`, warning: wrongMessage }]),
    ];
  });
}

const describe = ({ group, version, kind }: GroupVersionKind): string =>
  `${group === "" ? `/${version}` : formatApiVersion({ group, version })}, Kind=${kind}`;

/** Kinds that rules name in full, in the order of their names: what has a wildcard can be anything. */
function kindsOf(rules: readonly NamedRuleWithOperations[], scheme: Scheme): ResourceInfo[] {
  const found = new Map<string, ResourceInfo>();
  for (const { apiGroups = [], apiVersions = [], resources = [] } of rules) {
    if ([...apiGroups, ...apiVersions].some((name) => name.includes("*"))) continue;
    const plain = resources.filter((name) => !/[*/]/.test(name));
    for (const group of apiGroups.toSorted())
      for (const version of apiVersions.toSorted())
        for (const resource of plain.toSorted()) {
          const info = scheme.resource({ group, version, resource });
          if (info !== undefined && found.size < maxKinds) found.set(describe(info), info);
        }
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, info]) => info);
}

function typeOfKind(info: ResourceInfo, scheme: Scheme): CelType | undefined {
  const schema = scheme.schemas.get(info.schemaName);
  if (schema === undefined) return undefined;
  return typeFromSchema(celSchema(schema, scheme.schemas, 0), { isResourceRoot: true, name: info.kind });
}

function celSchema(schema: Schema, schemas: SchemaSet, depth: number): CelSchema {
  const resolved = resolveSchema(schemas, schema);
  if (resolved === undefined || depth > maxDepth)
    return { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const { type, format, properties, values, items, required } = resolved;
  if (resolved.intOrString === true || format === "int-or-string")
    return { "x-kubernetes-int-or-string": true };
  const below = (part: Schema): CelSchema => celSchema(part, schemas, depth + 1);
  return {
    type,
    ...(format === undefined || format === "quantity" ? {} : { format }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, part]) => [name, below(part)]),
          ),
        }),
    ...(values === undefined ? {} : { additionalProperties: below(values) }),
    ...(items === undefined ? {} : { items: below(items) }),
    ...(required === undefined ? {} : { required }),
    ...(resolved.nullable === true ? { nullable: true } : {}),
    ...(resolved.preserveUnknownFields === true ? { "x-kubernetes-preserve-unknown-fields": true } : {}),
    ...(resolved.listType === undefined ? {} : { "x-kubernetes-list-type": resolved.listType }),
    ...(resolved.listMapKeys === undefined ? {} : { "x-kubernetes-list-map-keys": resolved.listMapKeys }),
  };
}
