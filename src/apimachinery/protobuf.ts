/** Message name → field name → [number, type, label]. */
export type ProtobufTables = Readonly<
  Record<string, Readonly<Record<string, readonly [number, string, string]>>>
>;

/** Encodes an API object with the `k8s\0` envelope. */
export function encodeProtobuf(message: string, object: unknown, tables: ProtobufTables): Uint8Array {
  void message;
  void object;
  void tables;
  return new Uint8Array();
}

export interface DecodedEnvelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
}

/** Opens the `k8s\0` envelope. */
export function decodeEnvelope(bytes: Uint8Array): DecodedEnvelope {
  void bytes;
  return { apiVersion: "", kind: "", raw: bytes };
}

/** Decodes a bare message into the JSON form. */
export function decodeProtobuf(
  message: string,
  bytes: Uint8Array,
  tables: ProtobufTables,
): Record<string, unknown> {
  void message;
  void bytes;
  void tables;
  return {};
}
