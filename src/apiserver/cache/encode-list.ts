import { goJson } from "../../apimachinery/json.ts";
import type { ListMeta } from "../../apimachinery/meta-v1.ts";
import type { CachedObject } from "./cached-object.ts";
import { type ItemForm, ListEncoding } from "./list-encoding.ts";

/** The text before the items of a list, up to the bracket. */
export function listHead(kind: string, apiVersion: string, metadata: object, items: string): Buffer {
  const [kindText, versionText] = [goJson(kind), goJson(apiVersion)];
  const meta = goJson(metadata);
  return Buffer.from(`{"kind":${kindText},"apiVersion":${versionText},"metadata":${meta},${items}:[`);
}

export const listTail = Buffer.from("]}\n");

/** As Go prints typed lists, items do not repeat the kind and apiVersion of the list. */
export const plainItems: ItemForm = {
  lengthOf: (item) => item.itemLength,
  write: (item, _index, buffer, offset) => item.writeItemTo(buffer, offset),
};

/** Go has no types for custom resources: items are printed as they are. */
export const wholeItems: ItemForm = {
  lengthOf: (item) => item.encodedLength,
  write: (item, _index, buffer, offset) => item.writeTo(buffer, offset),
};

/** The JSON of a list, copied together from the bytes of its items. */
export function encodeList(
  kind: string,
  apiVersion: string,
  metadata: ListMeta,
  items: readonly CachedObject[],
  form: ItemForm = plainItems,
): ListEncoding {
  return new ListEncoding(listHead(kind, apiVersion, metadata, '"items"'), items, form, listTail);
}
