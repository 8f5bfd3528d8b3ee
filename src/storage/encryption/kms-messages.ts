import protobuf from "protobufjs/minimal.js";

/**
 * The messages of a key management service (k8s.io/kms/apis/v2) and of what is stored with its help
 * (k8s.io/apiserver/…/kmsv2/v2.EncryptedObject), as protobuf writes them.
 */
export interface KmsStatus {
  readonly version: string;
  /** "ok", or what is wrong. */
  readonly healthz: string;
  /** The key that encrypts now. */
  readonly keyId: string;
}

/** Kept beside what it decrypts; keys are fully qualified domain names. */
export type KmsAnnotations = ReadonlyMap<string, Uint8Array>;

export interface KmsEncrypted {
  readonly ciphertext: Uint8Array;
  readonly keyId: string;
  readonly annotations: KmsAnnotations;
}

/** How the data encryption key came about: a key, or a seed for a key per value. */
export type SourceType = "key" | "seed";

export interface EncryptedObject {
  readonly data: Uint8Array;
  readonly keyId: string;
  readonly source: Uint8Array;
  readonly annotations: KmsAnnotations;
  readonly sourceType: SourceType;
}

const nothing: Uint8Array = new Uint8Array();

/** The tag of a field: by default one whose length stands before it. */
const field = (number: number, wireType = 2): number => (number << 3) | wireType;

export const encodeStatusRequest = (): Buffer => Buffer.alloc(0);

export function encodeEncryptRequest({ plaintext, uid }: { plaintext: Uint8Array; uid: string }): Buffer {
  const writer = protobuf.Writer.create();
  writer.uint32(field(1)).bytes(plaintext).uint32(field(2)).string(uid);
  return Buffer.from(writer.finish());
}

export function encodeDecryptRequest(request: KmsEncrypted & { uid: string }): Buffer {
  const writer = protobuf.Writer.create();
  writer.uint32(field(1)).bytes(request.ciphertext);
  writer.uint32(field(2)).string(request.uid).uint32(field(3)).string(request.keyId);
  writeAnnotations(writer, 4, request.annotations);
  return Buffer.from(writer.finish());
}

export function decodeStatusResponse(bytes: Uint8Array): KmsStatus {
  const status = { version: "", healthz: "", keyId: "" };
  readFields(bytes, {
    1: (reader) => (status.version = reader.string()),
    2: (reader) => (status.healthz = reader.string()),
    3: (reader) => (status.keyId = reader.string()),
  });
  return status;
}

export function decodeEncryptResponse(bytes: Uint8Array): KmsEncrypted {
  const annotations = new Map<string, Uint8Array>();
  const response = { ciphertext: nothing, keyId: "", annotations };
  readFields(bytes, {
    1: (reader) => (response.ciphertext = reader.bytes()),
    2: (reader) => (response.keyId = reader.string()),
    3: (reader) => readAnnotation(reader, annotations),
  });
  return response;
}

export function decodeDecryptResponse(bytes: Uint8Array): Uint8Array {
  let plaintext = nothing;
  readFields(bytes, { 1: (reader) => (plaintext = reader.bytes()) });
  return plaintext;
}

export function encodeEncryptedObject(object: EncryptedObject): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(field(1)).bytes(object.data).uint32(field(2)).string(object.keyId);
  writer.uint32(field(3)).bytes(object.source);
  writeAnnotations(writer, 4, object.annotations);
  if (object.sourceType === "seed") writer.uint32(field(5, 0)).int32(1);
  return writer.finish();
}

export function decodeEncryptedObject(bytes: Uint8Array): EncryptedObject {
  const annotations = new Map<string, Uint8Array>();
  const object = { data: nothing, keyId: "", source: nothing, annotations };
  let type = 0;
  readFields(bytes, {
    1: (reader) => (object.data = reader.bytes()),
    2: (reader) => (object.keyId = reader.string()),
    3: (reader) => (object.source = reader.bytes()),
    4: (reader) => readAnnotation(reader, annotations),
    5: (reader) => (type = reader.int32()),
  });
  if (type !== 0 && type !== 1) throw new Error(`unknown encryptedDEKSourceType: ${type}`);
  return { ...object, sourceType: type === 1 ? "seed" : "key" };
}

function writeAnnotations(writer: protobuf.Writer, number: number, annotations: KmsAnnotations): void {
  for (const [key, value] of annotations) {
    writer.uint32(field(number)).fork().uint32(field(1)).string(key).uint32(field(2)).bytes(value).ldelim();
  }
}

function readAnnotation(reader: protobuf.Reader, annotations: Map<string, Uint8Array>): void {
  let key = "";
  let value = nothing;
  readFields(reader.bytes(), {
    1: (inner) => (key = inner.string()),
    2: (inner) => (value = inner.bytes()),
  });
  annotations.set(key, value);
}

function readFields(
  bytes: Uint8Array,
  fields: Readonly<Record<number, (reader: protobuf.Reader) => unknown>>,
): void {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const read = fields[tag >>> 3];
    if (read === undefined) reader.skipType(tag & 7);
    else read(reader);
  }
}
