import { describe, expect, it } from "vitest";
import { formatTime } from "../clock.ts";
import { decodeObject } from "../decode.ts";
import { deepFreeze } from "../json.ts";
import type { ManagedFieldsEntry } from "../meta-v1.ts";
import type { UnstructuredObject } from "../object.ts";
import type { Schema } from "../schema.ts";
import { StatusError } from "../status.ts";
import { factsSchemas, hasReference } from "../testing/reference.ts";
import { isSameButTimes, serverSideApply, trackUpdate } from "./index.ts";

const schemas = new Map<string, Schema>([
  [
    "io.example.v1.Web",
    {
      type: "object",
      properties: {
        apiVersion: { type: "string" },
        kind: { type: "string" },
        metadata: { ref: "io.example.v1.ObjectMeta", default: {} },
        spec: { ref: "io.example.v1.WebSpec", default: {} },
        status: { ref: "io.example.v1.WebStatus", default: {} },
      },
    },
  ],
  [
    "io.example.v1.ObjectMeta",
    {
      type: "object",
      properties: {
        name: { type: "string" },
        namespace: { type: "string" },
        uid: { type: "string" },
        resourceVersion: { type: "string" },
        managedFields: { type: "array", listType: "atomic", items: {} },
        labels: { type: "object", values: { type: "string" } },
        annotations: { type: "object", values: { type: "string" } },
        finalizers: { type: "array", listType: "set", items: { type: "string" } },
      },
    },
  ],
  [
    "io.example.v1.WebSpec",
    {
      type: "object",
      properties: {
        replicas: { type: "integer", format: "int32" },
        image: { type: "string" },
        args: { type: "array", listType: "atomic", items: { type: "string" } },
        selector: { type: "object", mapType: "atomic", values: { type: "string" } },
        ports: {
          type: "array",
          listType: "map",
          listMapKeys: ["port", "protocol"],
          items: { ref: "io.example.v1.Port" },
        },
        strategy: { ref: "io.example.v1.Strategy" },
        free: { type: "object", preserveUnknownFields: true },
      },
    },
  ],
  [
    "io.example.v1.Strategy",
    { type: "object", properties: { type: { type: "string" }, max: { type: "integer", format: "int32" } } },
  ],
  [
    "io.example.v1.WebStatus",
    { type: "object", properties: { ready: { type: "integer", format: "int32" } } },
  ],
  [
    "io.example.v1.Port",
    {
      type: "object",
      properties: {
        port: { type: "integer", format: "int32", default: 0 },
        protocol: { type: "string", default: "TCP" },
        name: { type: "string" },
      },
    },
  ],
]);
const schema: Schema = { ref: "io.example.v1.Web" };
const startMs = Date.UTC(2026, 0, 1);
const time = formatTime(startMs);
const later = formatTime(startMs + 60_000);

type Parts = { metadata?: Record<string, unknown>; spec?: unknown; status?: unknown };
const web = ({ metadata, ...rest }: Parts = {}): UnstructuredObject => ({
  apiVersion: "example.io/v1",
  kind: "Web",
  metadata: { name: "a", ...metadata },
  ...rest,
});

interface Step {
  manager: string;
  object: UnstructuredObject;
  subresource?: string;
  force?: boolean;
  nowMs?: number;
}
const stored = (object: UnstructuredObject): UnstructuredObject =>
  deepFreeze(decodeObjectKeepingMeta(object));

/** What the registry does to an object before it stores it. */
function decodeObjectKeepingMeta(object: UnstructuredObject): UnstructuredObject {
  const { managedFields, ...metadata } = object.metadata;
  const { object: decoded } = decodeObject(schemas, schema, { ...object, metadata });
  const meta = { ...decoded.metadata, uid: "u", ...(managedFields === undefined ? {} : { managedFields }) };
  return { ...decoded, metadata: meta };
}

const apply = (live: UnstructuredObject | undefined, step: Step): UnstructuredObject => {
  const { manager, object, subresource = "", force = false, nowMs = startMs } = step;
  return stored(
    serverSideApply({ live, applied: object, manager, force, subresource, schema, schemas, nowMs }),
  );
};
const update = (old: UnstructuredObject | undefined, step: Step): UnstructuredObject => {
  const { manager, object, subresource = "", nowMs = startMs } = step;
  const updated = stored(object);
  const managedFields = trackUpdate({ old, updated, manager, subresource, schema, schemas, nowMs });
  return stored({ ...updated, metadata: { ...updated.metadata, managedFields } });
};
const change = (live: UnstructuredObject, parts: Parts): UnstructuredObject => ({
  ...live,
  ...parts,
  metadata: { ...live.metadata, ...parts.metadata },
});

/** manager → its fields, in short. */
const owners = (object: UnstructuredObject): Record<string, unknown> =>
  Object.fromEntries(
    (object.metadata.managedFields ?? []).map(({ manager, operation, fieldsV1, subresource }) => [
      `${manager} ${operation}${subresource === undefined ? "" : ` ${subresource}`}`,
      fieldsV1,
    ]),
  );

const conflictOf = (run: () => unknown): StatusError => {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error("no conflict");
};

describe("serverSideApply()", () => {
  it("creates the object and owns what it applied, metadata that identifies it excepted", () => {
    const object = apply(undefined, {
      manager: "m",
      object: web({
        metadata: { labels: { app: "x" } },
        spec: { replicas: 1, ports: [{ port: 80, name: "http" }], args: ["a"], strategy: { type: "r" } },
      }),
    });
    expect(object.metadata.managedFields).toEqual([
      {
        manager: "m",
        operation: "Apply",
        apiVersion: "example.io/v1",
        time,
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:metadata": { "f:labels": { "f:app": {} } },
          "f:spec": {
            "f:args": {},
            "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:name": {}, "f:port": {} } },
            "f:replicas": {},
            "f:strategy": { "f:type": {} },
          },
        },
      },
    ]);
    expect(object["spec"]).toEqual({
      replicas: 1,
      ports: [{ port: 80, name: "http" }],
      args: ["a"],
      strategy: { type: "r" },
    });
  });

  it("returns the live object when nothing changes", () => {
    const live = apply(undefined, { manager: "m", object: web({ spec: { replicas: 1 } }) });
    const again = serverSideApply({
      live,
      applied: web({ spec: { replicas: 1 } }),
      manager: "m",
      force: false,
      subresource: "",
      schema,
      schemas,
      nowMs: startMs + 60_000,
    });
    expect(again).toBe(live);
  });

  it("moves the time when the object changes", () => {
    const live = apply(undefined, { manager: "m", object: web({ spec: { replicas: 1 } }) });
    const next = apply(live, {
      manager: "m",
      object: web({ spec: { replicas: 2 } }),
      nowMs: startMs + 60_000,
    });
    expect(next.metadata.managedFields?.[0]?.time).toBe(later);
    expect(next["spec"]).toEqual({ replicas: 2 });
  });

  it("lets two appliers own the same value", () => {
    const live = apply(undefined, { manager: "a", object: web({ spec: { replicas: 1 } }) });
    const both = apply(live, { manager: "b", object: web({ spec: { replicas: 1, image: "i" } }) });
    expect(owners(both)).toEqual({
      "a Apply": { "f:spec": { "f:replicas": {} } },
      "b Apply": { "f:spec": { "f:image": {}, "f:replicas": {} } },
    });
  });

  it("refuses to change what another owns, and names the manager and the field", () => {
    const live = update(undefined, {
      manager: "kubectl-client-side-apply",
      object: web({ spec: { replicas: 1 } }),
    });
    const error = conflictOf(() => apply(live, { manager: "m", object: web({ spec: { replicas: 2 } }) }));
    expect([error.code, error.reason, error.message]).toEqual([
      409,
      "Conflict",
      'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using example.io/v1: .spec.replicas',
    ]);
    expect(error.status.details?.causes).toEqual([
      {
        reason: "FieldManagerConflict",
        message: 'conflict with "kubectl-client-side-apply" using example.io/v1',
        field: ".spec.replicas",
      },
    ]);
  });

  it("lists several conflicts by manager", () => {
    const first = apply(undefined, { manager: "a", object: web({ spec: { replicas: 1 } }) });
    const live = apply(first, {
      manager: "b",
      object: web({ spec: { image: "i", ports: [{ port: 80, name: "http" }] } }),
    });
    const error = conflictOf(() =>
      apply(live, {
        manager: "c",
        object: web({ spec: { replicas: 2, image: "j", ports: [{ port: 80, name: "web" }] } }),
      }),
    );
    expect(error.message).toBe(
      [
        'Apply failed with 3 conflicts: conflicts with "a":',
        "- .spec.replicas",
        'conflicts with "b":',
        "- .spec.image",
        '- .spec.ports[port=80,protocol="TCP"].name',
      ].join("\n"),
    );
  });

  it("takes fields away from others when forced", () => {
    const live = apply(undefined, { manager: "a", object: web({ spec: { replicas: 1, image: "i" } }) });
    const forced = apply(live, { manager: "b", object: web({ spec: { replicas: 2 } }), force: true });
    expect(forced["spec"]).toEqual({ replicas: 2, image: "i" });
    expect(owners(forced)).toEqual({
      "a Apply": { "f:spec": { "f:image": {} } },
      "b Apply": { "f:spec": { "f:replicas": {} } },
    });
  });

  it("removes what it applied before and applies no longer", () => {
    const live = apply(undefined, {
      manager: "a",
      object: web({
        metadata: { labels: { x: "1", y: "2" } },
        spec: {
          replicas: 1,
          image: "i",
          ports: [{ port: 80 }, { port: 81 }],
          strategy: { type: "r", max: 1 },
        },
      }),
    });
    const next = apply(live, {
      manager: "a",
      object: web({ metadata: { labels: { x: "1" } }, spec: { image: "i", ports: [{ port: 81 }] } }),
    });
    expect(next["spec"]).toEqual({ image: "i", ports: [{ port: 81 }] });
    expect(next.metadata.labels).toEqual({ x: "1" });
    expect(next.metadata.uid).toBe("u");
  });

  it("keeps what another applier still wants", () => {
    const first = apply(undefined, {
      manager: "a",
      object: web({ spec: { replicas: 1, ports: [{ port: 80 }] } }),
    });
    const live = apply(first, {
      manager: "b",
      object: web({ spec: { replicas: 1, ports: [{ port: 80 }] } }),
    });
    const next = apply(live, { manager: "a", object: web({ spec: { image: "i" } }) });
    expect(next["spec"]).toEqual({ replicas: 1, ports: [{ port: 80 }], image: "i" });
  });

  it("keeps what an updater wrote below what it gives up", () => {
    const first = apply(undefined, { manager: "a", object: web({ metadata: { annotations: { x: "1" } } }) });
    const updated = change(first, { metadata: { annotations: { x: "1", y: "2" } } });
    const live = update(first, { manager: "b", object: updated });
    const next = apply(live, { manager: "a", object: web({ metadata: { annotations: {} } }) });
    expect(next.metadata.annotations).toEqual({ y: "2" });
    expect(owners(next)).toMatchObject({ "b Update": { "f:metadata": { "f:annotations": { "f:y": {} } } } });
  });

  it("keeps items that others added to a list, and their order", () => {
    const live = update(undefined, {
      manager: "u",
      object: web({ spec: { ports: [{ port: 1 }, { port: 2 }, { port: 3 }] } }),
    });
    const next = apply(live, {
      manager: "a",
      object: web({ spec: { ports: [{ port: 3, name: "three" }, { port: 4 }] } }),
    });
    expect(next["spec"]).toEqual({
      ports: [{ port: 1 }, { port: 2 }, { port: 3, name: "three" }, { port: 4 }],
    });
  });

  it("merges sets and replaces atomic values", () => {
    const live = apply(undefined, {
      manager: "a",
      object: web({ metadata: { finalizers: ["x/a"] }, spec: { args: ["1"], selector: { a: "1" } } }),
    });
    const next = apply(live, {
      manager: "b",
      object: web({ metadata: { finalizers: ["x/b"] }, spec: { selector: { b: "2" } } }),
      force: true,
    });
    expect(next.metadata.finalizers).toEqual(["x/a", "x/b"]);
    expect(next["spec"]).toEqual({ args: ["1"], selector: { b: "2" } });
    expect(owners(next)["b Apply"]).toEqual({
      "f:metadata": { "f:finalizers": { 'v:"x/b"': {} } },
      "f:spec": { "f:selector": {} },
    });
  });

  it("owns untyped maps part by part and untyped lists as a whole", () => {
    const live = apply(undefined, {
      manager: "a",
      object: web({ spec: { free: { x: { y: 1 }, l: [{ a: 1 }] } } }),
    });
    expect(owners(live)["a Apply"]).toEqual({
      "f:spec": { "f:free": { "f:l": {}, "f:x": { ".": {}, "f:y": {} } } },
    });
  });

  it("notes the owner of what was there before the first apply", () => {
    const untracked = stored(web({ spec: { replicas: 1, image: "i" } }));
    const error = conflictOf(() =>
      apply(untracked, { manager: "a", object: web({ spec: { replicas: 2 } }) }),
    );
    expect(error.message).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using example.io/v1: .spec.replicas',
    );
    const forced = apply(untracked, { manager: "a", object: web({ spec: { replicas: 2 } }), force: true });
    expect(owners(forced)["before-first-apply Update"]).toEqual({ "f:spec": { "f:image": {} } });
  });

  it("does not own the status when the resource itself is applied, nor the spec with its status", () => {
    const main = apply(undefined, {
      manager: "a",
      object: web({ spec: { replicas: 1 }, status: { ready: 1 } }),
    });
    expect(owners(main)).toEqual({ "a Apply": { "f:spec": { "f:replicas": {} } } });
    const status = apply(main, {
      manager: "a",
      object: web({ status: { ready: 2 } }),
      subresource: "status",
    });
    expect(owners(status)).toEqual({
      "a Apply": { "f:spec": { "f:replicas": {} } },
      "a Apply status": { "f:status": { "f:ready": {} } },
    });
  });

  it("lets kubectl go on from its own client-side apply without conflicts", () => {
    const configuration = web({ spec: { replicas: 1, image: "i" } });
    const annotation = "kubectl.kubernetes.io/last-applied-configuration";
    const live = update(undefined, {
      manager: "kubectl-client-side-apply",
      object: change(configuration, {
        metadata: { annotations: { [annotation]: JSON.stringify(configuration) } },
      }),
    });
    const changed = web({ spec: { replicas: 3, image: "i" } });
    const error = conflictOf(() => apply(live, { manager: "other", object: changed }));
    expect(error.code).toBe(409);
    const next = apply(live, { manager: "kubectl", object: changed });
    expect(next["spec"]).toEqual({ replicas: 3, image: "i" });
    expect(JSON.parse(next.metadata.annotations?.[annotation] ?? "")).toEqual(changed);
  });

  it("keeps what kubectl applied last as Go writes JSON", () => {
    const annotation = "kubectl.kubernetes.io/last-applied-configuration";
    const live = update(undefined, {
      manager: "kubectl-client-side-apply",
      object: web({ metadata: { annotations: { [annotation]: "{}" } } }),
    });
    const next = apply(live, { manager: "kubectl", object: web({ spec: { image: "a<b>&c" } }) });
    expect(next.metadata.annotations?.[annotation]).toContain(String.raw`a\u003cb\u003e\u0026c`);
  });

  it("still refuses kubectl what others changed since", () => {
    const configuration = web({ spec: { replicas: 1 } });
    const annotation = "kubectl.kubernetes.io/last-applied-configuration";
    const created = update(undefined, {
      manager: "kubectl-client-side-apply",
      object: change(configuration, {
        metadata: { annotations: { [annotation]: JSON.stringify(configuration) } },
      }),
    });
    const live = update(created, { manager: "scaler", object: change(created, { spec: { replicas: 5 } }) });
    const error = conflictOf(() =>
      apply(live, { manager: "kubectl", object: web({ spec: { replicas: 2 } }) }),
    );
    expect(error.message).toContain('"scaler"');
  });

  it.each<[string, unknown, string]>([
    ["an unknown field", { nope: 1 }, ".spec.nope: field not declared in schema"],
    ["a wrong type", { replicas: "1" }, ".spec.replicas: expected numeric (int or float), got string"],
    [
      "a string that is none",
      { image: 1 },
      ".spec.image: expected string, got &value.valueUnstructured{Value:1}",
    ],
    [
      "a list that is none",
      { args: { b: [1, null], a: "x" } },
      ".spec.args: expected list, got &{map[a:x b:[1 <nil>]]}",
    ],
    ["a map that is none", { selector: "x" }, ".spec.selector: expected map, got &{x}"],
    [
      "the same item twice",
      { ports: [{ port: 1 }, { port: 1 }] },
      '.spec.ports: duplicate entries for key [port=1,protocol="TCP"]',
    ],
    [
      "several at once",
      { nope: 1, replicas: "1" },
      "errors:\n  .spec.nope: field not declared in schema\n  .spec.replicas: expected numeric (int or float), got string",
    ],
  ])("refuses %s", (_what, spec, message) => {
    const error = conflictOf(() => apply(undefined, { manager: "a", object: web({ spec }) }));
    expect(error.message).toBe(
      `failed to create typed patch object (/a; example.io/v1, Kind=Web): ${message}`,
    );
  });

  it("takes what was owned in parts for owned as a whole when the schema says so now", () => {
    const live = apply(undefined, { manager: "a", object: web({ spec: { ports: [{ port: 1 }] } }) });
    const atomic = new Map(schemas);
    const spec = schemas.get("io.example.v1.WebSpec");
    atomic.set("io.example.v1.WebSpec", {
      ...spec,
      properties: { ...spec?.properties, ports: { type: "array", items: { ref: "io.example.v1.Port" } } },
    });
    const applied = web({ spec: { ports: [{ port: 2 }] } });
    const options = { live, applied, manager: "b", subresource: "", nowMs: 0, schemas: atomic };
    const schema = atomic.get("io.example.v1.Web");
    const error = conflictOf(() =>
      serverSideApply({ ...options, schema, force: false, isSchemaMutable: true }),
    );
    expect(error.message).toBe('Apply failed with 1 conflict: conflict with "a": .spec.ports');
  });

  it("refuses a configuration with managedFields", () => {
    const object = web({ metadata: { managedFields: [] } });
    expect(conflictOf(() => apply(undefined, { manager: "a", object })).message).toBe(
      "metadata.managedFields must be nil",
    );
  });

  it("takes managedFields of null for none", () => {
    const object = JSON.parse(
      JSON.stringify(web({})).replace('"metadata":{', '"metadata":{"managedFields":null,'),
    );
    expect(apply(undefined, { manager: "a", object }).metadata.uid).toBe("u");
  });
});

describe("trackUpdate()", () => {
  const created = (): UnstructuredObject =>
    update(undefined, { manager: "c", object: web({ spec: { replicas: 1, ports: [{ port: 80 }] } }) });

  it("owns what a create sets, containers that come with it included", () => {
    expect(created().metadata.managedFields).toEqual([
      {
        manager: "c",
        operation: "Update",
        apiVersion: "example.io/v1",
        time,
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:spec": {
            "f:ports": {
              ".": {},
              'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:port": {} },
            },
            "f:replicas": {},
          },
        },
      },
    ]);
  });

  it("returns the stored entries, the same array, when nothing changes", () => {
    const old = created();
    const entries = trackUpdate({
      old,
      updated: { ...old, metadata: { ...old.metadata, resourceVersion: "7" } },
      manager: "x",
      subresource: "",
      schema,
      schemas,
      nowMs: startMs + 60_000,
    });
    expect(entries).toBe(old.metadata.managedFields);
  });

  it("moves a changed field to who changed it", () => {
    const old = created();
    const next = update(old, {
      manager: "x",
      object: change(old, { spec: { replicas: 2, ports: [{ port: 80 }] } }),
      nowMs: startMs + 60_000,
    });
    expect(owners(next)).toEqual({
      "c Update": {
        "f:spec": { "f:ports": { ".": {}, 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:port": {} } } },
      },
      "x Update": { "f:spec": { "f:replicas": {} } },
    });
    expect(next.metadata.managedFields?.map((entry) => entry.time)).toEqual([time, later]);
  });

  it("joins the writes of one manager", () => {
    const old = created();
    const next = update(old, {
      manager: "c",
      object: change(old, { spec: { replicas: 1, ports: [{ port: 80 }], image: "i" } }),
    });
    expect(next.metadata.managedFields?.length).toBe(1);
    expect(owners(next)["c Update"]).toMatchObject({ "f:spec": { "f:image": {}, "f:replicas": {} } });
  });

  it("drops owners of what is gone", () => {
    const old = created();
    const next = update(old, { manager: "x", object: change(old, { spec: { replicas: 1 } }) });
    expect(owners(next)).toEqual({ "c Update": { "f:spec": { "f:replicas": {} } } });
  });

  it("keeps writes to the status apart from writes to the rest", () => {
    const old = created();
    const ready = update(old, {
      manager: "c",
      object: change(old, { status: { ready: 1 } }),
      subresource: "status",
    });
    expect(Object.keys(owners(ready))).toEqual(["c Update", "c Update status"]);
    expect(owners(ready)["c Update status"]).toEqual({ "f:status": { "f:ready": {} } });
    const main = update(ready, { manager: "z", object: change(ready, { status: { ready: 2 } }) });
    expect(Object.keys(owners(main))).toEqual(["c Update", "c Update status"]);
  });

  it("keeps stored entries when the client sends none, or broken ones", () => {
    const old = created();
    for (const managedFields of [
      undefined,
      [{ manager: "evil", operation: "Nope" }] as ManagedFieldsEntry[],
    ]) {
      const { managedFields: _old, ...metadata } = old.metadata;
      const object = {
        ...old,
        metadata: managedFields === undefined ? metadata : { ...metadata, managedFields },
      };
      const entries = trackUpdate({
        old,
        updated: object,
        manager: "x",
        subresource: "",
        schema,
        schemas,
        nowMs: startMs,
      });
      expect(entries).toBe(old.metadata.managedFields);
    }
  });

  it.each<[ManagedFieldsEntry[]]>([[[{}]], [[]]])(
    "forgets all owners when the client sends %j",
    (managedFields) => {
      const old = created();
      const updated = change(old, { metadata: { managedFields } });
      const options = { old, updated, manager: "x", subresource: "", schema, schemas, nowMs: startMs };
      expect(trackUpdate(options)).toEqual([]);
    },
  );

  it("does not start to track an object that was not tracked", () => {
    const old = stored(web({ spec: { replicas: 1 } }));
    const next = update(old, { manager: "x", object: change(old, { spec: { replicas: 2 } }) });
    expect(next.metadata.managedFields).toEqual([]);
  });

  it("keeps ten updaters and joins the oldest beyond", () => {
    let object = update(undefined, { manager: "m0", object: web({ metadata: { labels: { l0: "x" } } }) });
    for (let index = 1; index < 14; index++) {
      const labels = { ...object.metadata.labels, [`l${index}`]: "x" };
      object = update(object, {
        manager: `m${index}`,
        object: change(object, { metadata: { labels } }),
        nowMs: startMs + index * 1000,
      });
    }
    const entries = object.metadata.managedFields ?? [];
    expect(entries.length).toBe(10);
    expect(entries[0]?.manager).toBe("ancient-changes");
    expect(owners(object)["ancient-changes Update"]).toEqual({
      "f:metadata": { "f:labels": { ".": {}, "f:l0": {}, "f:l1": {}, "f:l2": {}, "f:l3": {}, "f:l4": {} } },
    });
  });

  it("tells writes that differ in times only", () => {
    const old = created();
    const [entry] = old.metadata.managedFields ?? [];
    const moved = change(old, { metadata: { managedFields: [{ ...entry, time: later }] } });
    expect(isSameButTimes(old, moved)).toBe(true);
    expect(isSameButTimes(old, change(moved, { spec: {} }))).toBe(false);
  });
});

describe.skipIf(!hasReference)("with the types of Kubernetes (needs ../shared)", () => {
  it("owns a created Deployment as Kubernetes does", () => {
    const facts = factsSchemas();
    const deployment = { ref: facts.nameOf("apps/v1", "Deployment") };
    const { object } = decodeObject(facts.schemas, deployment, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", namespace: "default", labels: { app: "web" } },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: "web" } },
        strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%" } },
        template: {
          metadata: { labels: { app: "web" } },
          spec: {
            containers: [{ name: "web", image: "nginx", ports: [{ containerPort: 80, protocol: "TCP" }] }],
          },
        },
      },
    });
    const [entry] = trackUpdate({
      old: undefined,
      updated: object,
      manager: "kubectl-create",
      subresource: "",
      schema: deployment,
      schemas: facts.schemas,
      nowMs: startMs,
    });
    expect(entry?.fieldsV1).toEqual({
      "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
      "f:spec": {
        "f:replicas": {},
        "f:selector": {},
        "f:strategy": { "f:rollingUpdate": { ".": {}, "f:maxSurge": {} }, "f:type": {} },
        "f:template": {
          "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
          "f:spec": {
            "f:containers": {
              'k:{"name":"web"}': {
                ".": {},
                "f:image": {},
                "f:name": {},
                "f:ports": {
                  ".": {},
                  'k:{"containerPort":80,"protocol":"TCP"}': {
                    ".": {},
                    "f:containerPort": {},
                    "f:protocol": {},
                  },
                },
                "f:resources": {},
              },
            },
          },
        },
      },
    });
  });
});
