import { describe, expect, test } from "vitest";
import {
  authorizerType,
  boolType,
  type CelAuthorizationRequest,
  CelCompileError,
  CelCostExceeded,
  CelEnvironment,
  CelEvaluationError,
  type CelProgram,
  type CelSchema,
  dynType,
  escapeField,
  toJson,
  typeFromSchema,
  unescapeField,
} from "./index.ts";

const schema: CelSchema = {
  type: "object",
  properties: {
    count: { type: "integer" },
    ratio: { type: "number" },
    port: { "x-kubernetes-int-or-string": true },
    since: { type: "string", format: "date-time" },
    wait: { type: "string", format: "duration" },
    raw: { type: "string", format: "byte" },
    "dashed-name": { type: "string" },
    tags: {
      type: "array",
      "x-kubernetes-list-type": "set",
      maxItems: 4,
      items: { type: "string", maxLength: 5 },
    },
    namespace: { type: "string", nullable: true },
    free: { "x-kubernetes-preserve-unknown-fields": true },
  },
};
const selfType = typeFromSchema(schema, { name: "self" }) ?? dynType;
const environment = new CelEnvironment({ variables: { self: selfType, object: dynType } });

function compile(text: string, from = environment): CelProgram {
  const program = from.compile(text);
  if (program instanceof CelCompileError) throw program;
  return program;
}

function messageOf(text: string, from = environment): string {
  const program = from.compile(text);
  return program instanceof CelCompileError ? program.message : "compiles";
}

const self = {
  count: 3,
  ratio: 2,
  port: "80%",
  since: "2024-01-02T03:04:05Z",
  wait: "2m",
  raw: "aGk=",
  "dashed-name": "d",
  tags: ["b", "a"],
  namespace: null,
};

describe("values of a schema", () => {
  test.each<[string, unknown]>([
    ["self.count / 2", 1],
    ["self.ratio / 4.0", 0.5],
    ["type(self.port) == string", true],
    ["self.since + self.wait", "2024-01-02T03:06:05Z"],
    ["self.raw == b'hi'", true],
    ["self.dashed__dash__name", "d"],
    ["self.tags == ['a', 'b']", true],
    ["self.tags + ['a', 'c']", ["b", "a", "c"]],
    ["has(self.namespace)", false],
    ["self.?namespace.orValue('none')", "none"],
  ])("%s", (text, wanted) => {
    expect(toJson(compile(text).evaluate({ self }).value)).toEqual(wanted);
  });

  test("fields that no expression can see are not declared", () => {
    expect(messageOf("self.free")).toContain("undefined field 'free'");
  });

  test.each(["a-b", "a.b/c", "a__b", "namespace", "plain"])("%s is escaped and back", (name) => {
    expect(unescapeField(escapeField(name) ?? "")).toBe(name);
  });

  test.each(["", "1a", "a b", "ä"])("%j has no name in expressions", (name) => {
    expect(escapeField(name)).toBeUndefined();
  });
});

describe("messages", () => {
  test.each([
    ["x + 1", "ERROR: <input>:1:1: undeclared reference to 'x' (in container '')\n | x + 1\n | ^"],
    [
      "1 + 'a'",
      "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'\n | 1 + 'a'\n | ..^",
    ],
    [
      "'é' +\n'b' + 1",
      "ERROR: <input>:2:5: found no matching overload for '_+_' applied to '(string, int)'\n | 'b' + 1\n | ....^",
    ],
    ["duration('x')", "ERROR: <input>:1:10: invalid duration argument\n | duration('x')\n | .........^"],
    ["a.b", "ERROR: <input>:1:1: undeclared reference to 'a' (in container '')\n | a.b\n | ^"],
  ])("%s", (text, message) => {
    expect(messageOf(text)).toBe(message);
  });

  test("an output type that was not asked for is refused", () => {
    const program = environment.compile("self.count", { outputTypes: [boolType] });
    expect(program).toBeInstanceOf(CelCompileError);
    expect(program).toMatchObject({ stage: "output", message: "must evaluate to bool" });
  });

  test.each([
    ["object.nope", "no such key: nope"],
    ["1 / (self.count - 3)", "division by zero"],
    ["self.tags[5]", "index out of bounds: 5"],
    ["9223372036854775807 + self.count", "integer overflow"],
    ["int(object.name)", "type conversion error from 'string' to 'int'"],
  ])("%s fails", (text, message) => {
    const evaluate = () => compile(text).evaluate({ self, object: { name: "x" } });
    expect(evaluate).toThrow(CelEvaluationError);
    expect(evaluate).toThrow(message);
  });
});

test("a library is there from the version that brought it", () => {
  const at = (compatibilityVersion: string) =>
    messageOf("ip('10.0.0.1').family() == 4", new CelEnvironment({ variables: {}, compatibilityVersion }));
  expect(at("1.30")).toBe("compiles");
  expect(at("1.29")).toContain("undeclared reference to 'ip'");
});

test("a program knows what it reads", () => {
  const program = compile("self.tags.all(object, object != self.port) && has(object.spec.a)");
  expect([...program.variables].toSorted()).toEqual(["object", "self"]);
  expect([...program.fieldPaths].toSorted()).toEqual(["object.spec.a", "self.port", "self.tags"]);
});

test("a variable given as a function is made once, and only when it is read", () => {
  let made = 0;
  const object = () => ({ a: ++made });
  expect(compile("object.a == object.a").evaluate({ object }).value).toBe(true);
  compile("true").evaluate({ object });
  expect(made).toBe(1);
});

test("costs are estimated by the bounds of the schema", () => {
  const { min, max } = compile("self.tags.all(t, t.startsWith('ab'))").estimateCost(selfType);
  expect([min, max]).toEqual([3, 23]);
  expect(compile("self.tags.all(t, t == 'a')").evaluate({ self }).cost).toBeLessThanOrEqual(max);
});

describe("the authorizer", () => {
  const withAuthorizer = new CelEnvironment({ variables: { authorizer: authorizerType } });

  test("is asked once for each check, and waited for", async () => {
    const asked: CelAuthorizationRequest[] = [];
    const authorizer = {
      authorize: (request: CelAuthorizationRequest) => {
        asked.push(request);
        return Promise.resolve({ allowed: request.verb === "get", reason: "because" });
      },
    };
    const check = "authorizer.group('apps').resource('deployments').namespace('n')";
    const program = compile(
      `${check}.check('get').allowed() && !${check}.check('delete').allowed()`,
      withAuthorizer,
    );
    const { value, cost } = await program.evaluateAsync({ authorizer });
    expect(value).toBe(true);
    expect(asked.map(({ verb, resource, namespace }) => [verb, resource, namespace])).toEqual([
      ["get", "deployments", "n"],
      ["delete", "deployments", "n"],
    ]);
    expect(cost).toBe(700_011);
  });
});

describe("adversaries", () => {
  const deep = (open: string, close: string, depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`;

  test.each([
    ["parentheses", deep("(", ")", 300)],
    ["lists", deep("[", "]", 300)],
    ["selections", `a${".b".repeat(300)}`],
    ["additions", `1${" + 1".repeat(300)}`],
    ["thousands of parentheses", deep("(", ")", 20_000)],
  ])("%s are not too deep for the stack", (_what, text) => {
    expect(messageOf(text)).toBe("ERROR: <input>:-1:0: expression recursion limit exceeded: 250");
  });

  test("an expression that is too deep for what is left of the stack is refused as one that is too deep", () => {
    const callsLeft = (): number => {
      try {
        return 1 + callsLeft();
      } catch {
        return 0;
      }
    };
    const after = (calls: number): string => (calls > 0 ? after(calls - 1) : messageOf(deep("[", "]", 249)));
    expect(after(Math.floor(callsLeft() * 0.6))).toBe(
      "ERROR: <input>:-1:0: expression recursion limit exceeded: 250",
    );
  });

  test("terms of one logical operator may be many", () => {
    expect(compile(Array.from({ length: 2000 }, () => "true").join(" && ")).evaluate({}).value).toBe(true);
  });

  test("an expression of more than 100,000 characters is refused", () => {
    expect(messageOf(`'${"a".repeat(100_001)}'`)).toBe(
      "ERROR: <input>:-1:0: expression code point size exceeds limit: size: 100003, limit 100000",
    );
  });

  test("a regular expression takes linear time", () => {
    const object = { text: "a".repeat(50_000) };
    expect(
      compile("object.text.matches('^(a+)+b$')").evaluate({ object }, { costBudget: Infinity }).value,
    ).toBe(false);
  });

  test.each([
    ["a rule over 10,000 items, squared", "object.all(x, object.all(y, x != y || x == y))"],
    ["a range without end", "lists.range(9223372036854775807).all(x, true)"],
    [
      "a text that doubles",
      "object.map(x, 'aaaaaaaaaa').map(x, x + x + x + x).map(x, x + x + x + x).map(x, x.matches(x)).size() > 0",
    ],
  ])("%s ends at the budget", (_what, text) => {
    const object = Array.from({ length: 10_000 }, (_, index) => index);
    expect(() => compile(text).evaluate({ object })).toThrow(CelCostExceeded);
  });

  test("names of JavaScript's own objects are no fields", () => {
    expect(compile("has(object.constructor) || has(object.__proto__)").evaluate({ object: {} }).value).toBe(
      false,
    );
    expect(() => compile("self.toString").evaluate({ self })).toThrow("undefined field 'toString'");
  });
});
