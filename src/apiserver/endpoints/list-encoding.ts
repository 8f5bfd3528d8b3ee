import type { ResourceInfo } from "../../api/scheme.ts";
import { formatApiVersion } from "../../apimachinery/gvk.ts";
import { goJson } from "../../apimachinery/json.ts";
import type { ListMeta } from "../../apimachinery/meta-v1.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import { encodeList, listHead, listTail, plainItems, wholeItems } from "../cache/encode-list.ts";
import { type ItemForm, ListEncoding } from "../cache/list-encoding.ts";
import type { ListPage } from "../registry/list.ts";
import type { ListResponse } from "./api-request.ts";
import type { EncodeOptions } from "./encode.ts";
import { jsonType, protobufType } from "./negotiate.ts";
import { type IncludeObject, printedOf, tableCells, tableColumns, tablePrinter } from "./table.ts";

/**
 * The list as bytes of its items put together, in the forms that clients ask for all the time. Undefined for the others,
 * which are made as one value: YAML, and what is indented for people.
 */
export async function listEncodingOf(
  { page, served }: ListResponse,
  options: EncodeOptions,
): Promise<ListEncoding | undefined> {
  const { negotiated, pretty } = options;
  const { mediaType, as, version } = negotiated;
  if (mediaType === protobufType) return protobufList(page, served, options);
  if (mediaType !== jsonType || pretty) return undefined;
  if (as === undefined) {
    const itemForm = served.custom === undefined ? plainItems : wholeItems;
    return encodeList(
      served.listKind,
      formatApiVersion(served),
      listMeta(page, served),
      page.items,
      itemForm,
    );
  }
  const metadata = listMeta(page);
  const apiVersion = `meta.k8s.io/${version}`;
  if (as !== "Table") {
    const head = listHead("PartialObjectMetadataList", apiVersion, metadata, '"items"');
    return new ListEncoding(head, page.items, partialItems(version), listTail);
  }
  const columns = goJson(tableColumns(options.scheme, served));
  const head = listHead("Table", apiVersion, metadata, `"columnDefinitions":${columns},"rows"`);
  return new ListEncoding(head, page.items, new TableRows(served, options), listTail);
}

/** What a list says of itself. Those of custom resources say that there is no more, where others say nothing. */
export function listMeta(
  { resourceVersion, continueToken, remainingItemCount }: ListPage,
  served?: ResourceInfo,
): ListMeta {
  const continued = continueToken ?? (served?.custom === undefined ? undefined : "");
  return {
    resourceVersion,
    ...(continued === undefined ? {} : { continue: continued }),
    ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
  };
}

const partialHead = (version: string): string =>
  `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/${version}","metadata":`;

function partialItems(version: string): ItemForm {
  const head = partialHead(version);
  return {
    lengthOf: (item) => head.length + item.metadataLength + 1,
    write(item, _index, buffer, offset) {
      const at = item.writeMetadataTo(buffer, offset + buffer.write(head, offset, "latin1"));
      return at + buffer.write("}", at, "latin1");
    },
  };
}

/** Rows with cells made for this answer, because ages are among them, and the object's bytes as they are stored. */
class TableRows implements ItemForm {
  readonly #printer: ReturnType<typeof tablePrinter>;
  readonly #nowMs: number;
  readonly #include: IncludeObject;
  /** Before the object, and behind it. */
  readonly #head: string;
  readonly #tail: string;
  readonly #cells: string[] = [];

  constructor(served: ResourceInfo, { scheme, clock, include, negotiated }: EncodeOptions) {
    this.#printer = tablePrinter(scheme, served);
    this.#nowMs = clock.now();
    this.#include = include;
    const partial = include === "Metadata";
    this.#head = include === "None" ? "" : `,"object":${partial ? partialHead(negotiated.version) : ""}`;
    this.#tail = partial ? "}}" : "}";
  }

  lengthOf(item: CachedObject, index: number): number {
    const cells = `{"cells":${goJson(tableCells(this.#printer, printedOf(this.#printer, item), this.#nowMs))}${this.#head}`;
    this.#cells[index] = cells;
    return Buffer.byteLength(cells) + this.#objectLength(item) + this.#tail.length;
  }

  write(item: CachedObject, index: number, buffer: Buffer, offset: number): number {
    let at = offset + buffer.write(this.#cells[index] ?? "", offset, "utf8");
    if (this.#include === "Metadata") at = item.writeMetadataTo(buffer, at);
    else if (this.#include === "Object") at = item.writeTo(buffer, at);
    return at + buffer.write(this.#tail, at, "latin1");
  }

  #objectLength(item: CachedObject): number {
    if (this.#include === "None") return 0;
    return this.#include === "Metadata" ? item.metadataLength : item.encodedLength;
  }
}

/** A list of messages, each made once for as long as there is room for it. */
async function protobufList(
  page: ListPage,
  served: ResourceInfo,
  { negotiated: { as, version } }: EncodeOptions,
): Promise<ListEncoding | undefined> {
  const { protobufListParts, protobufReady } = await import("./protobuf.ts");
  await protobufReady();
  const isPartial = as === "PartialObjectMetadataList";
  const group = isPartial ? "meta.k8s.io" : served.group;
  const item = { group, version: isPartial ? version : served.version };
  const kinds = {
    list: { ...item, kind: isPartial ? "PartialObjectMetadataList" : served.listKind },
    item: { ...item, kind: isPartial ? "PartialObjectMetadata" : served.kind },
  };
  const parts = protobufListParts(kinds.list, kinds.item, listMeta(page));
  if (parts === undefined) return undefined;
  const formName = `protobuf ${group}/${item.version} ${kinds.item.kind}`;
  const items = page.items.map((object) => object.form(formName, () => parts.encodeItem(object.object)));
  const { head, tail } = parts.around(items);
  const form: ItemForm = {
    lengthOf: (_, index) => items[index]?.length ?? 0,
    write(_, index, buffer, offset) {
      const bytes = items[index];
      if (bytes === undefined) return offset;
      buffer.set(bytes, offset);
      return offset + bytes.length;
    },
  };
  return new ListEncoding(head, page.items, form, tail, false);
}
