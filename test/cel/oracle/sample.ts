import type { CelSchema } from "../../../src/cel/index.ts";

/** Data of every kind that a schema can describe, for expressions over `self`; `object` is read without a schema. */
const text: CelSchema = { type: "string" };
const integer: CelSchema = { type: "integer" };

const port: CelSchema = {
  type: "object",
  required: ["name"],
  properties: { name: text, port: integer, proto: text },
};
const ports: CelSchema = {
  type: "array",
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["name"],
  items: port,
};
const set: CelSchema = { type: "array", "x-kubernetes-list-type": "set", items: text };

export const schema: CelSchema = {
  type: "object",
  required: ["replicas"],
  properties: {
    replicas: integer,
    max: { type: "integer", default: 3 },
    name: { type: "string", maxLength: 20 },
    long: text,
    mode: { type: "string", enum: ["On", "Off", "Maybe"] },
    ratio: { type: "number" },
    on: { type: "boolean" },
    port: { "x-kubernetes-int-or-string": true },
    when: { type: "string", format: "date-time" },
    day: { type: "string", format: "date" },
    wait: { type: "string", format: "duration" },
    data: { type: "string", format: "byte" },
    tags: { type: "array", maxItems: 10, items: { type: "string", maxLength: 8 } },
    nums: { type: "array", items: integer },
    set,
    set2: set,
    ports,
    ports2: ports,
    labels: { type: "object", additionalProperties: text },
    limits: { type: "object", maxProperties: 5, additionalProperties: integer },
    nested: {
      type: "object",
      properties: {
        a: integer,
        b: { type: "object", properties: { c: text, namespace: text, "x-y": text, "d.e": text } },
      },
    },
    nothing: { type: "string", nullable: true },
    matrix: { type: "array", items: { type: "array", items: integer } },
  },
};

export const self = {
  replicas: 3,
  max: 5,
  name: "hello",
  long: "a long text with ünïcödé 😀",
  mode: "On",
  ratio: 1.5,
  on: true,
  port: 80,
  when: "2024-05-06T07:08:09.5Z",
  day: "2024-05-06",
  wait: "1h30m",
  data: "aGVsbG8=",
  tags: ["a", "b", "c"],
  nums: [3, 1, 2],
  set: ["x", "y"],
  set2: ["y", "x"],
  ports: [
    { name: "http", port: 80 },
    { name: "https", port: 443 },
  ],
  ports2: [
    { name: "https", port: 443 },
    { name: "http", port: 80 },
  ],
  labels: { app: "web", tier: "front" },
  limits: { cpu: 2 },
  nested: { a: 1, b: { c: "z", namespace: "ns", "x-y": "q", "d.e": "r" } },
  nothing: null,
  matrix: [[1, 2], [3]],
};

export const object = {
  metadata: { name: "web", labels: { app: "web", tier: "front" }, annotations: null },
  spec: {
    replicas: 2,
    ratio: 0.5,
    containers: [
      { name: "a", image: "nginx:1.25", ports: [{ containerPort: 80 }] },
      { name: "b", image: "redis" },
    ],
    paused: false,
  },
};
