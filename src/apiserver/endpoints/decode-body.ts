import type { Scheme } from "../../api/scheme.ts";
import { newStrictDecodingError, parseJson } from "../../apimachinery/decode.ts";
import { formatApiVersion, type GroupVersionKind, parseApiVersion } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newBadRequest, newUnsupportedMediaType } from "../../apimachinery/status.ts";
import type { RequestContext } from "../request-context.ts";
import type { ApiRequest } from "./api-request.ts";
import { checkCustomBody } from "./custom-type.ts";
import { jsonType, protobufType, yamlType } from "./negotiate.ts";
import { addFaultWarnings, type Duplicates, noDuplicates, strictFaults } from "./strict-faults.ts";

/** The largest body that is read, as in kube-apiserver. */
export const maxBodyBytes = 3 * 1024 * 1024;

/** A value as it came, before it is known to be an object of the right kind. */
export interface RawBody {
  readonly value: unknown;
  readonly duplicates: Duplicates;
}

/** The media type of the body; JSON when the request does not say. */
export function contentTypeOf(request: ApiRequest): string {
  const [type = ""] = (request.header("content-type") ?? jsonType).split(";");
  return type.trim().toLowerCase() || jsonType;
}

/** Reads a body of any of the forms that objects come in; undefined when it is empty. At once where it is here already. */
export function readBody(
  request: ApiRequest,
  kind: string,
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
  kind: string,
): RawBody | undefined | Promise<RawBody> {
  if (bytes.length === 0) return undefined;
  const contentType = contentTypeOf(request);
  return contentType === jsonType ? parseText(textOf(bytes), kind) : parseOther(bytes, contentType, kind);
}

async function parseOther(bytes: Uint8Array, contentType: string, kind: string): Promise<RawBody> {
  switch (contentType) {
    case yamlType: {
      const { duplicateYamlKeys, parseYaml } = await import("../../apimachinery/yaml.ts");
      const text = textOf(bytes);
      const value = recognized(text, kind, () => parseYaml(text));
      return { value, duplicates: { format: "yaml", lines: () => duplicateYamlKeys(text) } };
    }
    case protobufType: {
      const { decodeProtobufBody, protobufReady } = await import("./protobuf.ts");
      await protobufReady();
      return { value: decodeProtobufBody(bytes), duplicates: noDuplicates };
    }
    default:
      throw newUnsupportedMediaType([jsonType, yamlType, protobufType]);
  }
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");

function parseText(text: string, kind: string): RawBody {
  const { value, ...duplicates } = recognized(
    text,
    kind,
    () => parseJson(text),
    "couldn't get version/kind; json parse error: ",
  );
  return { value, duplicates: { format: "json", ...duplicates } };
}

/** Refuses a text that cannot be read, and shows what it begins with. */
function recognized<T>(text: string, kind: string, read: () => T, doing = ""): T {
  try {
    return read();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw newBadRequest(
      `the object provided is unrecognized (must be of type ${kind}): ${doing}${why} (${startOf(text)})`,
    );
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
    decodeRaw(body, context, scheme, kind, schemaName);
  const body = readBody(request, kind.kind);
  return body instanceof Promise ? body.then(decode) : decode(body);
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
  const value = withKind(body.value ?? {}, kind, scheme);
  return decodeValue(context, scheme, schemaName, value, body.duplicates);
}

/** Decodes a value; strict errors become a 400, warnings or nothing. */
export function decodeValue(
  context: RequestContext,
  scheme: Scheme,
  schemaName: string,
  value: unknown,
  duplicates: Duplicates,
): UnstructuredObject {
  const { object, unknownFields } = scheme.decode(schemaName, value);
  // The decoder leaves metadata out where nothing is set; everything behind it relies on its being there.
  object.metadata ??= {};
  if (context.fieldValidation === "Ignore") return object;
  const faults = strictFaults(duplicates, unknownFields);
  if (faults.length > 0 && context.fieldValidation === "Strict") throw newStrictDecodingError(value, faults);
  addFaultWarnings(context, faults);
  return object;
}

/** Fills in kind and apiVersion where the body leaves them out, and refuses those that do not fit. */
function withKind(value: unknown, expected: GroupVersionKind, scheme: Scheme): Record<string, unknown> {
  if (!isObject(value)) {
    const found = Array.isArray(value) ? "array" : typeof value;
    throw newBadRequest(
      `the object provided is unrecognized (must be of type ${expected.kind}): couldn't get version/kind; json parse ` +
        `error: json: cannot unmarshal ${found} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
    );
  }
  const expectedVersion = formatApiVersion(expected);
  if (scheme.resourceForKind(expected)?.custom !== undefined) {
    checkCustomBody(value, expected);
    return { ...value, apiVersion: expectedVersion };
  }
  const kind = textOr(value["kind"], expected.kind);
  const apiVersion = textOr(value["apiVersion"], expectedVersion);
  if (kind !== expected.kind || apiVersion !== expectedVersion) {
    const found = { ...parseApiVersion(apiVersion), kind };
    if (scheme.resourceForKind(found) === undefined && found.kind !== expected.kind)
      throw unknownKind(found, expected);
    if (apiVersion !== expectedVersion) {
      throw newBadRequest(
        `the API version in the data (${apiVersion}) does not match the expected API version (${expectedVersion})`,
      );
    }
    // Named as Go names the types: by version where it is sent, by group where it is kept.
    const kept = expected.group === "" ? "core" : expected.group.split(".")[0];
    const why = `converting (${found.version}.${kind}) to (${kept}.${expected.kind}): unknown conversion`;
    throw newBadRequest(
      `${kind} in version "${found.version}" cannot be handled as a ${expected.kind}: ${why}`,
    );
  }
  return { ...value, kind, apiVersion };
}

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
