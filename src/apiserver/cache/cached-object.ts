import type { CustomTraits, Scheme, StoredReader } from "../../api/scheme.ts";
import { parseStored } from "../../apimachinery/exact-json.ts";
import type { GroupVersionKind } from "../../apimachinery/gvk.ts";
import { formatApiVersion } from "../../apimachinery/gvk.ts";
import { goJson, setOwn } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { DeferredValue } from "../../storage/storage.ts";
import { freezeCompactly } from "./compact.ts";
import type { FormBudget } from "./form-budget.ts";
import { endOfObject } from "./json-bytes.ts";

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
  /** In place of the value while nobody needed more than its outline. */
  #deferred: DeferredValue | undefined;
  /** Stands for large values; see `Strategy.outline`. */
  #outline: Uint8Array | undefined;
  /** Where `"metadata":{` begins in the value; -1 until looked for. */
  #metadataAt = -1;
  #object: UnstructuredObject | undefined;
  /** In place of `#object` for what is large or was loosened: it stays as long as somebody uses it. */
  #looseObject: WeakRef<UnstructuredObject> | undefined;
  #versions: Map<string, CachedObject> | undefined;
  /** Of custom resources: what each schema makes of the stored state. */
  #reads: Map<StoredReader, CachedObject> | undefined;
  /** Forms other than the JSON, while there is room for them; only those of objects in the cache are kept. */
  #forms: Map<string, Uint8Array> | undefined;
  #formBudget: FormBudget | undefined;
  /** How long the text of the metadata is, after its brace; -1 until looked for. */
  #metadataLength = -1;

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
    if (object !== undefined) this.#keep(object);
  }

  /** From the store. The object, when the caller does not have it, is decoded when it is first asked for. */
  static stored(
    namespace: string,
    name: string,
    revision: number,
    value: Uint8Array,
    object?: UnstructuredObject,
  ): CachedObject {
    return new CachedObject(namespace, name, revision, value, object);
  }

  /** From the store, where its value is still to be read. */
  static deferred(namespace: string, name: string, revision: number, value: DeferredValue): CachedObject {
    const cached = new CachedObject(namespace, name, revision, undefined, undefined);
    cached.#deferred = value;
    cached.#outline = value.outline;
    return cached;
  }

  /**
   * From the writer, who gives the object away: it gets its resourceVersion and is frozen. `isCompact`: `freezeParts`
   * was called.
   */
  static written(
    object: UnstructuredObject,
    revision: number,
    value: Uint8Array | undefined,
    isCompact = false,
    outline?: Uint8Array,
  ): CachedObject {
    const { metadata } = object;
    const { namespace = "", name = "" } = metadata;
    if (revision > 0) metadata.resourceVersion = String(revision);
    if (isCompact) Object.freeze(metadata);
    const frozen = isCompact ? Object.freeze(object) : freezeCompactly(object);
    const cached = new CachedObject(namespace, name, revision, value, frozen);
    cached.#outline = outline;
    return cached;
  }

  /** An object that is not stored: a dry run, a converted one. It keeps the resourceVersion that it carries. */
  static detached(object: UnstructuredObject): CachedObject {
    const { namespace = "", name = "", resourceVersion } = object.metadata;
    return new CachedObject(
      namespace,
      name,
      Number(resourceVersion ?? 0),
      undefined,
      freezeCompactly(object),
    );
  }

  /** The decoded object: frozen and shared. */
  get object(): UnstructuredObject {
    const known = this.#decoded;
    if (known !== undefined) return known;
    const object = this.#decode();
    this.#keep(object);
    return object;
  }

  /** The object where it is decoded already. */
  get decoded(): UnstructuredObject | undefined {
    return this.#decoded;
  }

  /** What stands for the JSON where that is large, as far as there is such a thing. It begins with the same metadata. */
  get outline(): Uint8Array | undefined {
    return this.#outline;
  }

  /** What the JSON is to be read from before anybody needs it; undefined when it is there. */
  get deferred(): DeferredValue | undefined {
    return this.#value === undefined && this.#deferred?.known === undefined ? this.#deferred : undefined;
  }

  /** The JSON as the store has it, without the resourceVersion. Not to be changed. */
  get stored(): Uint8Array {
    return this.#encoded();
  }

  /** The metadata alone: where only the bytes are there, nothing else of them is read. Frozen. */
  get metadata(): UnstructuredObject["metadata"] {
    const known = this.#decoded;
    if (known !== undefined) return known.metadata;
    const start = this.#metadataStart() + metadataOpen.length - 1;
    const text = textOf(this.#beginning(), start, start + 1 + this.#metadataTextLength());
    return freezeCompactly(this.#withRevision(JSON.parse(text) as UnstructuredObject["metadata"]));
  }

  /** The size of the JSON in bytes, about: what bounds the rings. */
  get sizeBytes(): number {
    return (this.deferred?.sizeBytes ?? this.#encoded().length) + 32;
  }

  /** The same state at another revision: what DELETED events carry. */
  at(revision: number): CachedObject {
    const value = this.deferred === undefined ? this.#encoded() : undefined;
    const copy = new CachedObject(this.namespace, this.name, revision, value, undefined);
    copy.#deferred = this.#deferred;
    copy.#outline = this.#outline;
    copy.#metadataAt = this.#metadataAt;
    const object = this.#decoded;
    if (object !== undefined) {
      const metadata = Object.freeze({ ...object.metadata, resourceVersion: String(revision) });
      copy.#keep(Object.freeze({ ...object, metadata }));
    }
    return copy;
  }

  /** The object in the version that is served; kept, so each state is converted once per version. */
  inVersion(kind: VersionedKind, scheme: Scheme): CachedObject {
    if (kind.custom !== undefined) return this.#readBy(kind.custom.reader);
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

  /** Whether what the reader makes of the state is known: the state itself, or what was made by `keepRead`. */
  isReadBy(reader: StoredReader): boolean {
    return this.#reads?.has(reader) === true;
  }

  /** The state as the reader sees it: by default just as it is. */
  keepRead(reader: StoredReader, object?: UnstructuredObject): void {
    // Schemas change seldom, and then the old reading is of no use to anyone.
    if ((this.#reads?.size ?? 0) >= maxReads) this.#reads = undefined;
    this.#reads ??= new Map();
    this.#reads.set(reader, object === undefined ? this : CachedObject.detached(object));
  }

  /** From now on the decoded object stays no longer than somebody uses it; it can be made anew from the bytes. */
  loosenObject(): void {
    if (this.#object === undefined) return;
    this.#encoded();
    this.#looseObject = new WeakRef(this.#object);
    this.#object = undefined;
  }

  /** Drops the decoded object, which is made anew from the bytes when it is asked for. */
  forgetObject(): void {
    if (this.#object !== undefined) this.#encoded();
    this.#object = undefined;
    this.#looseObject = undefined;
  }

  /** Whether the text stands in the JSON: to look for it costs less than to decode what is then of no interest. */
  mentions(text: string): boolean {
    const { buffer, byteOffset, length } = this.#encoded();
    return Buffer.from(buffer, byteOffset, length).includes(text);
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
    let at = offset + copy(value, buffer, offset, 0, head);
    at += buffer.write(this.#versionText(), at, "latin1");
    return at + copy(value, buffer, at, head, value.length);
  }

  /** How much `writeItemTo` writes. */
  get itemLength(): number {
    return this.encodedLength - this.#metadataStart() + 1;
  }

  /** As `writeTo`, without kind and apiVersion: items of a list of a built-in kind do not repeat them. */
  writeItemTo(buffer: Buffer, offset: number): number {
    const value = this.#encoded();
    const head = this.#metadataStart() + metadataOpen.length;
    const at = offset + buffer.write(`{${metadataOpen}${this.#versionText()}`, offset, "latin1");
    return at + copy(value, buffer, at, head, value.length);
  }

  /** How much `writeMetadataTo` writes. */
  get metadataLength(): number {
    return 1 + this.#versionText().length + this.#metadataTextLength();
  }

  /** Writes the metadata, an object in JSON, and returns the offset behind it. */
  writeMetadataTo(buffer: Buffer, offset: number): number {
    const head = this.#metadataStart() + metadataOpen.length;
    const at = offset + buffer.write(`{${this.#versionText()}`, offset, "latin1");
    return at + copy(this.#beginning(), buffer, at, head, head + this.#metadataTextLength());
  }

  /** From now on forms are kept, as far as the budget allows: the object is in the cache. */
  keepForms(budget: FormBudget): void {
    this.#formBudget = budget;
  }

  /** The object has left the cache. */
  forgetForms(): void {
    this.#formBudget?.release(this);
    this.#formBudget = undefined;
  }

  dropForms(): void {
    this.#forms = undefined;
  }

  /** The form of the name, made when it is not kept. It is shared: to be read only. */
  form(name: string, make: () => Uint8Array): Uint8Array {
    const known = this.#forms?.get(name);
    if (known !== undefined) return known;
    const made = make();
    if (this.#formBudget !== undefined) {
      this.#forms ??= new Map();
      this.#forms.set(name, made);
      this.#formBudget.keep(this, made.length + formOverheadBytes);
    }
    return made;
  }

  #readBy(reader: StoredReader): CachedObject {
    const known = this.#reads?.get(reader);
    if (known !== undefined) return known;
    const { object } = this;
    const read = reader.read(object);
    this.keepRead(reader, read === object ? undefined : read);
    return this.#reads?.get(reader) ?? this;
  }

  /** Looks at the first bytes rather than decode what is only passed on. */
  #isOf(apiVersion: string, kind: string): boolean {
    const object = this.#decoded;
    if (object !== undefined) return object.apiVersion === apiVersion && object.kind === kind;
    const start = startOf(apiVersion, kind);
    const value = this.#beginning();
    return value.length > start.length && start.compare(value, 0, start.length) === 0;
  }

  #encoded(): Uint8Array {
    this.#value ??= this.#deferred?.read() ?? encodeForStorage(this.object);
    return this.#value;
  }

  /** What can be read for the kind and the metadata: nothing else that lies in the store is read for them. */
  #beginning(): Uint8Array {
    return this.deferred?.outline ?? this.#encoded();
  }

  #metadataStart(): number {
    if (this.#metadataAt < 0) {
      const value = this.#beginning();
      this.#metadataAt = Buffer.from(value.buffer, value.byteOffset, value.byteLength).indexOf(metadataOpen);
    }
    return this.#metadataAt;
  }

  #metadataTextLength(): number {
    if (this.#metadataLength < 0) {
      const start = this.#metadataStart() + metadataOpen.length;
      this.#metadataLength = endOfObject(this.#beginning(), start) - start;
    }
    return this.#metadataLength;
  }

  #versionText(): string {
    return this.revision > 0 ? `"resourceVersion":"${this.revision}",` : "";
  }

  #decode(): UnstructuredObject {
    const object = parseStored(textOf(this.#encoded()));
    this.#withRevision(object.metadata);
    return freezeCompactly(object);
  }

  #withRevision(metadata: UnstructuredObject["metadata"]): UnstructuredObject["metadata"] {
    if (this.revision > 0) metadata.resourceVersion = String(this.revision);
    return metadata;
  }

  get #decoded(): UnstructuredObject | undefined {
    return this.#object ?? this.#looseObject?.deref();
  }

  #keep(object: UnstructuredObject): void {
    if (this.#deferred === undefined && (this.#value === undefined || this.#value.length < largeBytes))
      this.#object = object;
    else this.#looseObject = new WeakRef(object);
  }
}

/** A kind, with what is special about it when it is a custom one. */
export type VersionedKind = GroupVersionKind & { readonly custom?: Pick<CustomTraits, "reader"> };

/** A decoded object takes several times the room of its bytes, which can be decoded again. */
const largeBytes = 64 * 1024;

/** One for each version, and some for those that were. */
const maxReads = 8;

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

/** About what the engine needs to keep bytes, beside the bytes. */
const formOverheadBytes = 250;

/** `Buffer.copy` also where the store handed out a plain array; `set` would make a view of the part first. */
const copy = (from: Uint8Array, to: Buffer, offset: number, start: number, end: number): number =>
  Buffer.prototype.copy.call(from, to, offset, start, end);

const textOf = (bytes: Uint8Array, start = 0, end = bytes.length): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8", start, end);

/** What is about to be created has no resourceVersion. */
function withoutRevision(metadata: UnstructuredObject["metadata"]): object {
  if (metadata.resourceVersion === undefined) return metadata;
  const { resourceVersion: _, ...stored } = metadata;
  return stored;
}

/** The bytes that are stored: kind, apiVersion and metadata first, no resourceVersion. */
export function encodeForStorage(object: UnstructuredObject): Buffer {
  const { kind, apiVersion } = object;
  const members: Record<string, unknown> = { kind, apiVersion, metadata: withoutRevision(object.metadata) };
  // A loop: rest and spread are calls into the engine, which together are a fiftieth of a write.
  for (const name in object) if (!Object.hasOwn(members, name)) setOwn(members, name, object[name]);
  const text = goJson(members);
  // Of its own: in the pool it would keep what lies beside it in memory for as long as the object lives.
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text, "utf8");
  return bytes;
}
