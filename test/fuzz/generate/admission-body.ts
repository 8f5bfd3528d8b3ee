import type { ResourceInfo } from "../../../src/api/scheme.ts";
import { celText } from "./cel-text.ts";
import { customGroup, widgetSchema } from "./custom-kinds.ts";
import type { Dice } from "./dice.ts";

type Fields = Record<string, unknown>;

/** What the policy, webhook or definition of the name says, all in force while others ask; undefined for other kinds. */
export function admissionFields(dice: Dice, info: ResourceInfo, name: string): Fields | undefined {
  switch (info.kind) {
    case "ValidatingAdmissionPolicy":
      return { spec: { ...policySpec(dice), validations: several(dice, () => validation(dice)) } };
    case "MutatingAdmissionPolicy":
      return { spec: { ...policySpec(dice), reinvocationPolicy: "IfNeeded", mutations: [mutation(dice)] } };
    case "ValidatingAdmissionPolicyBinding":
      return { spec: { ...bindingSpec(dice), validationActions: dice.pick([["Deny"], ["Warn", "Audit"]]) } };
    case "MutatingAdmissionPolicyBinding":
      return { spec: bindingSpec(dice) };
    case "ValidatingWebhookConfiguration":
    case "MutatingWebhookConfiguration":
      return { webhooks: [webhook(dice)] };
    case "CustomResourceDefinition":
      return { spec: definitionSpec(dice, name) };
    default:
      return undefined;
  }
}

const several = (dice: Dice, make: () => unknown): unknown[] =>
  Array.from({ length: 1 + dice.below(3) }, make);

/** Only what the run itself has defined: nothing that other requests need is in the hands of a broken rule. */
const rule = (dice: Dice): Fields => ({
  apiGroups: [customGroup],
  apiVersions: [dice.pick(["*", "v1", "v1beta1"])],
  operations: [dice.pick(["*", "CREATE", "UPDATE"])],
  resources: [dice.pick(["*", "widgets", "widgets/status", "widgets/*"])],
});

function policySpec(dice: Dice): Fields {
  return {
    failurePolicy: dice.pick(["Ignore", "Fail"]),
    matchConstraints: { resourceRules: [rule(dice)] },
    ...(dice.percent(30) ? { matchConditions: [{ name: "m", expression: celText(dice) }] } : {}),
    ...(dice.percent(30) ? { variables: [{ name: "count", expression: celText(dice) }] } : {}),
    ...(dice.percent(20) ? { paramKind: { apiVersion: "v1", kind: "ConfigMap" } } : {}),
  };
}

const validation = (dice: Dice): Fields => ({
  expression: celText(dice),
  ...(dice.percent(20) ? { messageExpression: celText(dice) } : {}),
  ...(dice.percent(20) ? { reason: dice.pick(["Forbidden", "x", "Invalid"]) } : {}),
});

const mutation = (dice: Dice): Fields =>
  dice.percent(50)
    ? { patchType: "ApplyConfiguration", applyConfiguration: { expression: celText(dice) } }
    : { patchType: "JSONPatch", jsonPatch: { expression: celText(dice) } };

const bindingSpec = (dice: Dice): Fields => ({
  policyName: `fz-${dice.below(4)}`,
  ...(dice.percent(20)
    ? { paramRef: { name: "fz-0", namespace: "fz-a", parameterNotFoundAction: dice.pick(["Allow", "Deny"]) } }
    : {}),
});

/** Nobody listens at its port. */
const webhook = (dice: Dice): Fields => ({
  name: "fz.example.com",
  admissionReviewVersions: ["v1"],
  sideEffects: "None",
  timeoutSeconds: 1,
  failurePolicy: dice.pick(["Ignore", "Fail"]),
  clientConfig: dice.pick([
    { url: "https://127.0.0.1:1/x" },
    { service: { namespace: "fz-a", name: "fz-0", path: "/x" } },
    { url: "https://localhost:1/", caBundle: "AAAA" },
  ]),
  rules: [rule(dice)],
  ...(dice.percent(40) ? { matchConditions: [{ name: "m", expression: celText(dice) }] } : {}),
});

/** A definition with rules of its own, for kinds that come and go. */
function definitionSpec(dice: Dice, name: string): Fields {
  const [plural = "", ...group] = name.split(".");
  const kind = plural.slice(0, 1).toUpperCase() + plural.slice(1, -1);
  const rules = several(dice, () => ({
    rule: celText(dice),
    ...(dice.percent(20) ? { message: "no" } : {}),
  }));
  const spec = { ...widgetSchema.properties?.["spec"], "x-kubernetes-validations": rules };
  const schema = { ...widgetSchema, properties: { ...widgetSchema.properties, spec } };
  return {
    group: group.join("."),
    scope: dice.percent(90) ? "Namespaced" : "Cluster",
    names: { kind, plural },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } }],
  };
}
