import { isObject } from "../../apimachinery/json.ts";
import { printYaml } from "../../apimachinery/yaml-printer.ts";
import type { ProtobufWriter } from "./protobuf-writer.ts";

/** What both versions of the OpenAPI documents in protobuf are made of (github.com/google/gnostic-models). */
export type Fields = Readonly<Record<string, unknown>>;
export type Encode = (writer: ProtobufWriter, value: Fields) => void;

/** The members of an object; none of anything else. */
export const fields = (value: unknown): Fields => (isObject(value) ? value : {});
export const list = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isObject) : []);
export const texts = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** A map, as a list of names and values. */
export function named(writer: ProtobufWriter, field: number, map: Fields, encode: Encode): void {
  for (const name of Object.keys(map)) {
    writer.message(field, fields(map[name]), (entry, value) => {
      entry.text(1, name);
      entry.message(2, value, encode);
    });
  }
}

/** Members that begin with `x-`. */
export function extensions(writer: ProtobufWriter, field: number, value: Fields): void {
  for (const name of Object.keys(value)) {
    if (!name.startsWith("x-")) continue;
    writer.message(field, value, (entry) => {
      entry.text(1, name);
      anyValue(entry, 2, value[name]);
    });
  }
}

/** A value of any shape is a text in YAML. */
export function anyValue(writer: ProtobufWriter, field: number, value: unknown): void {
  writer.message(field, {}, (any) => any.text(2, printYaml(value)));
}
