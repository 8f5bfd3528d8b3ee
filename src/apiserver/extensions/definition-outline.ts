import { endOfObject } from "../cache/json-bytes.ts";
import { resourcePrefix } from "../cache/storage-key.ts";
import { definitions } from "./definition/definition.ts";

/** Quotes within texts are escaped, so that this is nothing but the beginning of a schema. */
const schemaOpen = Buffer.from('"schema":{"openAPIV3Schema":{');

/** Hundreds of definitions are read at once when somebody first asks: their schemas are stepped over, not decoded. */
export function withoutSchemas(json: Uint8Array): string {
  const bytes = Buffer.from(json.buffer, json.byteOffset, json.byteLength);
  let text = "";
  let from = 0;
  for (;;) {
    const at = bytes.indexOf(schemaOpen, from);
    if (at < 0) return text + bytes.toString("utf8", from);
    text += `${bytes.toString("utf8", from, at)}"schema":{"openAPIV3Schema":{}`;
    from = endOfObject(json, at + schemaOpen.length);
  }
}

/**
 * What stands for a definition in the store until one of its schemas is needed. Undefined where that is not much less, as when
 * an annotation says the whole definition again.
 */
export function outlineOf(json: Uint8Array): Uint8Array | undefined {
  const outline = new TextEncoder().encode(withoutSchemas(json));
  return outline.length > json.length / 2 ? undefined : outline;
}

const prefix = resourcePrefix(definitions);
const brace = 0x7b;

/** The same of what lies in a store: undefined of all that is no definition, or encrypted. */
export const outlineOfStored = (key: string, value: Uint8Array): Uint8Array | undefined =>
  key.startsWith(prefix) && value[0] === brace ? outlineOf(value) : undefined;
