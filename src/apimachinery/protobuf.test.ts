import { describe, expect, it } from "vitest";
import {
  decodeEnvelope,
  decodeProtobuf,
  encodeProtobuf,
  hasEnvelope,
  type ProtobufTables,
} from "./protobuf.ts";
import { StatusError } from "./status.ts";
import { fixtureNames, hasReference, readSharedBytes, readSharedJson } from "./testing/reference.ts";

const tables: ProtobufTables = {
  "example.v1.Thing": {
    name: [1, "string", "optional"],
    count: [2, "int32", "optional"],
    size: [3, "int64", "optional"],
    ratio: [4, "double", "optional"],
    ready: [5, "bool", "optional"],
    data: [6, "bytes", "optional"],
    labels: [7, "map<string, string>", ""],
    parts: [8, "Part", "repeated"],
    numbers: [9, "int32", "repeated"],
    limits: [10, "map<string, .example.v1.Quantity>", ""],
    at: [11, "Time", "optional"],
    child: [12, "Thing", "optional"],
    raw: [13, "RawExtension", "optional"],
    volumeSource: [14, "VolumeSource", "optional"],
    port: [15, "IntOrString", "optional"],
    atMicro: [16, "MicroTime", "optional"],
  },
  "example.v1.Part": { id: [1, "string", "optional"] },
  "example.v1.VolumeSource": { emptyDir: [1, "Part", "optional"] },
};
const message = "example.v1.Thing";
const encode = (value: Record<string, unknown>): Uint8Array => encodeProtobuf(message, value, tables);
const decode = (bytes: Uint8Array): Record<string, unknown> =>
  decodeProtobuf(message, decodeEnvelope(bytes).raw, tables);

describe("encodeProtobuf() and decodeProtobuf()", () => {
  it.each<[string, Record<string, unknown>]>([
    ["scalars", { name: "a", count: -5, size: 2 ** 40, ratio: 0.5, ready: true, data: "AQID" }],
    ["zero values", { name: "", count: 0, size: 0, ready: false }],
    ["negative numbers", { size: -3, count: -(2 ** 31) }],
    ["maps", { labels: { a: "1", b: "" }, limits: { cpu: "500m" } }],
    ["lists", { parts: [{ id: "1" }, {}], numbers: [1, 2] }],
    ["times", { at: "2026-01-01T00:00:00Z", atMicro: "2026-01-01T00:00:00.000012Z" }],
    ["times before 1970", { at: "1960-01-01T00:00:01Z" }],
    ["numbers or text", { port: 80 }],
    ["text or numbers", { port: "http" }],
    ["types within themselves", { child: { child: { name: "x" } } }],
    ["embedded JSON", { raw: { a: [1, null, "ü"] } }],
    ["inlined structs", { name: "v", emptyDir: {} }],
  ])("bring %s back", (_what, value) => {
    expect(decode(encode(value))).toEqual(value);
  });

  it("carry the kind in the envelope only", () => {
    const bytes = encode({ apiVersion: "example/v1", kind: "Thing", name: "a" });
    const { apiVersion, kind } = decodeEnvelope(bytes);
    expect([apiVersion, kind, decode(bytes)]).toEqual(["example/v1", "Thing", { name: "a" }]);
  });

  it("sort the keys of maps", () => {
    expect(encode({ labels: { b: "2", a: "1" } })).toEqual(encode({ labels: { a: "1", b: "2" } }));
  });

  it("read packed numbers and skip unknown fields", () => {
    const bytes = Uint8Array.from([0x4a, 2, 1, 2, 0xf8, 0x07, 1]);
    expect(decodeProtobuf(message, bytes, tables)).toEqual({ numbers: [1, 2] });
  });

  it("keep embedded bytes that are no JSON", () => {
    const inner = encode({ name: "x" });
    expect(Buffer.from(decode(encode({ raw: inner }))["raw"] as Uint8Array)).toEqual(Buffer.from(inner));
  });

  it("treat a zero time as absent", () => {
    expect(decodeProtobuf(message, Uint8Array.from([0x5a, 0]), tables)).toEqual({});
  });

  it.each<[string, Uint8Array]>([
    ["bytes without the envelope", Buffer.from("{}")],
    ["a cut envelope", Buffer.from("k8s\0\x0a\x7f")],
  ])("refuse %s with 400", (_what, bytes) => {
    expect(() => decodeEnvelope(bytes)).toThrow(StatusError);
  });

  it.each<[string, number[]]>([
    ["a cut message", [0x0a, 5, 1]],
    ["a cut nested message", [0x62, 9, 0x0a]],
    ["a wrong wire type", [0x08, 1]],
  ])("refuse %s with 400", (_what, bytes) => {
    expect(() => decodeProtobuf(message, Uint8Array.from(bytes), tables)).toThrow(StatusError);
  });

  it("refuse nesting without end", () => {
    let bytes = Buffer.alloc(0);
    for (let depth = 0; depth < 400; depth++) {
      const length = bytes.length < 128 ? [bytes.length] : [(bytes.length % 128) | 128, bytes.length >> 7];
      bytes = Buffer.concat([Buffer.from([0x62, ...length]), bytes]);
    }
    expect(() => decodeProtobuf(message, bytes, tables)).toThrow("exceeded max depth");
  });

  it("tell an envelope", () => {
    expect([hasEnvelope(encode({})), hasEnvelope(Buffer.from("k8s"))]).toEqual([true, false]);
  });
});

describe.skipIf(!hasReference)(
  "the fixtures of Kubernetes come through byte for byte (needs ../shared)",
  () => {
    const facts = hasReference
      ? (readSharedJson("reference/kubernetes/protobuf-facts.json") as ProtobufTables)
      : {};
    const messages = Object.keys(facts);
    const messageOf = (name: string): string => {
      // core.v1.Pod, apps.v1.Deployment, rbac.authorization.k8s.io.v1.Role: the first part of the group is the package's.
      const parts = name.split(".");
      const [version = "", kind = ""] = parts.slice(-2);
      const group = (parts[0] ?? "").replace("-", "");
      const wanted = messages.filter((message) => message.endsWith(`.${version}.${kind}`));
      return (
        wanted.find((message) => message.includes(`.${group}.`)) ??
        wanted.find((message) => message.includes(`.${group.replace(/^internal$/, "apiserverinternal")}.`)) ??
        wanted[0] ??
        `no message of ${name}`
      );
    };

    it.each(hasReference ? fixtureNames() : [])("%s", (name) => {
      const path = `reference/kubernetes/fixtures/${name}`;
      const object = readSharedJson(`${path}.json`) as Record<string, unknown>;
      const bytes = readSharedBytes(`${path}.pb`);
      const { apiVersion, kind, raw } = decodeEnvelope(bytes);
      // A WatchEvent has no kind.
      const typeMeta = kind === "" ? {} : { apiVersion, kind };
      expect({ ...typeMeta, ...decodeProtobuf(messageOf(name), raw, facts) }).toEqual(object);
      expect(Buffer.from(encodeProtobuf(messageOf(name), object, facts)).toString("hex")).toBe(
        bytes.toString("hex"),
      );
    });
  },
);
