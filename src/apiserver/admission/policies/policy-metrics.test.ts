import { describe, expect, test } from "vitest";
import { Chain, validation } from "./testing/chain.ts";

const actions = (...validationActions: string[]): object => ({ validationActions });
const checks = (chain: Chain, kind: "validating" | "mutating"): string[] =>
  chain.metrics().filter((line) => line.startsWith(`apiserver_${kind}_admission_policy_check_total{`));
const check = (action: string, type: string): string =>
  `apiserver_validating_admission_policy_check_total{enforcement_action="${action}",error_type="${type}",policy="p",policy_binding="p-binding"} 1`;

describe("decisions of validating policies", () => {
  test.each<[string, object, object, string[]]>([
    ["that admit are not counted", validation("true"), {}, []],
    [
      "are counted by what is done",
      validation("false"),
      actions("Audit", "Deny"),
      [check("audit", "invalid_error"), check("deny", "invalid_error")],
    ],
    ["are counted by what is done", validation("false"), actions("Warn"), [check("warn", "invalid_error")]],
    [
      "that fail are told from others",
      validation("object.nothing == 1"),
      {},
      [check("deny", "invalid_error")],
    ],
    ["that do not compile are told from others", validation("nothing"), {}, [check("deny", "compile_error")]],
    [
      "that cost too much are told from others",
      validation(
        "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, a + b + c + d + e > 0)))))",
      ),
      {},
      [check("deny", "invalid_error")],
    ],
    [
      "that fail and are ignored are counted",
      { ...validation("object.nothing == 1"), failurePolicy: "Ignore" },
      {},
      [check("allow", "invalid_error")],
    ],
  ])("%s", async (_, spec, binding, lines) => {
    const chain = new Chain().validating(spec, binding);
    await chain.run();
    expect(checks(chain, "validating").toSorted()).toEqual(lines);
  });
});

test("mutations are counted, and what they fail for", async () => {
  const mutation = (expression: string): object => ({
    reinvocationPolicy: "Never",
    mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression } }],
  });
  const chain = new Chain()
    .mutating(mutation("Object{}"), {}, "good")
    .mutating(mutation("Object{metadata: Object.metadata{name: object.nothing}}"), {}, "bad");
  await chain.run();
  expect(checks(chain, "mutating")).toEqual([
    'apiserver_mutating_admission_policy_check_total{error_type="invalid_error",policy="bad",policy_binding="bad-binding"} 1',
    'apiserver_mutating_admission_policy_check_total{error_type="no_error",policy="good",policy_binding="good-binding"} 1',
  ]);
});

test("conditions that cannot be evaluated are counted", async () => {
  const matchConditions = [
    { name: "a", expression: "object.nothing" },
    { name: "b", expression: "object.nothing" },
  ];
  const chain = new Chain().validating({ ...validation("true"), matchConditions });
  await chain.run();
  expect(chain.metrics()).toContain(
    'apiserver_admission_match_condition_evaluation_errors_total{kind="policy",name="p",operation="CREATE",type="validate"} 2',
  );
});
