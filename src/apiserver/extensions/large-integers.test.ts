import { afterAll, beforeAll, expect, test } from "vitest";
import { TestApi } from "../testing/api.ts";
import { type HttpsFixture, serveForTest } from "../testing/https.ts";
import { definitionOf, definitionsPath, established } from "./testing/definitions.ts";

// What 64 bits hold is kept to the digit, as by kube-apiserver; what lies beyond is a float there, too.
const largest = "9223372036854775807";
const smallest = "-9223372036854775808";
const odd = "9007199254740993";
const path = "/apis/example.com/v1/things";
const schema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        n: { type: "integer", format: "int64" },
        even: { type: "integer", multipleOf: 2 },
        list: { type: "array", items: { type: "integer" }, "x-kubernetes-list-type": "set" },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      },
      "x-kubernetes-validations": [{ rule: "!has(self.n) || self.n != 9007199254740995" }],
    },
  },
};
const columns = { additionalPrinterColumns: [{ name: "N", type: "integer", jsonPath: ".spec.n" }] };
let https: HttpsFixture;
let api: TestApi;

beforeAll(async () => {
  ({ https, api } = await serveForTest());
  await api.post(definitionsPath, definitionOf(schema, columns));
  await established(api, "things.example.com");
});

afterAll(() => https.close());

async function send(
  method: string,
  place: string,
  body: string,
  type = "application/json",
): Promise<{ status: number; text: string }> {
  return await https.request(place, { method, body, headers: { "content-type": type } });
}

const thing = (name: string, spec: string): string =>
  `{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"${name}"},"spec":${spec}}`;

test.each([largest, smallest, odd, "12345678901234567"])("%s is kept as it was created", async (n) => {
  const name = `n${n.replace("-", "m")}`;
  const created = await send("POST", path, thing(name, `{"n":${n},"free":{"a":[${n}]}}`));
  expect([created.status, created.text]).toEqual([201, expect.stringContaining(`"n":${n}`)]);
  const { text } = await https.request(`${path}/${name}`);
  expect(text).toContain(`"a":[${n}]`);
  const yaml = await https.request(`${path}/${name}`, { headers: { accept: "application/yaml" } });
  expect(yaml.text).toContain(`"n": ${n}`);
  const accept = "application/json;as=Table;g=meta.k8s.io;v=v1";
  const table = await https.request(`${path}/${name}`, { headers: { accept } });
  expect(table.text).toContain(`"cells":["${name}",${n}]`);
});

test.each([
  ["application/merge-patch+json", `{"spec":{"n":${odd}}}`],
  ["application/json-patch+json", `[{"op":"replace","path":"/spec/n","value":${odd}}]`],
])("%s keeps the digits", async (type, patch) => {
  const name = type.slice(12, 16);
  await send("POST", path, thing(name, `{"n":1}`));
  const { status, text } = await send("PATCH", `${path}/${name}`, patch, type);
  expect([status, text]).toEqual([200, expect.stringContaining(`"n":${odd}`)]);
});

test("what is applied keeps the digits, and is not changed by being applied again", async () => {
  const apply = (): Promise<{ text: string }> =>
    send(
      "PATCH",
      `${path}/applied?fieldManager=me`,
      thing("applied", `{"list":[${odd},${largest}]}`),
      "application/apply-patch+yaml",
    );
  const first = await apply();
  expect(first.text).toContain(`"list":[${odd},${largest}]`);
  expect((await apply()).text).toBe(first.text);
});

test("a change elsewhere leaves the digits alone", async () => {
  await send("POST", path, thing("kept", `{"n":${largest}}`));
  const patch = `{"metadata":{"labels":{"a":"b"}}}`;
  const { text } = await send("PATCH", `${path}/kept`, patch, "application/merge-patch+json");
  expect(text).toContain(`"n":${largest}`);
});

test.each([
  [`{"n":9007199254740995}`, "failed rule"],
  [`{"even":9007199254740993}`, "should be a multiple of 2"],
  [`{"n":9223372036854775808}`, "must be of type integer"],
  [`{"list":[${odd},${odd}]}`, "Duplicate value"],
])("%s is refused by its exact value", async (spec, why) => {
  const { status, text } = await send("POST", path, thing("refused", spec));
  expect([status, text]).toEqual([422, expect.stringContaining(why)]);
});

test("multiples that no float can tell are accepted", async () => {
  const { status } = await send("POST", path, thing("even", `{"even":9007199254740994}`));
  expect(status).toBe(201);
});

const asYaml = (name: string, spec: string): string =>
  `apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: ${name}\nspec:\n${spec}`;

test.each([
  ["decimal", largest, largest],
  ["negative", smallest, smallest],
  ["hexadecimal", "0x20000000000001", odd],
  ["octal, with underscores", "0400_000_000_000_000_001", odd],
])("what is created of YAML is kept to the digit: %s", async (what, written, n) => {
  const name = `yaml-${what.slice(0, 3)}`;
  const body = asYaml(name, `  "n": ${written}\n  free: {a: [${written}]}\n`);
  const { status, text } = await send("POST", path, body, "application/yaml");
  expect([status, text]).toEqual([201, expect.stringContaining(`"n":${n}`)]);
  expect((await https.request(`${path}/${name}`)).text).toContain(`"a":[${n}]`);
});

test("what is applied as YAML is kept to the digit", async () => {
  const body = asYaml("applied-yaml", `  list: [${odd}, ${largest}]\n`);
  const place = `${path}/applied-yaml?fieldManager=me`;
  const { text } = await send("PATCH", place, body, "application/apply-patch+yaml");
  expect(text).toContain(`"list":[${odd},${largest}]`);
});

const kindOf = (plural: string): string => plural.replace(/^./, (first) => first.toUpperCase());

const definitionText = (plural: string, limit: string): string =>
  JSON.stringify(
    definitionOf({
      type: "object",
      properties: {
        spec: {
          type: "object",
          properties: {
            n: { type: "integer", format: "int64", default: "DEFAULT" },
            one: { type: "integer", format: "int64", enum: ["DEFAULT", 1] },
            text: { type: "string", maxLength: "LIMIT" },
          },
        },
      },
    }),
  )
    .replaceAll("things", plural)
    .replace("Thing", kindOf(plural))
    .replaceAll('"DEFAULT"', odd)
    .replace('"LIMIT"', limit);

test.each([
  ["application/json", "exacts"],
  ["application/yaml", "wares"],
])("defaults and lists of values are kept to the digit: %s", async (type, plural) => {
  const { status, text } = await send("POST", definitionsPath, definitionText(plural, largest), type);
  expect([status, text.replaceAll(": ", ":")]).toEqual([201, expect.stringContaining(`"default":${odd}`)]);
  await established(api, `${plural}.example.com`);
  const create = (name: string, spec: string): Promise<{ status: number; text: string }> =>
    send("POST", `/apis/example.com/v1/${plural}`, thing(name, spec).replace("Thing", kindOf(plural)));
  expect(await create("default", "{}")).toMatchObject({
    status: 201,
    text: expect.stringContaining(`"n":${odd}`),
  });
  expect(await create("listed", `{"one":${odd}}`)).toMatchObject({ status: 201 });
  expect(await create("other", `{"one":9007199254740992}`)).toMatchObject({
    status: 422,
    text: expect.stringContaining(`supported values: \\"${odd}\\", \\"1\\"`),
  });
});

test("a default is patched to the digit", async () => {
  await send("POST", definitionsPath, definitionText("patched", "5"));
  const value = `[{"op":"replace","path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/n/default","value":${largest}}]`;
  const { status, text } = await send(
    "PATCH",
    `${definitionsPath}/patched.example.com`,
    value,
    "application/json-patch+json",
  );
  expect([status, text]).toEqual([200, expect.stringContaining(`"default":${largest}`)]);
});
