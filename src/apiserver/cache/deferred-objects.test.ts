import { describe, expect, it } from "vitest";
import { builtinScheme } from "../../api/builtin-scheme.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { DeferredValue } from "../../storage/storage.ts";
import { CachedObject, encodeForStorage } from "./cached-object.ts";
import { Selection } from "./selection.ts";

const object: UnstructuredObject = {
  kind: "CustomResourceDefinition",
  apiVersion: "apiextensions.k8s.io/v1",
  metadata: { name: "xs.example.com", uid: "u", labels: { of: "us" } },
  spec: { schema: "x".repeat(1000) },
};
const value = encodeForStorage(object);
const outline = encodeForStorage({ ...object, spec: {} });

/** Counts how often it is read. */
class Counted implements DeferredValue {
  readonly outline = outline;
  readonly sizeBytes = value.length;
  known: Uint8Array | undefined;
  reads = 0;

  read(): Uint8Array {
    if (this.known === undefined) this.reads++;
    this.known = value;
    return value;
  }

  async load(): Promise<void> {
    this.read();
  }
}

const kind = { group: "apiextensions.k8s.io", version: "v1", kind: "CustomResourceDefinition" };
const selection = new Selection("", { isEmpty: () => false, matches: (labels) => labels?.["of"] === "us" });

describe("an object whose value is still in the store", () => {
  it("tells its metadata, its size, its kind and its labels without being read", () => {
    const deferred = new Counted();
    const cached = CachedObject.deferred("", "xs.example.com", 7, deferred);
    const whole = CachedObject.stored("", "xs.example.com", 7, value);
    expect(cached.metadata).toEqual(whole.metadata);
    expect(cached.metadataLength).toBe(whole.metadataLength);
    const buffer = Buffer.alloc(cached.metadataLength);
    cached.writeMetadataTo(buffer, 0);
    expect(JSON.parse(buffer.toString())).toEqual(whole.metadata);
    expect(cached.sizeBytes).toBe(whole.sizeBytes);
    expect(cached.inVersion(kind, builtinScheme())).toBe(cached);
    expect(selection.matches(cached)).toBe(true);
    cached.loosenObject();
    cached.forgetObject();
    expect(cached.at(8).metadata.resourceVersion).toBe("8");
    expect(cached.decoded).toBeUndefined();
    expect(cached.deferred).toBe(deferred);
    expect(deferred.reads).toBe(0);
  });

  it("is read once, when more of it is asked for", () => {
    const deferred = new Counted();
    const cached = CachedObject.deferred("", "xs.example.com", 7, deferred);
    const gone = cached.at(8);
    expect(cached.object).toEqual({ ...object, metadata: { ...object.metadata, resourceVersion: "7" } });
    expect(cached.bytes()).toEqual(CachedObject.stored("", "xs.example.com", 7, value).bytes());
    expect(cached.deferred).toBeUndefined();
    expect(JSON.parse(gone.bytes().toString()).metadata.resourceVersion).toBe("8");
    expect(deferred.reads).toBe(1);
  });
});
