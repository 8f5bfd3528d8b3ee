import { describe, expect, it } from "vitest";
import { JsonPath, relaxedPath } from "./jsonpath.ts";

const data = {
  kind: "List",
  items: [
    {
      kind: "None",
      metadata: { name: "127.0.0.1", labels: { "kubernetes.io/hostname": "127.0.0.1" } },
      status: { capacity: { cpu: "4" }, ready: true, count: 3 },
    },
    { kind: "None", metadata: { name: "127.0.0.2" }, status: { capacity: { cpu: "8" }, count: 5 } },
  ],
  users: [
    { name: "myself", user: {} },
    { name: "e2e", user: { username: "admin", password: "secret" } },
  ],
};

describe("JsonPath", () => {
  it.each([
    ["plain text", "plain text"],
    ["kind is {.kind}", "kind is List"],
    ["{['kind']}", "List"],
    ["{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"],
    ['{.users[?(@.name=="e2e")].user.password}', "secret"],
    [
      '{range .items[*]}[{.metadata.name}, {.status.capacity.cpu}]{"\\n"}{end}',
      "[127.0.0.1, 4]\n[127.0.0.2, 8]\n",
    ],
    ["{.items[0].metadata.labels}", '{"kubernetes.io/hostname":"127.0.0.1"}'],
    ["{.items[0].metadata.labels.kubernetes\\.io/hostname}", "127.0.0.1"],
    ["{..name}", "127.0.0.1 127.0.0.2 myself e2e"],
    ["{.items[-1].metadata.name}", "127.0.0.2"],
    ["{.items[0:1].metadata.name}", "127.0.0.1"],
    ["{.items[0,1].metadata.name}", "127.0.0.1 127.0.0.2"],
    ["{.items[?(@.status.count>3)].metadata.name}", "127.0.0.2"],
    ["{.items[?(@.status.ready)].metadata.name}", "127.0.0.1"],
    ["{.items[?(@.status.ready==true)].status.count}", "3"],
    ["{$.kind}{'\\t'}{@.kind}", "List\tList"],
    ["{.nope}", ""],
    ["{.users[0].user}", "{}"],
  ])("%s prints %j", (template, text) => {
    expect(new JsonPath(template, { allowMissing: true }).print(data)).toBe(text);
  });

  it.each([
    ["{.nope}", "nope is not found"],
    ["{.items[7].kind}", "array index out of bounds: index 7, length 2"],
    ["{.kind[0]}", "List is not array or slice"],
  ])("%s is refused when nothing may be missing", (template, message) => {
    expect(() => new JsonPath(template).print(data)).toThrow(message);
  });

  it.each([
    ["{.items", "error parsing jsonpath {.items, unclosed action"],
    ["{.items[", "error parsing jsonpath {.items[, unclosed action"],
    ["{range .items[*]}", "error parsing jsonpath {range .items[*]}, unexpected EOF, missing {end}"],
    ["{end}", "not in range, nothing to end"],
    ['{.items["a"]}', 'invalid array index "a"'],
  ])("%s cannot be parsed", (template, message) => {
    expect(() => new JsonPath(template)).toThrow(message);
  });

  it("prints the values of each path as JSON where that is asked for", () => {
    expect(new JsonPath("{.users[*].name}").print(data, { asJson: true })).toBe(
      '[\n    "myself",\n    "e2e"\n]\n',
    );
  });
});

it.each([
  [".metadata.name", "{.metadata.name}"],
  ["metadata.name", "{.metadata.name}"],
  ["{.metadata.name}", "{.metadata.name}"],
  ["{metadata.name}", "{.metadata.name}"],
])("relaxedPath(%j) is %j", (text, path) => {
  expect(relaxedPath(text)).toBe(path);
});
