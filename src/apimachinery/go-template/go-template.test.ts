import { describe, expect, it } from "vitest";
import { GoTemplate } from "./go-template.ts";

const object = {
  kind: "Deployment",
  metadata: { name: "web", labels: { app: "web", tier: "front" } },
  spec: { replicas: 2, containers: [{ name: "a" }, { name: "b" }] },
};

describe("Go templates", () => {
  it.each([
    ["{{.metadata.name}}", "web"],
    ["{{.nope}} {{.nope.deeper}}", "<no value> <no value>"],
    ["{{.metadata.labels}}", "map[app:web tier:front]"],
    ["{{range .spec.containers}}{{.name}},{{end}}", "a,b,"],
    ["{{range $i, $c := .spec.containers}}{{$i}}{{$c.name}}{{end}}", "0a1b"],
    ["{{range $k, $v := .metadata.labels}}{{$k}}={{$v}};{{end}}", "app=web;tier=front;"],
    ["{{range .nope}}x{{else}}none{{end}}", "none"],
    ['{{range .spec.containers}}{{if eq .name "b"}}{{break}}{{end}}{{.name}}{{end}}', "a"],
    ['{{if eq .kind "Pod"}}1{{else if eq .kind "Deployment"}}2{{else}}3{{end}}', "2"],
    ["{{with .metadata}}{{.name}}{{end}}{{with .nope}}x{{else}}y{{end}}", "weby"],
    ["{{$x := 1}}{{range .spec.containers}}{{$x = .name}}{{end}}{{$x}}", "b"],
    ['{{(index .spec.containers 1).name}} {{index .metadata.labels "app"}}', "b web"],
    ['{{.kind | printf "%q" | len}}', "12"],
    ['{{and 1 0}} {{or "" "x"}} {{not 1}}', "0 x false"],
    ["{{and .nope .nope.deeper (index .nope 1)}}", "<no value>"],
    ['{{lt 1 2}} {{ge "a" "b"}} {{eq .spec.replicas 1 2}} {{ne 1 2}}', "true false true true"],
    ['{{printf "%5d|%-4s|%05.1f" 42 "ab" 1.25}}', "   42|ab  |001.3"],
    ['{{printf "%s %z" "a"}}', "a %!z(MISSING)"],
    ["a {{- /* said to nobody */ -}} b {{- 1 -}} c", "ab1c"],
    ['{{define "t"}}<{{.}}>{{end}}{{template "t" .kind}}', "<Deployment>"],
    ['{{print 1 2 "a" "b"}}|{{html "<"}}|{{urlquery "a b"}}|{{slice .kind 0 3}}', "1 2ab|&lt;|a+b|Dep"],
    ['{{exists .spec "replicas"}} {{exists .spec "nope"}} {{base64decode "YQ=="}}', "true false a"],
    ['{{`raw\\n`}}{{"\\t\\u0041"}}', "raw\\n\tA"],
  ])("%s", (template, printed) => expect(new GoTemplate(template).print(object)).toBe(printed));

  it.each([
    ["{{nope}}", 'template: output:1: function "nope" not defined'],
    ["{{.a", "template: output:1: unclosed action"],
    ["{{if .a}}", "template: output:1: unexpected EOF"],
    ["\n{{end}}", "template: output:2: unexpected {{end}}"],
    ["{{$x}}", 'template: output:1: undefined variable "$x"'],
  ])("%s is refused", (template, why) => expect(() => new GoTemplate(template)).toThrow(why));

  it.each([
    ["{{.kind.x}}", "1:7", "<.kind.x>: can't evaluate field x in type interface {}"],
    ["\n {{index .nope 1}}", "2:3", "<index .nope 1>: error calling index: index of untyped nil"],
    ["{{range .kind}}{{end}}", "1:8", "<.kind>: range can't iterate over Deployment"],
  ])("%s does not fit", (template, place, why) =>
    expect(() => new GoTemplate(template).print(object)).toThrow(
      `template: output:${place}: executing "output" at ${why}`,
    ),
  );

  it("a missing key is an error where it is not allowed", () =>
    expect(() => new GoTemplate("{{.nope}}", { allowMissing: false }).print(object)).toThrow(
      'map has no entry for key "nope"',
    ));

  it("functions of the caller go before those of Go, and errors bear the caller's name", () => {
    const functions = { Twice: (text: unknown) => `${String(text)}${String(text)}`, len: () => 7 };
    expect(new GoTemplate("{{.kind | Twice}} {{len .kind}}", { functions }).print(object)).toBe(
      "DeploymentDeployment 7",
    );
    expect(() => new GoTemplate("{{nope}}", { name: "stage", functions })).toThrow(
      'template: stage:1: function "nope" not defined',
    );
  });
});
