import type { ResourceInfo } from "../../api/scheme.ts";
import { parseJson } from "../../apimachinery/decode.ts";
import { mayHoldLargeIntegers, parseExactly } from "../../apimachinery/exact-json.ts";
import { isObject } from "../../apimachinery/json.ts";
import { applyJsonPatch } from "../../apimachinery/patch/json-patch.ts";
import { applyMergePatch } from "../../apimachinery/patch/merge-patch.ts";
import { applyStrategicMergePatch } from "../../apimachinery/patch/strategic-merge-patch.ts";
import type { Schema, SchemaSet } from "../../apimachinery/schema.ts";
import { newBadRequest, newUnsupportedMediaType, StatusError } from "../../apimachinery/status.ts";
import type { ApiRequest } from "./api-request.ts";
import { contentTypeOf, maxBodyBytes } from "./decode-body.ts";
import { type Duplicates, noDuplicates } from "./strict-faults.ts";

export const jsonPatchType = "application/json-patch+json";
export const mergePatchType = "application/merge-patch+json";
export const strategicPatchType = "application/strategic-merge-patch+json";
export const applyPatchType = "application/apply-patch+yaml";

const patchTypes = [jsonPatchType, mergePatchType, strategicPatchType, applyPatchType];
/** Strategies of merging are told by Go types, which custom resources have none of. */
const customPatchTypes = patchTypes.filter((type) => type !== strategicPatchType);

/** The types of patches that the resource takes. */
export const patchTypesOf = ({ custom }: Pick<ResourceInfo, "custom">): readonly string[] =>
  custom === undefined ? patchTypes : customPatchTypes;

export interface PatchBody {
  readonly type: string;
  readonly value: unknown;
  /** What the patch itself gives twice, in the words of its form. */
  readonly duplicates: Duplicates;
  /** The patched document; pure. Not for apply, which needs to know who owns what. */
  apply(document: unknown, schema: Schema | undefined, schemas: SchemaSet): unknown;
}

/** Reads the patch of a request; 415 for a type that is none. */
export async function readPatch(request: ApiRequest, types: readonly string[]): Promise<PatchBody> {
  const type = contentTypeOf(request);
  if (!types.includes(type)) throw newUnsupportedMediaType(types);
  const { value, duplicates, fault } = await readValue(request, type, isExact(request, types));
  const apply = fault === undefined ? applierOf(type, value) : fail(fault);
  return { type, value, duplicates, apply };
}

/** Custom resources have whole numbers that no number can hold, and definitions have them in their schemas. */
const isExact = ({ path }: ApiRequest, types: readonly string[]): boolean =>
  !types.includes(strategicPatchType) || path.startsWith("/apis/apiextensions.k8s.io/");

async function readValue(
  request: ApiRequest,
  type: string,
  isExact: boolean,
): Promise<{ value: unknown; duplicates: Duplicates; fault?: StatusError }> {
  if (request.body.type === "value") return { value: request.body.value, duplicates: noDuplicates };
  const bytes = await request.body.read(maxBodyBytes);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  if (type !== applyPatchType) {
    try {
      const { value, depth: _, ...duplicates } = parseJson(text);
      const exact = isExact && mayHoldLargeIntegers(text) ? parseExactly(text) : value;
      return { value: exact, duplicates: { format: "json", ...duplicates } };
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      const fault = type === strategicPatchType ? error : undecodable(error.message);
      return { value: undefined, duplicates: noDuplicates, fault };
    }
  }
  const { duplicateYamlKeys, parseYaml, parseYamlExactly } = await import("../../apimachinery/yaml.ts");
  try {
    const read = isExact ? parseYamlExactly : parseYaml;
    return { value: read(text), duplicates: { format: "yaml", lines: () => duplicateYamlKeys(text) } };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw newBadRequest(`error decoding YAML: error converting YAML to JSON: ${why}`);
  }
}

/** What is wrong with a patch is told when it meets an object: first it is told that there is none. */
function fail(fault: StatusError): () => never {
  return () => {
    throw fault;
  };
}

const undecodable = (why: string): StatusError => newBadRequest(`error decoding patch: ${why}`);

function applierOf(type: string, patch: unknown): PatchBody["apply"] {
  const asItIs = (document: unknown): unknown => document;
  if (type === jsonPatchType) {
    if (patch === null) return asItIs;
    if (Array.isArray(patch)) return (document) => applyJsonPatch(document, patch);
    return fail(
      undecodable(`json: cannot unmarshal ${goKindOf(patch)} into Go value of type []handlers.jsonPatchOp`),
    );
  }
  if (type === strategicPatchType && patch === null) return asItIs;
  // What is to be applied is looked at as a whole elsewhere.
  if (type === applyPatchType && !isObject(patch)) return asItIs;
  if (!isObject(patch)) return fail(noObject(type, patch));
  if (type === mergePatchType) return (document) => applyMergePatch(document, patch);
  return (document, schema, schemas) =>
    schema === undefined
      ? applyMergePatch(document, patch)
      : applyStrategicMergePatch(document, patch, schema, schemas);
}

function noObject(type: string, patch: unknown): StatusError {
  if (type === strategicPatchType) return newBadRequest(notAMap(patch));
  return patch === null ? newBadRequest("Invalid JSON Patch") : undecodable(notAMap(patch));
}

const goKindOf = (value: unknown): string =>
  Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;

/** How Go says that a value is no object. */
export function notAMap(value: unknown): string {
  return `json: cannot unmarshal ${goKindOf(value)} into Go value of type map[string]interface {}`;
}
