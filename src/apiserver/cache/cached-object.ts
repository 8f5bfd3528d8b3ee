import type { Scheme } from "../../api/scheme.ts";
import type { GroupVersionKind } from "../../apimachinery/gvk.ts";
import { formatApiVersion } from "../../apimachinery/gvk.ts";
import { deepFreeze } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";

/**
 * One state of one object, encoded once. The store keeps the JSON without resourceVersion, because the revision is
 * known only after the commit; every reader splices it in after `"metadata":{`. GET, LIST and watch frames all copy
 * from the same bytes, in-process readers share the same frozen object.
 */
export class CachedObject {
  readonly namespace: string;
  readonly name: string;
  /** The revision of the commit that wrote this state: its resourceVersion. 0 for a dry run. */
  readonly revision: number;
  /** Begins with `{"kind":…,"apiVersion":…,"metadata":{`. Made on demand for objects that were converted. */
  #value: Uint8Array | undefined;
  /** Where `"metadata":{` begins in the value; -1 until looked for. */
  #metadataAt = -1;
  #object: UnstructuredObject | undefined;
  #versions: Map<string, CachedObject> | undefined;

  private constructor(
    namespace: string,
    name: string,
    revision: number,
    value: Uint8Array | undefined,
    object: UnstructuredObject | undefined,
  ) {
    this.namespace = namespace;
    this.name = name;
    this.revision = revision;
    this.#value = value;
    this.#object = object;
  }

  /** From the store. The object is decoded when it is first asked for. */
  static stored(namespace: string, name: string, revision: number, value: Uint8Array): CachedObject {
    return new CachedObject(namespace, name, revision, value, undefined);
  }

  /** From the writer, who gives the object away: it gets its resourceVersion and is frozen. */
  static written(object: UnstructuredObject, revision: number, value: Uint8Array | undefined): CachedObject {
    if (revision > 0) object.metadata.resourceVersion = String(revision);
    const { namespace = "", name = "" } = object.metadata;
    return new CachedObject(namespace, name, revision, value, deepFreeze(object));
  }

  /** An object that is not stored: a dry run, a converted one. It keeps the resourceVersion that it carries. */
  static detached(object: UnstructuredObject): CachedObject {
    const { namespace = "", name = "", resourceVersion } = object.metadata;
    return new CachedObject(namespace, name, Number(resourceVersion ?? 0), undefined, deepFreeze(object));
  }

  /** The decoded object: frozen and shared. */
  get object(): UnstructuredObject {
    this.#object ??= this.#decode();
    return this.#object;
  }

  /** The size of the JSON in bytes, about: what bounds the rings. */
  get sizeBytes(): number {
    return this.#encoded().length + 32;
  }

  /** The same state at another revision: what DELETED events carry. */
  at(revision: number): CachedObject {
    const value = this.#encoded();
    const copy = new CachedObject(this.namespace, this.name, revision, value, undefined);
    copy.#metadataAt = this.#metadataAt;
    if (this.#object !== undefined) {
      const metadata = Object.freeze({ ...this.#object.metadata, resourceVersion: String(revision) });
      copy.#object = Object.freeze({ ...this.#object, metadata });
    }
    return copy;
  }

  /** The object in the version that is served; kept, so each state is converted once per version. */
  inVersion(kind: GroupVersionKind, scheme: Scheme): CachedObject {
    const apiVersion = formatApiVersion(kind);
    if (this.#isOf(apiVersion, kind.kind)) return this;
    const known = this.#versions?.get(apiVersion);
    if (known !== undefined) return known;
    const converted = scheme.convert(this.object, kind);
    const cached = CachedObject.detached(converted === this.object ? { ...converted } : converted);
    this.#versions ??= new Map();
    this.#versions.set(apiVersion, cached);
    return cached;
  }

  /** The JSON text with its resourceVersion, in a buffer of its own between `before` and `after`. */
  bytes(before = "", after = ""): Buffer {
    const version = this.#versionText();
    const value = this.#encoded();
    const buffer = Buffer.allocUnsafe(before.length + value.length + version.length + after.length);
    let at = buffer.write(before, 0, "latin1");
    at = this.writeTo(buffer, at);
    buffer.write(after, at, "latin1");
    return buffer;
  }

  /** How much `writeTo` writes. */
  get encodedLength(): number {
    return this.#encoded().length + this.#versionText().length;
  }

  /** Writes the JSON text at the offset and returns the offset behind it. */
  writeTo(buffer: Buffer, offset: number): number {
    const value = this.#encoded();
    const head = this.#metadataStart() + metadataOpen.length;
    buffer.set(value.subarray(0, head), offset);
    const at = offset + head + buffer.write(this.#versionText(), offset + head, "latin1");
    buffer.set(value.subarray(head), at);
    return at + value.length - head;
  }

  /** How much `writeItemTo` writes. */
  get itemLength(): number {
    return this.encodedLength - this.#metadataStart() + 1;
  }

  /** As `writeTo`, without kind and apiVersion: items of a list of a built-in kind do not repeat them. */
  writeItemTo(buffer: Buffer, offset: number): number {
    const value = this.#encoded();
    const start = this.#metadataStart();
    const head = start + metadataOpen.length;
    buffer[offset] = 0x7b;
    buffer.set(value.subarray(start, head), offset + 1);
    const middle = offset + 1 + metadataOpen.length;
    const at = middle + buffer.write(this.#versionText(), middle, "latin1");
    buffer.set(value.subarray(head), at);
    return at + value.length - head;
  }

  /** Looks at the first bytes rather than decode what is only passed on. */
  #isOf(apiVersion: string, kind: string): boolean {
    if (this.#object !== undefined)
      return this.#object.apiVersion === apiVersion && this.#object.kind === kind;
    const start = startOf(apiVersion, kind);
    const value = this.#encoded();
    return value.length > start.length && start.compare(value, 0, start.length) === 0;
  }

  #encoded(): Uint8Array {
    this.#value ??= encodeForStorage(this.object);
    return this.#value;
  }

  #metadataStart(): number {
    if (this.#metadataAt < 0) {
      const value = this.#encoded();
      this.#metadataAt = Buffer.from(value.buffer, value.byteOffset, value.byteLength).indexOf(metadataOpen);
    }
    return this.#metadataAt;
  }

  #versionText(): string {
    return this.revision > 0 ? `"resourceVersion":"${this.revision}",` : "";
  }

  #decode(): UnstructuredObject {
    const value = this.#encoded();
    const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8");
    const object = JSON.parse(text) as UnstructuredObject;
    if (this.revision > 0) object.metadata.resourceVersion = String(this.revision);
    return deepFreeze(object);
  }
}

/** How the stored bytes of each kind begin; there are as many as kinds. */
const starts = new Map<string, Buffer>();

function startOf(apiVersion: string, kind: string): Buffer {
  const text = `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},`;
  let start = starts.get(text);
  if (start === undefined) {
    start = Buffer.from(text);
    starts.set(text, start);
  }
  return start;
}

const metadataOpen = '"metadata":{';

/** The bytes that are stored: kind, apiVersion and metadata first, no resourceVersion. */
export function encodeForStorage(object: UnstructuredObject): Buffer {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { resourceVersion: _, ...stored } = metadata;
  return Buffer.from(JSON.stringify({ kind, apiVersion, metadata: stored, ...rest }), "utf8");
}
