import type { ListMeta } from "../../apimachinery/meta-v1.ts";
import type { CachedObject } from "./cached-object.ts";

/**
 * The JSON of a list, copied together from the bytes of its items into one buffer. As Go prints typed lists, items do
 * not repeat the kind and apiVersion of the list.
 */
export function encodeList(
  kind: string,
  apiVersion: string,
  metadata: ListMeta,
  items: readonly CachedObject[],
): Buffer {
  const head = Buffer.from(
    `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":${JSON.stringify(metadata)},"items":[`,
  );
  let length = head.length + 2;
  for (const item of items) length += item.itemLength + 1;
  const buffer = Buffer.allocUnsafe(length);
  let at = head.copy(buffer);
  for (const [index, item] of items.entries()) {
    if (index > 0) buffer[at++] = 0x2c;
    at = item.writeItemTo(buffer, at);
  }
  buffer[at++] = 0x5d;
  buffer[at++] = 0x7d;
  return buffer.subarray(0, at);
}
