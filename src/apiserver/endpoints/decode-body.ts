import type { Scheme } from "../../api/scheme.ts";
import { newStrictDecodingError, numberOutOfRange } from "../../apimachinery/decode.ts";
import { mayHoldLargeIntegers, parseExactly } from "../../apimachinery/exact-json.ts";
import { formatApiVersion, type GroupVersionKind, parseApiVersion } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import { depthOf, goMaxDepth, maxKeptDepth, parseJson } from "../../apimachinery/json-text.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newBadRequest, newUnsupportedMediaType, StatusError } from "../../apimachinery/status.ts";
import type { RequestContext } from "../request-context.ts";
import type { ApiRequest } from "./api-request.ts";
import { checkCustomBody } from "./custom-type.ts";
import { jsonType, protobufType, yamlType } from "./negotiate.ts";
import {
  addFaultWarnings,
  customFaults,
  type Duplicates,
  noDuplicates,
  strictFaults,
} from "./strict-faults.ts";

/** The largest body that is read, as in kube-apiserver. */
export const maxBodyBytes = 3 * 1024 * 1024;

/** A value as it came, before it is known to be an object of the right kind. */
export interface RawBody {
  readonly value: unknown;
  readonly duplicates: Duplicates;
  /** What the body begins with, for messages; absent where it never was a text. */
  readonly start?: () => string;
  /** How deeply it is nested, where that was counted. */
  readonly depth?: number;
  /** A number of the text that no float can hold. */
  readonly outOfRange?: () => string | undefined;
  /** The value with large whole numbers as bigints; absent where it never was a text. */
  readonly exact?: () => unknown;
}

/** The media type of the body; JSON when the request does not say. */
export function contentTypeOf(request: ApiRequest): string {
  const [type = ""] = (request.header("content-type") ?? jsonType).split(";");
  return type.trim().toLowerCase() || jsonType;
}

/**
 * Reads a body of any of the forms that objects come in; undefined when it is empty. At once where it is here already.
 * Without a kind, messages do not say what was expected.
 */
export function readBody(
  request: ApiRequest,
  kind: string | undefined,
): RawBody | undefined | Promise<RawBody | undefined> {
  if (request.body.type === "value") {
    const { value } = request.body;
    return value === undefined ? undefined : { value, duplicates: noDuplicates };
  }
  const { whole } = request.body;
  if (whole !== undefined) return parseBody(request, whole, kind);
  return request.body.read(maxBodyBytes).then((bytes) => parseBody(request, bytes, kind));
}

function parseBody(
  request: ApiRequest,
  bytes: Uint8Array,
  kind: string | undefined,
): RawBody | undefined | Promise<RawBody> {
  if (bytes.length === 0) return undefined;
  const contentType = contentTypeOf(request);
  return contentType === jsonType ? parseText(textOf(bytes), kind) : parseOther(bytes, contentType, kind);
}

async function parseOther(
  bytes: Uint8Array,
  contentType: string,
  kind: string | undefined,
): Promise<RawBody> {
  switch (contentType) {
    case yamlType: {
      const { duplicateYamlKeys, parseYaml, parseYamlExactly } = await import("../../apimachinery/yaml.ts");
      const text = textOf(bytes);
      const value = recognized(text, kind, () => parseYaml(text));
      const duplicates = { format: "yaml", lines: () => duplicateYamlKeys(text) } as const;
      return { value, duplicates, start: () => startOf(text), exact: () => parseYamlExactly(text) };
    }
    case protobufType: {
      const { decodeProtobufBody, protobufReady } = await import("./protobuf.ts");
      await protobufReady();
      return { value: protobufValue(bytes, kind, decodeProtobufBody), duplicates: noDuplicates };
    }
    default:
      throw newUnsupportedMediaType([jsonType, yamlType, protobufType]);
  }
}

/** A body that is too short for what it claims to be, or is something else, is shown as far as a message may be long. */
function protobufValue(
  bytes: Uint8Array,
  kind: string | undefined,
  decode: (bytes: Uint8Array) => unknown,
): unknown {
  const prefixLength = 4;
  const start = (): string => startOf(textOf(bytes));
  if (bytes.length === prefixLength && kind !== undefined)
    throw unrecognized({ kind }, "empty body", start());
  try {
    return decode(bytes);
  } catch (error) {
    const isOther =
      error instanceof StatusError && error.message.includes("does not appear to be a protobuf");
    if (!isOther || kind === undefined) throw error;
    throw unrecognized({ kind }, error.message, start());
  }
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");

function parseText(text: string, kind: string | undefined): RawBody {
  // Who names no kind does not look at what is nested too deeply to be kept.
  const maxDepth = kind === undefined ? maxKeptDepth : goMaxDepth;
  const parsed = recognized(text, kind, () => parseJson(text, maxDepth), noKind);
  const { value, depth, ...duplicates } = parsed;
  return {
    value,
    depth,
    duplicates: { format: "json", ...duplicates },
    start: () => startOf(text),
    outOfRange: () => numberOutOfRange(text),
    exact: () => (mayHoldLargeIntegers(text) ? parseExactly(text) : value),
  };
}

/** Refuses a text that cannot be read, and shows what it begins with. */
function recognized<T>(text: string, kind: string | undefined, read: () => T, doing = ""): T {
  try {
    return read();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (kind === undefined) throw newBadRequest(doing + why);
    throw unrecognized({ kind }, doing + why, startOf(text));
  }
}

/** What a body begins with: as it is where it looks like JSON, else in hexadecimal digits. */
function startOf(text: string): string {
  const bytes = Buffer.from(text);
  const start = bytes.subarray(0, 30).toString(text.startsWith("{") ? "utf8" : "hex");
  return bytes.length > 30 ? `${start} ...` : start;
}

/** The object of the body in the version that is asked for; unknown fields are treated as the request wants. */
export function decodeBody(
  request: ApiRequest,
  context: RequestContext,
  scheme: Scheme,
  kind: GroupVersionKind,
  schemaName: string,
): UnstructuredObject | Promise<UnstructuredObject> {
  const decode = (body: RawBody | undefined): UnstructuredObject =>
    (body?.depth ?? 0) > maxKeptDepth
      ? decodeDeep(body, context, scheme, kind, schemaName)
      : decodeRaw(body, context, scheme, kind, schemaName);
  const body = readBody(request, kind.kind);
  return body instanceof Promise ? body.then(decode) : decode(body);
}

/** What is nested too deeply to be kept may be left out as unknown: nothing is wrong with the rest then. */
function decodeDeep(
  body: RawBody | undefined,
  context: RequestContext,
  scheme: Scheme,
  kind: GroupVersionKind,
  schemaName: string,
): UnstructuredObject {
  const tooDeep = (): Error => unrecognized(kind, `${noKind}exceeded max depth`, body?.start?.() ?? "");
  let object: UnstructuredObject;
  try {
    object = decodeRaw(body, context, scheme, kind, schemaName);
  } catch (error) {
    throw error instanceof RangeError ? tooDeep() : error;
  }
  if (depthOf(object) > maxKeptDepth) throw tooDeep();
  return object;
}

function decodeRaw(
  body: RawBody | undefined,
  context: RequestContext,
  scheme: Scheme,
  kind: GroupVersionKind,
  schemaName: string,
): UnstructuredObject {
  if (body === undefined) {
    throw newBadRequest(
      `the object provided is unrecognized (must be of type ${kind.kind}): couldn't get version/kind; json parse error: ` +
        "unexpected end of JSON input (<empty>)",
    );
  }
  const isCustom = scheme.resourceForKind(kind)?.custom !== undefined;
  const given = (isCustom || holdsSchemas(kind) ? body.exact?.() : undefined) ?? body.value ?? {};
  const value = withKind(given, kind, scheme, body.start?.() ?? "");
  // Fields of built-in kinds know their types, and refuse it by those.
  const unfit = isCustom ? body.outOfRange?.() : undefined;
  if (unfit !== undefined) {
    const why = `json: cannot unmarshal number ${unfit} into Go value of type float64`;
    throw newBadRequest(
      `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${why}`,
    );
  }
  return decodeValue(context, scheme, schemaName, value, body.duplicates, isCustom);
}

/** Definitions hold defaults of custom resources, and lists of values that they may have. */
const holdsSchemas = ({ group }: GroupVersionKind): boolean => group === "apiextensions.k8s.io";

/** Decodes a value; strict errors become a 400, warnings or nothing. */
function decodeValue(
  context: RequestContext,
  scheme: Scheme,
  schemaName: string,
  value: unknown,
  duplicates: Duplicates,
  isCustom: boolean,
): UnstructuredObject {
  const { object, unknownFields } = scheme.decode(schemaName, value);
  // The decoder leaves metadata out where nothing is set; everything behind it relies on its being there.
  object.metadata ??= {};
  if (context.fieldValidation === "Ignore") return object;
  const faults = (isCustom ? customFaults : strictFaults)(duplicates, unknownFields);
  if (faults.length > 0 && context.fieldValidation === "Strict") throw newStrictDecodingError(value, faults);
  addFaultWarnings(context, faults);
  return object;
}

/** Fills in kind and apiVersion where the body leaves them out, and refuses those that do not fit. */
function withKind(
  value: unknown,
  expected: GroupVersionKind,
  scheme: Scheme,
  start: string,
): Record<string, unknown> {
  if (!isObject(value)) throw unrecognized(expected, notAnObject(value), start);
  const expectedVersion = formatApiVersion(expected);
  if (scheme.resourceForKind(expected)?.custom !== undefined) {
    checkCustomBody(value, expected);
    return { ...value, apiVersion: expectedVersion };
  }
  for (const name of ["apiVersion", "kind"]) {
    const found = value[name] ?? "";
    if (typeof found === "string") continue;
    const why = `json: cannot unmarshal ${goKindOf(found)} into Go struct field .${name} of type string`;
    throw unrecognized(expected, noKind + why, start);
  }
  const kind = textOr(value["kind"], expected.kind);
  const apiVersion = textOr(value["apiVersion"], expectedVersion);
  if (kind !== expected.kind || apiVersion !== expectedVersion) {
    throw otherKind(apiVersion, kind, expected, scheme, start);
  }
  return { ...value, kind, apiVersion };
}

/** Why an object of that kind cannot be taken where another is expected. */
function otherKind(
  apiVersion: string,
  kind: string,
  expected: GroupVersionKind,
  scheme: Scheme,
  start: string,
): Error {
  if (apiVersion.split("/").length > 2) {
    return unrecognized(expected, `unexpected GroupVersion string: ${apiVersion}`, start);
  }
  const found = { ...parseApiVersion(apiVersion), kind };
  if (!isKnownKind(scheme, found)) return unknownKind(found, expected);
  if (kind === expected.kind && found.group === expected.group) {
    return newBadRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${formatApiVersion(expected)})`,
    );
  }
  // Named as Go names the types: by version where it is sent, by group where it is kept.
  const kept = expected.group === "" ? "core" : expected.group.split(".")[0];
  const why = `converting (${found.version}.${kind}) to (${kept}.${expected.kind}): unknown conversion`;
  return newBadRequest(
    `${kind} in version "${found.version}" cannot be handled as a ${expected.kind}: ${why}`,
  );
}

/** Lists are kinds too; the one of all kinds belongs to the core. */
function isKnownKind(scheme: Scheme, found: GroupVersionKind): boolean {
  const { group, version, kind } = found;
  if (scheme.resourceForKind(found) !== undefined) return true;
  if (kind === "List") return group === "" && version === "v1";
  const item = kind.endsWith("List") ? kind.slice(0, -"List".length) : "";
  return item !== "" && scheme.resourceForKind({ group, version, kind: item }) !== undefined;
}

const noKind = "couldn't get version/kind; json parse error: ";

function unrecognized({ kind }: Pick<GroupVersionKind, "kind">, why: string, start: string): Error {
  const shown = start === "" ? "" : ` (${start})`;
  return newBadRequest(`the object provided is unrecognized (must be of type ${kind}): ${why}${shown}`);
}

/** How Go says that it has found no object. */
export function notAnObject(value: unknown): string {
  const fields =
    'APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\""';
  return `${noKind}json: cannot unmarshal ${goKindOf(value)} into Go value of type struct { ${fields} }`;
}

const goKindOf = (value: unknown): string =>
  Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;

function unknownKind(found: GroupVersionKind, expected: GroupVersionKind): Error {
  const why =
    `no kind "${found.kind}" is registered for version "${formatApiVersion(found)}" in scheme ` +
    `"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"`;
  return newBadRequest(
    `${found.kind} in version "${found.version}" cannot be handled as a ${expected.kind}: ${why}`,
  );
}

const textOr = (value: unknown, otherwise: string): string =>
  typeof value === "string" && value !== "" ? value : otherwise;
