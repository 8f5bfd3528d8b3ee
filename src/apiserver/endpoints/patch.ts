import type { ResourceInfo, Scheme } from "../../api/scheme.ts";
import { conversionFault, withCutIntegers } from "../../apimachinery/conversion-fault.ts";
import type { DecodedObject, DecodedParts } from "../../apimachinery/decode.ts";
import { type FieldError, forbidden, invalid, required } from "../../apimachinery/field-error.ts";
import { formatApiVersion, type GroupVersionKind } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newBadRequest, newInvalid, newNotFound, StatusError } from "../../apimachinery/status.ts";
import { isTrue } from "../filters/request-info.ts";
import { newInvalidOptions } from "../registry/errors.ts";
import { applyConfiguration, recordUpdate } from "../registry/managed-fields.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import type { GenericStore } from "../registry/store.ts";
import { updateObject } from "../registry/update.ts";
import type { RequestContext } from "../request-context.ts";
import { admissionAttributes, optionsObject } from "./admit.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import { newRequestContext } from "./context.ts";
import { confirmCreate, refuseTerminating, resetStatus } from "./create.ts";
import { checkCustomType } from "./custom-type.ts";
import { formatGo } from "./go-format.ts";
import { dedupeOwners } from "./owner-references.ts";
import {
  applyPatchType,
  jsonPatchType,
  notAMap,
  type PatchBody,
  patchTypesOf,
  readPatch,
  strategicPatchType,
} from "./patch-body.ts";
import type { ServerCore } from "./server-core.ts";
import { addFaultWarnings, inOrderOfSchema, strictFaults } from "./strict-faults.ts";
import { targetOf } from "./target.ts";
import { putBack } from "./update.ts";

/** PATCH of an object or of its status: JSON patch, merge patch, strategic merge patch, or server-side apply. */
export async function patch(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
): Promise<ApiResponse> {
  const { info, store } = served;
  const { namespace, name } = targetOf(state.info, info);
  const { subresource } = state.info;
  if (store === undefined) throw newNotFound(info, name);
  const body = await readPatch(state.request, patchTypesOf(info));
  state.audit?.requestPatch(body.value);
  const { isApply, isForced, context, options } = patchRequest(state, body);
  const attributes = (object: UnstructuredObject, old: UnstructuredObject | undefined) =>
    admissionAttributes(context, info, {
      operation: old === undefined ? "CREATE" : "UPDATE",
      object,
      oldObject: old,
      options,
    });
  const { object, created } = await updateObject(store, context, info, {
    namespace,
    name,
    subresource,
    forceAllowCreate: isApply,
    isPatch: true,
    async change(current) {
      const patched = isApply
        ? applied(core, state, context, info, store, current, body, isForced)
        : mergedPatch(core.scheme, context, info, current, body, untouchable(info, subresource, current));
      checkIdentity(patched, state, info);
      core.scheme.applyDefaults(info, patched);
      if (current === undefined) {
        resetStatus(core, info, patched);
        refuseTerminating(info, name);
      }
      putBack(store, context, info, patched, current);
      dedupeOwners(context, patched, false);
      if (!isApply) recordUpdate(store, context, info, current, patched, subresource);
      await core.admission.mutate(attributes(patched, current));
      dedupeOwners(context, patched, true);
      return patched;
    },
    validate: (object, old) => core.admission.validate(attributes(object, old)),
    confirm: (object) => confirmCreate(core, info, attributes(object, undefined)),
  });
  return { type: "object", status: created ? 201 : 200, object, served: info };
}

export interface PatchRequest {
  readonly isApply: boolean;
  readonly isForced: boolean;
  readonly context: RequestContext;
  /** For admission. */
  readonly options: UnstructuredObject;
}

/** What the query says of a patch; 422 for options that do not go with it. */
export function patchRequest(state: RequestState, { type }: PatchBody): PatchRequest {
  const isApply = type === applyPatchType;
  const force = state.request.query.get("force");
  checkOptions(state, isApply, force);
  const context = newRequestContext(state, "PatchOptions");
  const isForced = force !== null && isTrue(force);
  const options = optionsObject(context, "PatchOptions", force === null ? {} : { force: isForced });
  return { isApply, isForced, context, options };
}

function checkOptions(state: RequestState, isApply: boolean, force: string | null): void {
  const errors: FieldError[] = [];
  const manager = state.request.query.get("fieldManager") ?? "";
  if (isApply && manager === "") errors.push(required("fieldManager", "is required for apply patch"));
  if (!isApply && force !== null) errors.push(forbidden("force", "may not be specified for non-apply patch"));
  if (errors.length > 0) throw newInvalidOptions("PatchOptions", errors);
}

/**
 * The parts of the current object that nobody changes in place on the way from the patch to the store. Where the patch
 * leaves them alone they need not be decoded, defaulted and compared again: agents write the status of thousands of pods
 * and nodes, which is the smaller part of them.
 */
function untouchable(
  { custom, group, kind }: ResourceInfo,
  subresource: string,
  current: UnstructuredObject | undefined,
): DecodedParts | undefined {
  if (current === undefined || custom !== undefined) return undefined;
  const metadata = { managedFields: current.metadata.managedFields };
  const isByAgent = subresource === "status" && group === "" && writtenByAgents.has(kind);
  return isByAgent ? { ...current, metadata, status: undefined } : { metadata };
}

/** Kinds of the core group whose defaults leave a spec alone that has them. */
const writtenByAgents = new Set(["Node", "Pod"]);

/** What the patch makes of the current object. Faults of the result are faults of the patch. */
export function mergedPatch(
  scheme: Scheme,
  context: RequestContext,
  { schemaName, ...expected }: GroupVersionKind & { readonly schemaName: string },
  current: UnstructuredObject | undefined,
  body: PatchBody,
  known?: DecodedParts,
): UnstructuredObject {
  const value = body.apply(current, scheme.schemas.get(schemaName), scheme.schemas);
  const isStrategic = body.type === strategicPatchType;
  const fault = (why: string): Error => {
    const shown = isStrategic ? formatGo(body.value) : JSON.stringify(value);
    return newInvalid({ group: "", kind: "" }, "", [invalid("patch", shown, why)]);
  };
  const isCustom = scheme.resourceForKind(expected)?.custom !== undefined;
  if (isCustom) checkCustomType(value, expected);
  else if (!isStrategic) checkKind(value, expected, fault);
  let decoded: DecodedObject;
  try {
    decoded = decodePatched(scheme, schemaName, value, isStrategic, known);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    const conversion = isStrategic ? conversionFault(scheme.schemas, schemaName, value) : undefined;
    throw fault(conversion ?? (error.cause instanceof Error ? error.cause.message : error.message));
  }
  if (context.fieldValidation !== "Ignore") {
    const { unknownFields } = decoded;
    const faults = [...patchFaults(body), ...(isCustom ? inOrderOfSchema(unknownFields) : unknownFields)];
    if (faults.length > 0 && context.fieldValidation === "Strict") {
      throw fault(`strict decoding error: ${faults.join(", ")}`);
    }
    addFaultWarnings(context, faults);
  }
  decoded.object.metadata ??= {};
  decoded.object.apiVersion = formatApiVersion(expected);
  decoded.object.kind = expected.kind;
  return decoded.object;
}

/** Of a strategic patch numbers count that are too large for their field, or what is left of them. */
function decodePatched(
  scheme: Scheme,
  schemaName: string,
  value: unknown,
  isStrategic: boolean,
  known: DecodedParts | undefined,
): DecodedObject {
  try {
    return scheme.decode(schemaName, value, known);
  } catch (error) {
    const cut = isStrategic ? withCutIntegers(scheme.schemas, schemaName, value) : value;
    if (cut === value) throw error;
    return scheme.decode(schemaName, cut);
  }
}

/** A document that says nothing of its kind is of the right one. Strategic patches never look. */
function checkKind(value: unknown, expected: GroupVersionKind, fault: (why: string) => Error): void {
  const { apiVersion = "", kind = "" } = isObject(value) ? value : {};
  for (const [name, text] of Object.entries({ apiVersion, kind })) {
    if (typeof text === "string" || text === null) continue;
    const type = Array.isArray(text) ? "array" : typeof text === "boolean" ? "bool" : typeof text;
    throw fault(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${type} into Go struct field .${name} of type string`,
    );
  }
  const version = apiVersion === null || apiVersion === "" ? formatApiVersion(expected) : apiVersion;
  const name = kind === null || kind === "" ? expected.kind : kind;
  if (version === formatApiVersion(expected) && name === expected.kind) return;
  throw fault(
    `no kind ${JSON.stringify(name)} is registered for version ${JSON.stringify(version)} in scheme "pkg/runtime/scheme.go:111"`,
  );
}

/** What strict decoding says of the patch itself, before that of its result. */
function patchFaults({ type, value, duplicates }: PatchBody): string[] {
  if (type !== jsonPatchType) return [...strictFaults(duplicates, [])];
  const unknown = (Array.isArray(value) ? value : []).flatMap((operation, index) =>
    Object.keys(isObject(operation) ? operation : {})
      .filter((name) => !operationFields.has(name))
      .map((name) => `unknown field ${JSON.stringify(`[${index}].${name}`)}`),
  );
  return strictFaults(duplicates, unknown).map((fault) => `json patch ${fault}`);
}

const operationFields = new Set(["op", "path", "from", "value"]);

/** What server-side apply makes of the current object and the configuration. */
function applied(
  core: ServerCore,
  state: RequestState,
  context: RequestContext,
  info: ResourceInfo,
  store: GenericStore,
  current: UnstructuredObject | undefined,
  body: PatchBody,
  force: boolean,
): UnstructuredObject {
  const { subresource } = state.info;
  const value = configurationOf(body, info);
  // Apply looks at what the client wrote, not at the zero values that decoding fills in.
  const sent = { ...value, metadata: metadataOf(value) } as UnstructuredObject;
  const result = applyConfiguration(store, context, info, current, sent, subresource, force);
  checkDuplicates(context, body);
  const { object } = core.scheme.decode(info.schemaName, result);
  object.metadata ??= {};
  return object;
}

/** The configuration that is applied, of the right kind. */
export function configurationOf({ value }: PatchBody, expected: GroupVersionKind): Record<string, unknown> {
  if (!isObject(value) && value !== null && value !== undefined) {
    const why = `error unmarshaling JSON: while decoding JSON: ${notAMap(value)}`;
    throw newBadRequest(`error decoding YAML: ${why}`);
  }
  const { apiVersion, kind } = isObject(value) ? value : {};
  if (!isObject(value) || apiVersion !== formatApiVersion(expected) || kind !== expected.kind) {
    const [version, name] = [apiVersion, kind].map((text) => (typeof text === "string" ? text : ""));
    // The core group has no name, only a slash.
    const group = version?.includes("/") === true ? version : `/${version}`;
    throw newBadRequest(`invalid object type: ${group}, Kind=${name}`);
  }
  return value;
}

const metadataOf = (value: Record<string, unknown>): object =>
  isObject(value["metadata"]) ? value["metadata"] : {};

/** Keys that the configuration gives twice; fields that the schema does not know were refused by the merge. */
export function checkDuplicates(context: RequestContext, { duplicates }: PatchBody): void {
  if (context.fieldValidation === "Ignore") return;
  const faults = strictFaults(duplicates, []);
  if (faults.length > 0 && context.fieldValidation === "Strict") {
    throw newBadRequest(`error strict decoding YAML: error converting YAML to JSON: ${faults.join(", ")}`);
  }
  addFaultWarnings(context, faults);
}

/** A patch may not move the object, nor leave it without its name. */
function checkIdentity(object: UnstructuredObject, state: RequestState, info: ResourceInfo): void {
  const { name, namespace } = state.info;
  const { metadata } = object;
  if (info.namespaced) {
    if ((metadata.namespace ?? "") === "") metadata.namespace = namespace;
    if (metadata.namespace !== namespace) {
      throw newBadRequest(
        "the namespace of the provided object does not match the namespace sent on the request",
      );
    }
  } else delete metadata.namespace;
  if ((metadata.name ?? "") === "") {
    throw newBadRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (metadata.name !== name) {
    throw newBadRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
  }
}
