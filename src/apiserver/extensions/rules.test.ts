import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { failure, TestApi } from "../testing/api.ts";
import { listenForTest } from "../testing/https.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { definitionOf, definitionsPath, established } from "./testing/definitions.ts";

let started: TestServer;
let api: TestApi;
const objects = "/apis/example.com/v1/things";

beforeEach(async () => {
  started = await startTestServer();
  api = new TestApi(started.transport);
});

afterEach(() => started.server.close());

const spec = (rules: object[], properties: object): object => ({
  type: "object",
  properties: { spec: { type: "object", properties, "x-kubernetes-validations": rules } },
});

const thing = (fields: object): object => ({
  apiVersion: "example.com/v1",
  kind: "Thing",
  metadata: { name: "one" },
  spec: fields,
});

const invalidThing = (text: string): string => `Thing.example.com "one" is invalid: ${text}`;

describe("rules of a schema", () => {
  const replicas = { min: { type: "integer" }, max: { type: "integer" } };

  it.each([
    [{ rule: "self.min <= self.max" }, "spec: Invalid value: failed rule: self.min <= self.max"],
    [{ rule: "self.min <= self.max", message: "min is above max" }, "spec: Invalid value: min is above max"],
    [
      { rule: "self.min <= self.max", messageExpression: "self.min > 2 ? 'more than two' : 'two'" },
      "spec: Invalid value: more than two",
    ],
    [
      { rule: "self.min <= self.max", reason: "FieldValueForbidden", fieldPath: ".min", message: "no" },
      "spec.min: Forbidden: no",
    ],
  ])("refuse what they say: %j", async (rule, text) => {
    await api.post(definitionsPath, definitionOf(spec([rule], replicas)));
    await established(api, "things.example.com");
    await api.post(objects, { ...thing({ min: 1, max: 2 }), metadata: { name: "fine" } });
    expect((await failure(api.post(objects, thing({ min: 3, max: 2 })))).message).toBe(invalidThing(text));
  });

  it("of a change look at what was", async () => {
    const rule = { rule: "self.min >= oldSelf.min", message: "min only grows" };
    await api.post(definitionsPath, definitionOf(spec([rule], replicas)));
    await established(api, "things.example.com");
    const made = await api.post(objects, thing({ min: 3 }));
    expect((await failure(api.put(`${objects}/one`, { ...made, spec: { min: 2 } }))).message).toBe(
      invalidThing("spec: Invalid value: min only grows"),
    );
    expect(await api.put(`${objects}/one`, { ...made, spec: { min: 4 } })).toMatchObject({
      spec: { min: 4 },
    });
  });

  it("forgive what has not changed, and say so", async () => {
    await api.post(definitionsPath, definitionOf(spec([], replicas)));
    await established(api, "things.example.com");
    await api.post(objects, thing({ min: 3, max: 2 }));
    const definition = await api.get(`${definitionsPath}/things.example.com`);
    const rules = [{ rule: "self.min <= self.max", message: "min is above max" }];
    await api.put(`${definitionsPath}/things.example.com`, {
      ...definitionOf(spec(rules, replicas)),
      metadata: definition.metadata,
    });
    const labelled = await api.patch("merge", `${objects}/one`, { metadata: { labels: { a: "b" } } });
    expect(labelled.metadata.labels).toEqual({ a: "b" });
    expect(api.warnings).toEqual(["spec: Invalid value: min is above max"]);
  });

  it("say what they forgive also of a change that is refused, and of one of the status", async () => {
    const scaled = { status: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
    const ofRules = (rules: readonly object[], maximum: number): object =>
      definitionOf(
        {
          type: "object",
          properties: {
            spec: {
              type: "object",
              properties: {
                min: { type: "integer", "x-kubernetes-validations": rules },
                max: { type: "integer", maximum },
              },
            },
            ...scaled,
          },
        },
        { subresources: { status: {} } },
      );
    await api.post(definitionsPath, ofRules([], 10));
    await established(api, "things.example.com");
    await api.post(objects, thing({ min: 3, max: 2 }));
    const { metadata } = await api.get(`${definitionsPath}/things.example.com`);
    const changed = ofRules([{ rule: "self < 3", message: "min is great" }], 2);
    await api.put(`${definitionsPath}/things.example.com`, { ...changed, metadata });
    const warning = "spec.min: Invalid value: 3: min is great";
    const https = await listenForTest(started.server, new RealClock().now());
    const refused = await https.request(`${objects}/one`, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ spec: { max: 3 } }),
    });
    expect(refused.status).toBe(422);
    expect(refused.headers["warning"]).toBe(`299 - "${warning}"`);
    await api.patch("merge", `${objects}/one/status`, { status: { seen: true } });
    expect(api.warnings).toEqual([warning]);
    await https.close();
  });

  it.each([
    [
      { rule: "self.nope > 1" },
      /^CustomResourceDefinition\.apiextensions\.k8s\.io "things\.example\.com" is invalid: spec\.validation\.openAPIV3Schema\.properties\[spec\]\.x-kubernetes-validations\[0\]\.rule: Invalid value: \{"Rule":"self\.nope \\u003e 1".*\}: compilation failed: ERROR: <input>:1:5: undefined field 'nope'/,
    ],
    [{ rule: "self.min" }, /cel expression must evaluate to a bool$/],
    [{ rule: "" }, /x-kubernetes-validations\[0\]\.rule: Required value: rule is not specified/],
    [{ rule: "self.min > 1", fieldPath: ".nope" }, /fieldPath: Invalid value: ".nope": must be a valid path/],
  ])("are compiled with the definition: %j", async (rule, message) => {
    const refusal = await failure(api.post(definitionsPath, definitionOf(spec([rule], replicas))));
    expect(refusal.message).toMatch(message);
  });

  it("are refused when they may cost too much", async () => {
    const names = { names: { type: "array", items: { type: "string" } } };
    const rule = { rule: "self.names.all(x, self.names.all(y, x == y))" };
    const refusal = await failure(api.post(definitionsPath, definitionOf(spec([rule], names))));
    expect(refusal.message).toContain("estimated rule cost exceeds budget by factor of more than 100x");
  });
});

describe("a rule for which what was is optional", () => {
  const rule = {
    rule: "oldSelf.hasValue() ? self >= oldSelf.value() : self == 1",
    messageExpression: "oldSelf.hasValue() ? 'it only grows' : 'it begins with one'",
    message: "no",
    optionalOldSelf: true,
  };

  it("is asked of what is new, and of each change", async () => {
    const schema = spec([], { min: { type: "integer", "x-kubernetes-validations": [rule] } });
    await api.post(definitionsPath, definitionOf(schema));
    await established(api, "things.example.com");
    expect((await failure(api.post(objects, thing({ min: 3 })))).message).toBe(
      invalidThing("spec.min: Invalid value: 3: it begins with one"),
    );
    const made = await api.post(objects, thing({ min: 1 }));
    const put = (fields: object): Promise<unknown> => api.put(`${objects}/one`, { ...made, spec: fields });
    expect((await failure(put({ min: 0 }))).message).toBe(
      invalidThing("spec.min: Invalid value: 0: it only grows"),
    );
    expect(await put({ min: 5 })).toMatchObject({ spec: { min: 5 } });
  });
});

describe("the metrics of rules", () => {
  const counts = (): string[] =>
    started.server.metrics
      .text()
      .split("\n")
      .filter((line) => line.startsWith("apiserver_cel_") && line.includes("_count"));

  it("are there from the beginning, and count compiled schemas and asked objects", async () => {
    const shown = (compiled: number, asked: number): string[] => [
      `apiserver_cel_compilation_duration_seconds_count ${compiled}`,
      `apiserver_cel_evaluation_duration_seconds_count ${asked}`,
    ];
    expect(counts()).toEqual(shown(0, 0));
    const rules = [{ rule: "self.min < 3" }];
    await api.post(definitionsPath, definitionOf(spec(rules, { min: { type: "integer" } })));
    await established(api, "things.example.com");
    await api.post(objects, thing({ min: 1 }));
    await failure(api.post(objects, thing({ min: 5 })));
    expect(counts()).toEqual(shown(1, 2));
  });
});
