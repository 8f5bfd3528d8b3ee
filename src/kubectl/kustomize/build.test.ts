import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildKustomization } from "./build.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kustomize-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

const build = (path = ".") => buildKustomization(join(folder, path), () => undefined);
const names = (path = ".") => build(path).map(({ kind, metadata }) => `${kind}/${metadata.name}`);

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1", envFrom: [{configMapRef: {name: settings}}]}
`;

describe("buildKustomization()", () => {
  it("generated names end in the hash that kustomize computes", () => {
    write({
      "kustomization.yaml": `configMapGenerator:
- {name: files, files: [file.txt, other=file.txt]}
- {name: plain, literals: [a=b], options: {disableNameSuffixHash: true}}
secretGenerator: [{name: creds, literals: [p=secret]}]
namePrefix: pre-
`,
      "file.txt": "hello\n",
    });
    expect(names()).toEqual([
      "ConfigMap/pre-files-m6862d6h52",
      "ConfigMap/pre-plain",
      "Secret/pre-creds-4k4899t6bh",
    ]);
  });

  it("references follow names through layers, and merged generators", () => {
    write({
      "base/kustomization.yaml":
        "resources: [web.yaml]\nconfigMapGenerator: [{name: settings, literals: [a=1, b=2]}]\n",
      "base/web.yaml": deployment,
      "over/kustomization.yaml": `resources: [../base]
namespace: prod
nameSuffix: -x
configMapGenerator: [{name: settings, behavior: merge, literals: [b=3]}]
images: [{name: nginx, newTag: "2"}]
replicas: [{name: web, count: 4}]
labels: [{pairs: {team: t}, includeSelectors: true}]
`,
    });
    const [settings, web] = build("over");
    expect(settings).toMatchObject({
      data: { a: "1", b: "3" },
      metadata: { namespace: "prod", labels: { team: "t" } },
    });
    expect(web).toMatchObject({
      metadata: { name: "web-x", namespace: "prod" },
      spec: {
        replicas: 4,
        selector: { matchLabels: { app: "web", team: "t" } },
        template: {
          spec: {
            containers: [
              { image: "nginx:2", envFrom: [{ configMapRef: { name: settings?.metadata.name } }] },
            ],
          },
        },
      },
    });
  });

  it("patches merge lists by their keys, new items first, and delete", () => {
    write({
      "kustomization.yaml": `resources: [web.yaml]
patches:
- patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec: {template: {spec: {containers: [{name: web, image: "x:1"}, {name: side, image: "y:1"}]}}}
- target: {kind: Deployment}
  patch: '[{op: add, path: /spec/paused, value: true}]'
`,
      "web.yaml": deployment,
    });
    expect(build()[0]).toMatchObject({
      spec: {
        paused: true,
        template: { spec: { containers: [{ name: "side" }, { name: "web", image: "x:1" }] } },
      },
    });
  });

  it.each([
    ["vars: []", /"vars" .* is not supported/],
    ["helmCharts: []", /"helmCharts" .* is not supported/],
    ["nope: 1", 'invalid Kustomization: json: unknown field "nope"'],
    ["resources: [../secret.yaml]", /security; file .* is not in or below/],
    ["resources: [.]", /cycle detected/],
    ["resources: [missing.yaml]", /no such file or directory/],
    ["replicas: [{name: web, count: 1}]", /resource with name web does not match a config/],
  ])("%s is refused", (text, why) => {
    write({ "secret.yaml": deployment, "own/kustomization.yaml": text });
    expect(() => build("own")).toThrow(why);
  });
});
