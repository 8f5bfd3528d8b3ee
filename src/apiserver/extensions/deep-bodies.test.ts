import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpsFixture, serveForTest } from "../testing/https.ts";
import { definitionOf, definitionsPath, established } from "./testing/definitions.ts";

const path = "/apis/example.com/v1/things";
const objects = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
const lists = (depth: number): string => `${"[".repeat(depth)}1${"]".repeat(depth)}`;
const thing = (name: string, free: string): string =>
  `{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"${name}"},"free":${free}}`;
let https: HttpsFixture;

beforeAll(async () => {
  const served = await serveForTest();
  ({ https } = served);
  const { api } = served;
  await api.post(
    definitionsPath,
    definitionOf({ type: "object", "x-kubernetes-preserve-unknown-fields": true }),
  );
  await established(api, "things.example.com");
});

afterAll(() => https.close());

async function send(method: string, place: string, body: string, type = "application/json"): Promise<string> {
  const { status, text } = await https.request(place, { method, body, headers: { "content-type": type } });
  return `${status} ${text}`;
}

test.each([
  ["objects", objects(950)],
  ["lists", lists(950)],
])("what is nested as deeply as may be is served by every verb: %s", async (name, free) => {
  expect(await send("POST", path, thing(name, free))).toMatch(/^201/);
  expect(await send("POST", path, thing(`${name}-yaml`, free), "application/yaml")).toMatch(/^201/);
  const applied = `${path}/${name}-applied?fieldManager=me`;
  const apply = "application/apply-patch+yaml";
  expect(await send("PATCH", applied, thing(`${name}-applied`, free), apply)).toMatch(/^201/);
  expect(await send("PATCH", applied, thing(`${name}-applied`, `[${free}]`), apply)).toMatch(/^200/);
  const merge = `{"other":${free},"metadata":{"labels":{"a":"b"}}}`;
  expect(await send("PATCH", `${path}/${name}`, merge, "application/merge-patch+json")).toMatch(/^200/);
  const patch = `[{"op":"add","path":"/third","value":${free}},{"op":"test","path":"/third","value":${free}}]`;
  expect(await send("PATCH", `${path}/${name}`, patch, "application/json-patch+json")).toMatch(/^200/);
  const { text, status } = await https.request(`${path}/${name}`);
  expect([status, text]).toEqual([200, expect.stringContaining(`"third":${free}`)]);
  expect(await send("PUT", `${path}/${name}`, text.replace(`"third":${free},`, ""))).toMatch(/^200/);
  const yaml = await https.request(path, { headers: { accept: "application/yaml" } });
  expect(yaml.status).toBe(200);
  expect(await send("DELETE", `${path}/${name}`, "")).toMatch(/^200/);
});

test.each([
  ["1,100", 1_100],
  ["9,900", 9_900],
])("what is nested more deeply than may be kept is refused: %s", async (_, depth) => {
  for (const free of [objects(depth), lists(depth)]) {
    expect(await send("POST", path, thing("deep", free))).toMatch(
      /^400 .*json parse error: exceeded max depth \(/,
    );
    expect(await send("POST", path, thing("deep", free), "application/yaml")).toMatch(
      /^400 .*yaml: exceeded max depth of 1000/,
    );
    expect(
      await send(
        "PATCH",
        `${path}/deep?fieldManager=me`,
        thing("deep", free),
        "application/apply-patch+yaml",
      ),
    ).toMatch(/^400 .*yaml: exceeded max depth of 1000/);
  }
});

test("unless it is left out, as what a built-in kind does not know", async () => {
  const place = "/api/v1/namespaces/default/configmaps";
  const config = (name: string, free: string): string =>
    `{"metadata":{"name":"${name}"},"data":{"a":"b"},"x":${free}}`;
  expect(await send("POST", place, config("a", objects(9_990)))).toMatch(/^201/);
  expect(await send("POST", place, config("b", lists(9_990)))).toMatch(/^201/);
  expect(await send("POST", `${place}?fieldValidation=Strict`, config("c", lists(5_000)))).toMatch(
    /^400 .*unknown field \\"x\\"/,
  );
});

test.each([
  ["{", objects(10_000)],
  ["[", lists(20_000)],
])("what Kubernetes refuses is refused in its words: %s", async (character, free) => {
  expect(await send("POST", path, thing("deep", free))).toContain(
    `json parse error: invalid character '${character}' exceeded max depth ({\\"apiVersion\\":\\"example.com/v1\\" ...)`,
  );
});
