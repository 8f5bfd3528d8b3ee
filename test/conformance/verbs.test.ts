import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ResourceInfo } from "../../src/api/scheme.ts";
import { formatApiVersion, formatGroupResource } from "../../src/apimachinery/gvk.ts";
import { deepCopy } from "../../src/apimachinery/json.ts";
import type { UnstructuredObject } from "../../src/apimachinery/object.ts";
import type { HttpsResponse } from "../../src/apiserver/testing/https.ts";
import { type Minimal, minimalObjects, minimalReviews } from "./resources/minimal-objects.ts";
import {
  collectionPath,
  keyOf,
  objectOf,
  type PatchType,
  ServerUnderTest,
  scheme,
} from "./resources/server.ts";

/**
 * Every verb of every resource at its stable and beta versions, over HTTPS: what holds for all of them, whatever else
 * they are. The table of least objects must be complete, so that a new resource is not forgotten here.
 */
let server: ServerUnderTest;
let counter = 0;

beforeAll(async () => {
  server = await ServerUnderTest.start();
});
afterAll(async () => {
  await server.close();
});

/** One resource and its least objects. */
class Subject {
  readonly info: ResourceInfo;
  readonly collection: string;
  readonly #minimal: Minimal;

  constructor(info: ResourceInfo) {
    this.info = info;
    this.collection = collectionPath(info);
    this.#minimal = minimalObjects[keyOf(info)] ?? { fields: () => ({}) };
  }

  get status(): Record<string, unknown> | undefined {
    return this.#minimal.status;
  }

  has(verb: string, subresource = ""): boolean {
    if (subresource === "") return this.info.verbs.includes(verb);
    return this.info.subresources.some(({ name, verbs }) => name === subresource && verbs.includes(verb));
  }

  /** A new object with a name of its own. */
  make(metadata: Record<string, unknown> = {}): UnstructuredObject {
    const n = ++counter;
    const { name = (index: number) => `thing-${index}`, fields } = this.#minimal;
    return {
      apiVersion: formatApiVersion(this.info),
      kind: this.info.kind,
      metadata: { name: name(n), ...metadata },
      ...deepCopy(fields(n)),
    };
  }

  path({ metadata }: UnstructuredObject): string {
    return `${this.collection}/${metadata.name}`;
  }

  async create(metadata: Record<string, unknown> = {}): Promise<UnstructuredObject> {
    return answered(await server.post(this.collection, this.make(metadata)), 201);
  }

  async read(object: UnstructuredObject): Promise<UnstructuredObject> {
    return answered(await server.get(this.path(object)), 200);
  }
}

/** The object of an answer, which must have the status; the text of another one is shown. */
function answered(response: HttpsResponse, status: number): UnstructuredObject {
  const why = response.status === status ? "" : response.text;
  expect([response.status, why]).toEqual([status, ""]);
  return objectOf(response);
}

const refusal = (response: HttpsResponse): unknown => {
  const { code, reason, message } = response.json();
  return [response.status, code, reason, message];
};

/** The server writes the status of these when it likes: their tests are with their machinery. */
const restless = new Set(["customresourcedefinitions", "validatingadmissionpolicies"]);
const kept = scheme
  .resources()
  .filter(
    ({ verbs, resource }) => verbs.includes("create") && verbs.includes("get") && !restless.has(resource),
  );
const questions = scheme.resources().filter((info) => minimalReviews[keyOf(info)] !== undefined);

test("each resource that can be kept has a least object", () => {
  expect(kept.map(keyOf).filter((key) => minimalObjects[key] === undefined)).toEqual([]);
});

describe.each(questions.map((info) => [keyOf(info), info] as const))("%s", (key, info) => {
  test("is answered and not kept", async () => {
    const body = { apiVersion: formatApiVersion(info), kind: info.kind, ...minimalReviews[key] };
    const answer = answered(await server.post(collectionPath(info), body), 201);
    expect(answer).toMatchObject({ apiVersion: body.apiVersion, kind: info.kind, status: expect.anything() });
    expect((await server.get(collectionPath(info))).status).toBe(405);
  });
});

describe.each(kept.map((info) => [keyOf(info), new Subject(info)] as const))("%s", (_, subject) => {
  const { info } = subject;
  const qualified = formatGroupResource(info);

  test("create answers 201 with an object that is complete, and 409 to the same name", async () => {
    const wanted = subject.make({ labels: { step: "create" } });
    const created = answered(await server.post(`${subject.collection}?fieldManager=me`, wanted), 201);
    expect(created).toMatchObject({
      apiVersion: wanted.apiVersion,
      kind: info.kind,
      metadata: {
        name: wanted.metadata.name,
        uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        resourceVersion: expect.stringMatching(/^[0-9]+$/),
        creationTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        managedFields: [{ manager: "me", operation: "Update", apiVersion: wanted.apiVersion }],
      },
    });
    expect(created.metadata.namespace).toBe(info.namespaced ? "default" : undefined);
    expect(refusal(await server.post(subject.collection, wanted))).toEqual([
      409,
      409,
      "AlreadyExists",
      `${qualified} "${wanted.metadata.name}" already exists`,
    ]);
  });

  test("create gives a name to who leaves it open", async () => {
    // Whose names say what they are.
    if (["ipaddresses", "apiservices"].includes(info.resource)) return;
    const object = subject.make({ name: undefined, generateName: "made-" });
    const created = answered(await server.post(subject.collection, object), 201);
    expect(created.metadata.name).toMatch(/^made-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test("create refuses another namespace than the path's, and takes it away where there is none", async () => {
    const object = subject.make({ namespace: "other" });
    const answer = await server.post(`${subject.collection}?dryRun=All`, object);
    const why = "the namespace of the provided object does not match the namespace sent on the request";
    expect(info.namespaced ? refusal(answer) : [answered(answer, 201).metadata.namespace]).toEqual(
      info.namespaced ? [400, 400, "BadRequest", why] : [undefined],
    );
  });

  test("a dry run of a create keeps nothing", async () => {
    const object = subject.make();
    const answer = answered(await server.post(`${subject.collection}?dryRun=All`, object), 201);
    expect(answer.metadata.uid).not.toBe("");
    expect(refusal(await server.get(subject.path(object)))).toEqual([
      404,
      404,
      "NotFound",
      `${qualified} "${object.metadata.name}" not found`,
    ]);
  });

  test("get, list and watch show it, also under the older paths", async () => {
    const created = await subject.create({ labels: { step: `read-${++counter}` } });
    const { name = "", labels } = created.metadata;
    expect(await subject.read(created)).toEqual(created);
    const collections = info.namespaced
      ? [subject.collection, collectionPath(info, "")]
      : [subject.collection];
    const { kind, apiVersion, ...item } = created;
    for (const path of collections) {
      const list = (await server.get(`${path}?labelSelector=step%3D${labels?.["step"]}`)).json();
      expect(list).toMatchObject({ kind: info.listKind, apiVersion, items: [item] });
      const watched = await server.ask(`${path}?watch=true&fieldSelector=metadata.name%3D${name}`, {
        untilBytes: 1,
      });
      expect(JSON.parse(watched.text.split("\n")[0] ?? "")).toEqual({ type: "ADDED", object: created });
    }
    const old = subject.path(created).replace(/^(\/api\/v1|\/apis\/[^/]+\/[^/]+)/, "$1/watch");
    const watched = await server.ask(old, { untilBytes: 1 });
    expect(JSON.parse(watched.text.split("\n")[0] ?? "")).toEqual({ type: "ADDED", object: created });
    expect(kind).toBe(info.kind);
  });

  test("update replaces, and refuses what was read too long ago, another name, another uid", async () => {
    const created = await subject.create();
    const labels = { step: "updated" };
    const wanted = { ...created, metadata: { ...created.metadata, labels } };
    const updated = answered(await server.put(subject.path(created), wanted), 200);
    expect(updated.metadata.labels).toMatchObject(labels);
    expect(updated.metadata.resourceVersion).not.toBe(created.metadata.resourceVersion);
    expect(updated.metadata.creationTimestamp).toBe(created.metadata.creationTimestamp);
    expect(await subject.read(created)).toEqual(updated);
    expect(refusal(await server.put(subject.path(created), wanted))).toEqual([
      409,
      409,
      "Conflict",
      `Operation cannot be fulfilled on ${qualified} "${created.metadata.name}": the object has been modified; ` +
        "please apply your changes to the latest version and try again",
    ]);
    const elsewhere = await server.put(`${subject.collection}/elsewhere`, wanted);
    expect(refusal(elsewhere)).toEqual([
      400,
      400,
      "BadRequest",
      `the name of the object (${created.metadata.name}) does not match the name on the URL (elsewhere)`,
    ]);
    const stranger = { ...updated, metadata: { ...updated.metadata, uid: "another" } };
    expect((await server.put(subject.path(created), stranger)).status).toBe(409);
  });

  test("a dry run of an update changes nothing", async () => {
    const created = await subject.create();
    const wanted = { ...created, metadata: { ...created.metadata, labels: { step: "tried" } } };
    const answer = answered(await server.put(`${subject.path(created)}?dryRun=All`, wanted), 200);
    expect(answer.metadata.labels).toMatchObject({ step: "tried" });
    expect(await subject.read(created)).toEqual(created);
  });

  test("patches of every type change it, and a dry run of each does not", async () => {
    // With a field of its own: who created an object without any is not tracked, nor is who comes after.
    const created = await subject.create({ labels: { step: "patched" } });
    const path = subject.path(created);
    const identity = { apiVersion: created.apiVersion, kind: created.kind };
    const patches: [PatchType, (value: string) => unknown][] = [
      ["merge", (value) => ({ metadata: { labels: { merge: value } } })],
      ["strategic", (value) => ({ metadata: { labels: { strategic: value } } })],
      ["json", (value) => [{ op: "add", path: "/metadata/labels/json", value }]],
      [
        "apply",
        (value) => ({ ...identity, metadata: { name: created.metadata.name, labels: { apply: value } } }),
      ],
    ];
    for (const [type, body] of patches) {
      const before = await subject.read(created);
      const tried = await server.patch(type, `${path}?fieldManager=${type}&dryRun=All`, body("tried"));
      expect([type, answered(tried, 200).metadata.labels?.[type]]).toEqual([type, "tried"]);
      expect(await subject.read(created)).toEqual(before);
      const done = answered(await server.patch(type, `${path}?fieldManager=${type}`, body("done")), 200);
      expect([type, done.metadata.labels?.[type]]).toEqual([type, "done"]);
      expect(done.metadata.managedFields?.find(({ manager }) => manager === type)).toMatchObject({
        operation: type === "apply" ? "Apply" : "Update",
        apiVersion: created.apiVersion,
      });
      expect(await subject.read(created)).toEqual(done);
    }
  });

  test("apply creates it, and the same again changes nothing", async () => {
    const object = subject.make({ labels: { step: "applied" } });
    const path = `${subject.path(object)}?fieldManager=me`;
    const created = answered(await server.patch("apply", path, object), 201);
    expect(created.metadata.managedFields).toMatchObject([{ manager: "me", operation: "Apply" }]);
    expect(answered(await server.patch("apply", path, object), 200)).toEqual(created);
    const other = { ...object, metadata: { ...object.metadata, labels: { step: "taken" } } };
    const conflict = await server.patch("apply", `${subject.path(object)}?fieldManager=you`, other);
    expect(refusal(conflict)).toEqual([
      409,
      409,
      "Conflict",
      // Lists that are one value differ by their defaults as well.
      expect.stringMatching(
        /^Apply failed with \d conflicts?: conflicts? with "me"[^]*\.metadata\.labels\.step/,
      ),
    ]);
    const forced = await server.patch("apply", `${subject.path(object)}?fieldManager=you&force=true`, other);
    expect(answered(forced, 200).metadata.labels).toMatchObject({ step: "taken" });
  });

  test("unknown and doubled fields are refused, told of or passed over, as asked", async () => {
    const text = (object: UnstructuredObject): string =>
      JSON.stringify({ ...object, unheardOf: 1 }).replace('"kind":', '"kind":"Other","kind":');
    const post = async (mode: string): Promise<HttpsResponse> =>
      server.ask(`${subject.collection}?fieldValidation=${mode}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: text(subject.make()),
      });
    const strict = await post("Strict");
    expect(strict.status).toBe(400);
    expect(strict.json()["message"]).toBe(
      `${info.kind} in version "${info.version}" cannot be handled as a ${info.kind}: strict decoding error: ` +
        'duplicate field "kind", unknown field "unheardOf"',
    );
    const warned = await post("Warn");
    expect([warned.status, warned.headers["warning"]]).toEqual([
      201,
      expect.stringContaining('299 - "unknown field \\"unheardOf\\""'),
    ]);
    const ignored = await post("Ignore");
    expect([ignored.status, String(ignored.headers["warning"]).includes("unheardOf")]).toEqual([201, false]);
  });

  test("status is written through its subresource alone, by every kind of write", async () => {
    if (!subject.has("update", "status")) return;
    const { status } = subject;
    expect(status).toBeDefined();
    const created = await subject.create({ labels: { step: "status" } });
    const path = subject.path(created);
    const unchanged = answered(await server.put(path, { ...created, status }), 200);
    expect(unchanged["status"]).toEqual(created["status"]);
    expect(answered(await server.get(`${path}/status`), 200)).toEqual(unchanged);
    const written = answered(
      await server.put(`${path}/status?fieldManager=me`, { ...unchanged, status }),
      200,
    );
    expect(written["status"]).toMatchObject(withoutNulls(status));
    expect(written.metadata.generation).toBe(unchanged.metadata.generation);
    expect(written.metadata.managedFields?.find(({ subresource }) => subresource === "status")).toMatchObject(
      {
        manager: "me",
        operation: "Update",
      },
    );
    const identity = { apiVersion: created.apiVersion, kind: created.kind };
    const patches: [PatchType, unknown][] = [
      ["merge", { status }],
      ["strategic", { status }],
      ["json", [{ op: "test", path: "/status", value: written["status"] }]],
      ["apply", { ...identity, metadata: { name: created.metadata.name }, status }],
    ];
    for (const [type, body] of patches) {
      const answer = await server.patch(
        type,
        `${path}/status?fieldManager=${type}&force=true`.replace(type === "apply" ? "" : "&force=true", ""),
        body,
      );
      expect([type, answered(answer, 200)["status"]]).toEqual([type, written["status"]]);
    }
  });

  test("finalizers hold it back, and the last one lets it go", async () => {
    const created = await subject.create({ finalizers: ["example.com/hold"] });
    const path = subject.path(created);
    const marked = answered(await server.delete(path), 200);
    expect(marked.metadata.deletionTimestamp).toBeDefined();
    // A namespace waits for what is in it, and has no grace period at all.
    const grace = info.resource === "namespaces" ? undefined : 0;
    expect(marked.metadata.deletionGracePeriodSeconds).toBe(grace);
    expect((await subject.read(created)).metadata.deletionTimestamp).toBe(marked.metadata.deletionTimestamp);
    answered(await server.patch("merge", path, { metadata: { finalizers: null } }), 200);
    if (info.resource === "namespaces") {
      answered(
        await server.put(`${path}/finalize`, {
          ...created,
          metadata: { name: created.metadata.name },
          spec: {},
        }),
        200,
      );
    }
    expect((await server.get(path)).status).toBe(404);
  });

  test.each([
    ["Orphan", ["orphan"]],
    ["Foreground", ["foregroundDeletion"]],
  ])("delete with the policy %s leaves the rest to the garbage collector", async (policy, finalizers) => {
    const created = await subject.create();
    const path = subject.path(created);
    const marked = answered(await server.delete(path, { propagationPolicy: policy }), 200);
    expect(marked.metadata.finalizers).toEqual(expect.arrayContaining(finalizers));
    expect((await server.get(path)).status).toBe(200);
  });

  test("delete minds its preconditions, tries when asked to, and removes", async () => {
    const created = await subject.create();
    const path = subject.path(created);
    if ((created.metadata.finalizers ?? []).length > 0)
      answered(await server.patch("merge", path, { metadata: { finalizers: null } }), 200);
    const before = await subject.read(created);
    expect((await server.delete(path, { preconditions: { uid: "another" } })).status).toBe(409);
    expect((await server.delete(path, { preconditions: { resourceVersion: "1" } })).status).toBe(409);
    expect((await server.delete(`${path}?dryRun=All`)).status).toBe(200);
    expect(await subject.read(created)).toEqual(before);
    const { uid = "" } = created.metadata;
    const answer = await server.delete(path, { preconditions: { uid }, propagationPolicy: "Background" });
    expect(answer.status).toBe(200);
    if (info.resource === "namespaces") return;
    expect(refusal(await server.get(path))).toEqual([
      404,
      404,
      "NotFound",
      `${qualified} "${created.metadata.name}" not found`,
    ]);
    const { kind, details } = answer.json<{ kind: string; details?: object }>();
    const group = info.group === "" ? {} : { group: info.group };
    const { name } = created.metadata;
    // Some answer with the object instead, as OpenAPI tells.
    expect([info.kind, "Status"]).toContain(kind);
    expect(kind === "Status" ? details : undefined).toEqual(
      kind === "Status" ? { name, ...group, kind: info.resource, uid } : undefined,
    );
  });

  test("deletecollection removes what the selector chooses and answers with it", async () => {
    if (!subject.has("deletecollection")) return;
    const wave = `wave-${++counter}`;
    const chosen = [await subject.create({ labels: { wave } }), await subject.create({ labels: { wave } })];
    const other = await subject.create({ labels: { wave: "other" } });
    const answer = await server.delete(`${subject.collection}?labelSelector=wave%3D${wave}`, {
      propagationPolicy: "Background",
    });
    expect(answer.status).toBe(200);
    const { kind, items } = answer.json<{ kind: string; items: UnstructuredObject[] }>();
    expect(kind).toBe(info.listKind);
    expect(items.map(({ metadata }) => metadata.name)).toEqual(
      chosen.map(({ metadata }) => metadata.name ?? "").toSorted((a, b) => a.localeCompare(b)),
    );
    for (const object of chosen) {
      const left = await server.get(subject.path(object));
      const isHeld = (object.metadata.finalizers ?? []).length > 0;
      expect(left.status).toBe(isHeld ? 200 : 404);
    }
    expect((await server.get(subject.path(other))).status).toBe(200);
  });

  test("every form that an answer can have says the same", async () => {
    const created = await subject.create({ labels: { form: `form-${++counter}` } });
    const path = subject.path(created);
    const list = `${subject.collection}?labelSelector=form%3D${created.metadata.labels?.["form"]}`;
    for (const version of ["v1", "v1beta1"]) {
      const as = (form: string): string => `application/json;as=${form};g=meta.k8s.io;v=${version}`;
      const table = { kind: "Table", apiVersion: `meta.k8s.io/${version}` };
      const partial = {
        kind: "PartialObjectMetadata",
        apiVersion: table.apiVersion,
        metadata: created.metadata,
      };
      for (const at of [path, list]) {
        const { columnDefinitions, rows, ...rest } = (await server.get(at, as("Table"))).json<{
          columnDefinitions: unknown[];
          rows: { cells: unknown[] }[];
        }>();
        expect(rest).toMatchObject(table);
        expect(rows).toMatchObject([{ object: partial }]);
        expect(rows[0]?.cells).toHaveLength(columnDefinitions.length);
      }
      expect((await server.get(path, as("PartialObjectMetadata"))).json()).toEqual(partial);
      expect((await server.get(list, as("PartialObjectMetadataList"))).json()).toMatchObject({
        kind: "PartialObjectMetadataList",
        items: [version === "v1" ? { metadata: created.metadata } : { metadata: created.metadata }],
      });
      for (const form of ["Table", "PartialObjectMetadata"]) {
        const watched = await server.ask(`${list}&watch=1`, { headers: { accept: as(form) }, untilBytes: 1 });
        expect(JSON.parse(watched.text.split("\n")[0] ?? "")).toMatchObject({
          type: "ADDED",
          object: form === "Table" ? { ...table, rows: [{ object: partial }] } : partial,
        });
      }
    }
  });

  test("protobuf and YAML carry it both ways", async () => {
    const types = ["application/vnd.kubernetes.protobuf", "application/yaml"];
    for (const type of types) {
      const created = await subject.create();
      const path = subject.path(created);
      const read = await server.get(path, type);
      expect([read.status, read.headers["content-type"]]).toEqual([200, type]);
      const replaced = await server.ask(path, {
        method: "PUT",
        headers: { "content-type": type, accept: "application/json" },
        body: read.bytes,
      });
      expect(answered(replaced, 200)).toEqual(created);
    }
  });

  test("other methods are refused", async () => {
    const created = await subject.create();
    for (const [method, path] of [
      ["POST", subject.path(created)],
      ["PUT", subject.collection],
      ["PATCH", subject.collection],
      ...(subject.has("deletecollection") ? [] : ([["DELETE", subject.collection]] as const)),
    ] as const) {
      expect([method, refusal(await server.send(method, path, {}))]).toEqual([
        method,
        [405, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource"],
      ]);
    }
  });
});

/** As it is read back: what is null is absent. */
function withoutNulls(value: Record<string, unknown> | undefined): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, field]) => field !== null));
}
