import { expect, test } from "vitest";
import { builtinScheme } from "../../../api/builtin-scheme.ts";
import type { ValidatingAdmissionPolicy } from "../../../api/types/admissionregistration-v1.ts";
import { typeCheckPolicy } from "./type-checking.ts";

const scheme = builtinScheme();
const policy = (spec: object): ValidatingAdmissionPolicy =>
  ({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "p" },
    spec: {
      matchConstraints: {
        resourceRules: [
          { apiGroups: ["apps"], apiVersions: ["v1"], operations: ["*"], resources: ["deployments"] },
        ],
      },
      ...spec,
    },
  }) as never;

test.each<[string, object]>([
  ["fields of the kind", { validations: [{ expression: "object.spec.replicas > 1" }] }],
  ["maps", { validations: [{ expression: "'a' in object.metadata.labels" }] }],
  [
    "times",
    {
      validations: [{ expression: "object.metadata.creationTimestamp < timestamp('2030-01-01T00:00:00Z')" }],
    },
  ],
  [
    "numbers or texts",
    { validations: [{ expression: "string(object.spec.strategy.rollingUpdate.maxSurge) == '1'" }] },
  ],
  [
    "variables",
    {
      variables: [{ name: "replicas", expression: "object.spec.replicas" }],
      validations: [
        { expression: "variables.replicas + 1 > 1", messageExpression: "string(variables.replicas)" },
      ],
    },
  ],
])("nothing is said of %s", (_, spec) => {
  expect(typeCheckPolicy(policy(spec), scheme)).toEqual([]);
});

test("what cannot be right is pointed out, by expression and kind", () => {
  const found = typeCheckPolicy(
    policy({
      validations: [
        { expression: "object.spec.nothing > 1" },
        { expression: "object.spec.replicas > '1'", messageExpression: "'a' + 1" },
      ],
    }),
    scheme,
  );
  expect(found.map(({ fieldRef }) => fieldRef)).toEqual([
    "spec.validations[0].expression",
    "spec.validations[1].expression",
    "spec.validations[1].messageExpression",
  ]);
  expect(found[0]?.warning).toBe(
    "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'nothing'\n" +
      " | object.spec.nothing > 1\n" +
      " | ...........^\n",
  );
  expect(found[1]?.warning).toContain("found no matching overload for '_>_' applied to '(int, string)'");
});

test("kinds that a wildcard stands for are not looked at", () => {
  const spec = {
    matchConstraints: {
      resourceRules: [
        { apiGroups: ["*"], apiVersions: ["v1"], operations: ["*"], resources: ["deployments"] },
      ],
    },
    validations: [{ expression: "object.spec.nothing > 1" }],
  };
  expect(typeCheckPolicy(policy(spec), scheme)).toEqual([]);
});
