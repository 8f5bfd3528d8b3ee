import type { Scheme } from "../../api/scheme.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newNotAcceptable, newUnsupportedMediaType } from "../../apimachinery/status.ts";

export function decodeProtobufBody(bytes: Uint8Array): unknown {
  void bytes;
  throw newUnsupportedMediaType(["application/json", "application/yaml"]);
}

export function encodeProtobufAnswer(value: UnstructuredObject, scheme: Scheme): Uint8Array {
  void value;
  void scheme;
  throw newNotAcceptable(["application/json", "application/yaml"]);
}

export function encodeProtobufFrame(type: string, object: UnstructuredObject, scheme: Scheme): Uint8Array {
  void type;
  return encodeProtobufAnswer(object, scheme);
}
