import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildKustomization } from "./build.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kustomize-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const job = `apiVersion: example.com/v1
kind: Train
metadata: {name: one}
spec:
  replicas: 1
  image: "engine:1"
  settingsName: settings
  secrets: [creds, other]
  from: {name: settings}
  wagons: [{settings: {name: settings}}, {settings: {name: foreign}}]
  serviceNamespace: old
  selector: {a: b}
`;

function built(kustomization: string, configuration: string): Record<string, unknown> {
  writeFileSync(join(folder, "train.yaml"), job);
  writeFileSync(join(folder, "config.yaml"), configuration);
  const generators =
    "configMapGenerator: [{name: settings, literals: [a=b]}]\nsecretGenerator: [{name: creds, literals: [a=b]}]\n";
  writeFileSync(
    join(folder, "kustomization.yaml"),
    `resources: [train.yaml]\nconfigurations: [config.yaml]\n${generators}${kustomization}`,
  );
  const train = buildKustomization(folder, () => undefined).find(({ kind }) => kind === "Train");
  return train?.["spec"] as Record<string, unknown>;
}

describe("configurations", () => {
  it("say which fields name other objects", () => {
    const spec = built(
      "namePrefix: my-\n",
      `nameReference:
- kind: ConfigMap
  version: v1
  fieldSpecs:
  - {path: spec/settingsName, kind: Train}
  - {path: spec/from/name, kind: Train}
  - {path: spec/wagons/settings/name, kind: Train}
- kind: Secret
  fieldSpecs: [{path: spec/secrets, group: example.com, kind: Train}]
`,
    );
    expect(spec["settingsName"]).toMatch(/^my-settings-\w{10}$/);
    expect(spec["from"]).toEqual({ name: spec["settingsName"] });
    expect(spec["wagons"]).toEqual([
      { settings: { name: spec["settingsName"] } },
      { settings: { name: "foreign" } },
    ]);
    expect(spec["secrets"]).toEqual([expect.stringMatching(/^my-creds-\w{10}$/), "other"]);
  });

  it("say where labels, annotations and the namespace go", () => {
    const spec = built(
      "commonLabels: {team: x}\ncommonAnnotations: {note: hello}\nnamespace: new\n",
      `commonLabels: [{path: spec/selector, kind: Train}, {path: spec/made/labels, create: true, kind: Train}, {path: spec/absent/labels, kind: Train}]
commonAnnotations: [{path: spec/notes, create: true, kind: Train}]
namespace: [{path: spec/serviceNamespace, kind: Train}]
`,
    );
    expect(spec).toMatchObject({
      selector: { a: "b", team: "x" },
      made: { labels: { team: "x" } },
      notes: { note: "hello" },
      serviceNamespace: "new",
    });
    expect(spec).not.toHaveProperty("absent");
  });

  it("say where labels go that are no selectors", () => {
    const spec = built(
      "labels: [{pairs: {team: x}}, {pairs: {size: l}, includeTemplates: true}]\n",
      `labels: [{path: spec/selector, kind: Train}]
templateLabels: [{path: spec/from, kind: Train}]
`,
    );
    expect(spec).toMatchObject({ selector: { team: "x", size: "l" }, from: { size: "l" } });
    expect(spec["from"]).not.toHaveProperty("team");
  });

  it("say where images, counts and names are", () => {
    const spec = built(
      "images: [{name: engine, newTag: '2'}]\nreplicas: [{name: one, count: 5}]\nnamePrefix: my-\nnameSuffix: -x\n",
      `images: [{path: spec/image, kind: Train}]
replicas: [{path: spec/replicas, kind: Train}]
namePrefix: [{path: spec/settingsName, kind: Train}]
nameSuffix: [{path: spec/settingsName, kind: Train}, {path: metadata/name}]
`,
    );
    expect(spec).toMatchObject({ image: "engine:2", replicas: 5, settingsName: "my-settings-x" });
  });

  it("leave other kinds and versions alone", () => {
    const spec = built(
      "commonLabels: {team: x}\n",
      "commonLabels: [{path: spec/selector, kind: Bus}, {path: spec/selector, version: v2}, {path: spec/selector, group: other.com}]\n",
    );
    expect(spec["selector"]).toEqual({ a: "b" });
  });

  it.each([
    ["prefixes: []\n", 'error unmarshaling JSON: while decoding JSON: json: unknown field "prefixes"'],
    ["a: [\n", "error converting YAML to JSON: "],
  ])("%j is refused", (configuration, message) => {
    expect(() => built("", configuration)).toThrow(message);
  });

  it("say where variables would stand, which are refused elsewhere", () => {
    expect(built("", "varReference: [{path: spec/image, kind: Train}]\n")["image"]).toBe("engine:1");
  });
});
