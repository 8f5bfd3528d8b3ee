import type { ResourceInfo, Scheme } from "../../api/scheme.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { formatApiVersion, type GroupKind } from "../../apimachinery/gvk.ts";
import { goJson } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { WatchEventType } from "../../apimachinery/transport.ts";
import type { FrameEncoder } from "../cache/cache-event.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import type { ListPage } from "../registry/list.ts";
import type { ListResponse, ObjectResponse, ValueResponse } from "./api-request.ts";
import { listEncodingOf, listMeta } from "./list-encoding.ts";
import { jsonType, type Negotiated, protobufType, yamlType } from "./negotiate.ts";
import {
  type IncludeObject,
  type PrintedKind,
  partialOf,
  printedOf,
  tableOf,
  tablePrinter,
} from "./table.ts";

export interface EncodeOptions {
  readonly scheme: Scheme;
  readonly clock: Clock;
  readonly negotiated: Negotiated;
  readonly include: IncludeObject;
  readonly pretty: boolean;
  /** False for all but the first event of a watch of tables: the columns are known by then. Default: true. */
  readonly withColumns?: boolean;
}

/** The bytes of an answer in the form that was negotiated. JSON of stored objects is copied, never made anew. */
export function encodeObject(
  { object, served }: ObjectResponse,
  options: EncodeOptions,
): Uint8Array | Promise<Uint8Array> {
  const { negotiated, pretty } = options;
  if (negotiated.as === undefined && negotiated.mediaType === jsonType && !pretty)
    return object.bytes("", "\n");
  return encodeValue(objectForm(object, served, options), options);
}

/** A list as one, whatever its size. */
export async function encodePage(response: ListResponse, options: EncodeOptions): Promise<Uint8Array> {
  const encoding = await listEncodingOf(response, options);
  if (encoding !== undefined) return encoding.bytes();
  const list = listForm(response.page, response.served, options);
  if (options.negotiated.as !== undefined) return encodeValue(list, options);
  if (response.served.custom === undefined) return encodeValue(withoutKinds(list), options);
  return encodeValue({ ...list, metadata: listMeta(response.page, response.served) }, options);
}

/** Items of a list of one kind leave out what kind they are. */
function withoutKinds(list: UnstructuredObject): UnstructuredObject {
  const items = (list["items"] as readonly UnstructuredObject[]).map(
    ({ kind: _1, apiVersion: _2, ...item }) => item,
  );
  return { ...list, items };
}

export function encodeAnswer({ value, shown }: ValueResponse, options: EncodeOptions): Promise<Uint8Array> {
  const { as, version } = options.negotiated;
  if (as === undefined || shown === undefined) return encodeValue(value, options);
  const object = value as UnstructuredObject;
  if (as !== "Table") return encodeValue(partialOf(object, version), options);
  const printer = shown.printerOf?.(options.scheme);
  const printed = printer === undefined ? shown : { ...shown, printer };
  return encodeValue(tableOfOne(object, printed, options), options);
}

/** The object, its table or its metadata, as a value. */
export function objectForm(
  object: CachedObject,
  served: ResourceInfo,
  options: EncodeOptions,
): UnstructuredObject {
  switch (options.negotiated.as) {
    case undefined:
      return object.object;
    case "Table":
      return tableOfOne(shownInTable(object, served, options), served, options);
    default:
      return partialOf(object, options.negotiated.version);
  }
}

function shownInTable(
  item: CachedObject,
  served: GroupKind,
  { scheme, include }: EncodeOptions,
): UnstructuredObject {
  return include === "Object" ? item.object : printedOf(tablePrinter(scheme, served), item);
}

function tableOfOne(
  object: UnstructuredObject,
  served: PrintedKind,
  { negotiated: { version }, scheme, clock, include, withColumns = true }: EncodeOptions,
): UnstructuredObject {
  const { resourceVersion } = object.metadata;
  const rest = { scheme, served, version, include, nowMs: clock.now(), withColumns };
  return tableOf([object], { resourceVersion }, rest);
}

/** The list, its table or its metadata, as a value. Items keep kind and apiVersion only for callers of this process. */
export function listForm(page: ListPage, served: ResourceInfo, options: EncodeOptions): UnstructuredObject {
  const { negotiated, scheme, clock, include } = options;
  const { version } = negotiated;
  const metadata = listMeta(page);
  switch (negotiated.as) {
    case undefined:
      return {
        kind: served.listKind,
        apiVersion: formatApiVersion(served),
        metadata,
        items: page.items.map((item) => item.object),
      };
    case "Table":
      return tableOf(
        page.items.map((item) => shownInTable(item, served, options)),
        metadata,
        {
          scheme,
          served,
          version,
          include,
          nowMs: clock.now(),
          withColumns: true,
        },
      );
    default:
      return {
        kind: "PartialObjectMetadataList",
        apiVersion: `meta.k8s.io/${version}`,
        metadata,
        items: page.items.map((item) => partialOf(item, version)),
      };
  }
}

async function encodeValue(value: object, { negotiated, pretty }: EncodeOptions): Promise<Uint8Array> {
  switch (negotiated.mediaType) {
    case jsonType:
      // Go ends a value with a line, but not one that it indents.
      return Buffer.from(pretty ? goJson(value, 2) : `${goJson(value)}\n`);
    case yamlType: {
      const { printYaml } = await import("../../apimachinery/yaml.ts");
      return Buffer.from(printYaml(value));
    }
    case protobufType: {
      const { encodeProtobufAnswer, protobufReady } = await import("./protobuf.ts");
      await protobufReady();
      return encodeProtobufAnswer(value as UnstructuredObject);
    }
  }
}

/** Makes the frames of a watch in the form that was negotiated. */
export async function frameEncoder(served: ResourceInfo, options: EncodeOptions): Promise<FrameEncoder> {
  const { negotiated } = options;
  const version = formatApiVersion(served);
  const form = `${negotiated.as ?? ""} ${negotiated.version} ${options.include} ${options.withColumns ?? true}`;
  const key = `${negotiated.mediaType} ${version} ${form}`;
  const inVersion = (object: CachedObject): CachedObject => object.inVersion(served, options.scheme);
  if (negotiated.mediaType === jsonType && negotiated.as === undefined) {
    return { key, encode: (type, object) => inVersion(object).bytes(`{"type":"${type}","object":`, "}\n") };
  }
  const formOf = (object: CachedObject): UnstructuredObject => objectForm(inVersion(object), served, options);
  const encode = await valueFrameEncoder(options);
  return { key, encode: (type, object) => encode(type, formOf(object)) };
}

/** Frames of values that are no cached objects: bookmarks and errors. */
export async function valueFrameEncoder({
  negotiated,
}: EncodeOptions): Promise<(type: WatchEventType | "ERROR", object: object) => Uint8Array> {
  switch (negotiated.mediaType) {
    case jsonType:
      return (type, object) => Buffer.from(`${goJson({ type, object })}\n`);
    case yamlType: {
      const { printYaml } = await import("../../apimachinery/yaml.ts");
      return (type, object) => Buffer.from(`---\n${printYaml({ type, object })}`);
    }
    case protobufType: {
      const { encodeProtobufFrame, protobufReady } = await import("./protobuf.ts");
      await protobufReady();
      return (type, object) => encodeProtobufFrame(type, object as UnstructuredObject);
    }
  }
}

/** A bookmark: an object without content, in the shape that Go prints it, which says how far the watch has come. */
export function bookmarkObject(
  scheme: Scheme,
  served: ResourceInfo,
  revision: number,
  initialEventsEnd: boolean,
): UnstructuredObject {
  const annotations = initialEventsEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
  const metadata = { resourceVersion: String(revision), ...annotations };
  const bookmark = { kind: served.kind, apiVersion: formatApiVersion(served), metadata };
  // For a custom one it is all there is; its schema would be compiled to find that out, each minute for each watch.
  if (served.custom !== undefined || scheme.schemas.get(served.schemaName) === undefined) return bookmark;
  return { ...scheme.decode(served.schemaName, bookmark).object, ...bookmark };
}
