import { describe, expect, it } from "vitest";
import type { JSONSchemaProps } from "../../../api/types/apiextensions-v1.ts";
import { ObjectRules } from "../validate-object.ts";
import { RulesToAsk, ruleErrors } from "./evaluate-rules.ts";
import { SchemaNode } from "./schema-node.ts";

const dear = "self.list.all(x, self.list.all(y, x + y >= 0))";
const message = (index: number): string => `rule ${index}`;

const spec: JSONSchemaProps = {
  type: "object",
  properties: {
    list: { type: "array", items: { type: "integer" } },
    items: {
      type: "array",
      items: {
        type: "object",
        properties: { n: { type: "integer" } },
        "x-kubernetes-validations": [{ rule: "self.n % 2 == 0", message: "odd" }],
      },
    },
  },
  "x-kubernetes-validations": [
    ...Array.from({ length: 6 }, (_, index) => ({ rule: `${dear} && false`, message: message(index) })),
    { rule: "oldSelf == self", message: "changed" },
  ],
};
const schema: JSONSchemaProps = { type: "object", properties: { spec } };
const list = (length: number): number[] => Array.from({ length }, (_, index) => index);
const object = (length: number) => ({
  apiVersion: "example.com/v1",
  kind: "Thing",
  metadata: { name: "one" },
  spec: { list: list(length), items: list(40).map((n) => ({ n })) },
});

describe("rules that are asked a part at a time", () => {
  it.each([
    ["all of them", 100, 2],
    ["one that costs too much", 500, 1],
    ["those within the budget of the object", 300, 6],
  ])("say what they say in one go: %s", (_what, length, atLeast) => {
    const node = new SchemaNode(schema, { isRoot: true });
    const whole = ruleErrors(object(length), object(1), node);
    const run = new RulesToAsk(object(length), object(1), node);
    let parts = 1;
    if (!run.askBriefly(50_000)) for (const _ of run.askInParts(50_000)) parts++;
    expect(run.errors).toEqual(whole.errors);
    expect(run.remaining).toBe(whole.remaining);
    expect(parts).toBeGreaterThanOrEqual(atLeast);
    expect(run.askBriefly(50_000)).toBe(true);
    expect(run.errors).toEqual(whole.errors);
  });

  it("say what they say in one go, where the message takes long, too", () => {
    const dear = "self.map(x, self.filter(y, y > x).size())";
    const node = new SchemaNode({
      type: "array",
      items: { type: "integer" },
      "x-kubernetes-validations": [
        { rule: `${dear}.sum() < 0`, messageExpression: `'sum ' + string(${dear}.sum())` },
        { rule: "self.size() > 1000", messageExpression: `'other sum ' + string(${dear}.sum())` },
        { rule: "self.size() > 2000" },
      ],
    });
    const value = Array.from({ length: 250 }, (_, index) => index);
    const whole = ruleErrors(value, undefined, node);
    expect(whole.errors.map(({ detail }) => detail)).toEqual([
      "sum 31125",
      "other sum 31125",
      "failed rule: self.size() > 2000",
    ]);
    const run = new RulesToAsk(value, undefined, node);
    let parts = 0;
    for (const _ of run.askInParts(100_000)) parts++;
    expect([run.errors, run.remaining]).toEqual([whole.errors, whole.remaining]);
    expect(parts).toBeGreaterThan(3);
  });

  it("end with the budget of the object, wherever that is", () => {
    const node = new SchemaNode(schema, { isRoot: true });
    const options = { budget: 1_000_000 };
    const whole = ruleErrors(object(250), object(1), node, options);
    const run = new RulesToAsk(object(250), object(1), node, options);
    for (const _ of run.askInParts(1)) expect(run.remaining).toBeGreaterThan(0);
    expect(run.errors).toEqual(whole.errors);
    expect(whole.errors.at(-1)?.detail).toBe(
      "validation failed due to running out of cost budget, no further validation rules will be run",
    );
  });
});

describe("an object whose rules were asked beforehand", () => {
  const rules = (): ObjectRules =>
    new ObjectRules({
      apiVersion: "example.com/v1",
      kind: "Thing",
      namespaced: false,
      schema: new SchemaNode(schema, { isRoot: true }),
      scale: undefined,
    });

  it("is told the same", async () => {
    const [given, old] = [object(250), object(250)];
    const prepared = rules();
    const waiting = prepared.prepare(given, old);
    expect(waiting).toBeInstanceOf(Promise);
    await waiting;
    expect(prepared.update(given, old)).toEqual(rules().update(object(250), object(250)));
    expect(prepared.takeWarnings().length).toBeGreaterThan(0);
  });

  it("waits for nothing when there is little to ask", () => {
    const prepared = rules();
    const given = object(3);
    // Compiling is worth waiting for, once.
    prepared.create(object(3));
    expect(prepared.prepare(given, undefined)).toBeUndefined();
    expect(prepared.create(given)).toEqual(rules().create(object(3)));
  });

  it("is asked anew when it is validated again", () => {
    const prepared = rules();
    const given = object(3);
    prepared.create(object(3));
    void prepared.prepare(given, undefined);
    prepared.create(given);
    given.spec.items = [{ n: 1 }];
    expect(prepared.create(given).filter(({ detail }) => detail === "odd")).toHaveLength(1);
  });
});
