import type { ResourceInfo, TableColumn } from "../../api/scheme.ts";
import { serverSideApply } from "../../apimachinery/apply/index.ts";
import { invalid } from "../../apimachinery/field-error.ts";
import { formatApiVersion } from "../../apimachinery/gvk.ts";
import { deepCopy, isObject } from "../../apimachinery/json.ts";
import { selectorFromLabelSelector, selectorFromMap } from "../../apimachinery/labels.ts";
import type { ManagedFieldsEntry, ObjectMeta } from "../../apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import {
  isConflict,
  newApplyConflict,
  newConflict,
  newInternalError,
  newInvalid,
  newMethodNotAllowed,
  newNotFound,
  StatusError,
  staleObject,
} from "../../apimachinery/status.ts";
import { newPreconditionFailed } from "../registry/errors.ts";
import { applyConfiguration, recordUpdate } from "../registry/managed-fields.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import type { GenericStore } from "../registry/store.ts";
import { updateObject } from "../registry/update.ts";
import type { RequestContext } from "../request-context.ts";
import { admissionAttributes, optionsObject } from "./admit.ts";
import type { ApiResponse, RequestState, ShownValue } from "./api-request.ts";
import { newRequestContext } from "./context.ts";
import { decodeBody } from "./decode-body.ts";
import { checkDuplicates, configurationOf, mergedPatch, type PatchRequest, patchRequest } from "./patch.ts";
import { type PatchBody, patchTypesOf, readPatch } from "./patch-body.ts";
import { replicasAt, scaleAt, setReplicas } from "./scale-paths.ts";
import type { ServerCore } from "./server-core.ts";
import { fitName } from "./update.ts";

const scaleKind = { group: "autoscaling", version: "v1", kind: "Scale" };
const scaleSchema = "io.k8s.api.autoscaling.v1.Scale";
const scaleResource = { ...scaleKind, schemaName: scaleSchema };

/** The scale of a workload: replicas wanted, replicas there, and how to select their pods. */
export async function scale(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
): Promise<ApiResponse> {
  const { store } = served;
  const { namespace, name, verb } = state.info;
  if (store === undefined) throw newNotFound(served.info, name);
  switch (verb) {
    case "get": {
      const cached = await store.read(served.info, namespace, name);
      const { object } = await store.inVersion(served.info, cached);
      checkReplicas(object, served.info);
      return answer(object, served.info);
    }
    case "update": {
      const context = newRequestContext(state, "UpdateOptions");
      const wanted = await decodeBody(state.request, context, core.scheme, scaleKind, scaleSchema);
      state.audit?.requestObject(wanted);
      fitName(wanted, state.info, served.info.namespaced);
      return write(core, state, served, context, optionsObject(context, "UpdateOptions"), (current) => {
        checkUid(store, context, served.info, current, wanted);
        return withReplicas(current, wanted, served.info);
      });
    }
    case "patch": {
      const body = await readPatch(state.request, patchTypesOf(served.info));
      state.audit?.requestPatch(body.value);
      const request = patchRequest(state, body);
      const { context, options } = request;
      return write(core, state, served, context, options, (current) =>
        request.isApply
          ? applied(core, store, served.info, request, current, body)
          : withReplicas(current, patched(core, state, served.info, request, current, body), served.info),
      );
    }
    default:
      throw newMethodNotAllowed();
  }
}

/** What a patch makes of the scale, which has the name of what it scales, and its uid where that is built in. */
function patched(
  core: ServerCore,
  state: RequestState,
  info: ResourceInfo,
  { context }: PatchRequest,
  current: UnstructuredObject,
  body: PatchBody,
): UnstructuredObject {
  const scale = mergedPatch(core.scheme, context, scaleResource, shownScale(current, info), body);
  fitName(scale, state.info, info.namespaced);
  const { uid = "" } = scale.metadata;
  if (uid === "" || uid === current.metadata.uid || info.custom !== undefined) return scale;
  const resource = { group: info.group, resource: `${info.resource}/scale` };
  throw newConflict(resource, state.info.name, uidPrecondition(uid, current));
}

const uidPrecondition = (uid: string, { metadata }: UnstructuredObject): string =>
  `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`;

/** The uid of a scale that is put is a precondition. */
function checkUid(
  store: GenericStore,
  { info: { namespace, name } }: RequestContext,
  info: ResourceInfo,
  current: UnstructuredObject,
  { metadata: { uid = "" } }: UnstructuredObject,
): void {
  if (uid === "" || uid === current.metadata.uid) return;
  throw newPreconditionFailed(info, store.key(namespace, name), name, uidPrecondition(uid, current));
}

/** The workload as the scale wants it; `isTracked` when who owns its fields is recorded already. */
interface Scaled {
  readonly object: UnstructuredObject;
  readonly scale: UnstructuredObject;
  readonly isTracked: boolean;
}

function withReplicas(current: UnstructuredObject, scale: UnstructuredObject, info: ResourceInfo): Scaled {
  checkScale(scale, current, info);
  return { object: scaledTo(current, replicasOf(scale), info), scale, isTracked: false };
}

/**
 * Apply looks twice: as a Scale, which says whether the configuration is one, and as the workload, whose replicas
 * belong to whoever applied or wrote them there or here.
 */
function applied(
  core: ServerCore,
  store: GenericStore,
  info: ResourceInfo,
  { context, isForced }: PatchRequest,
  current: UnstructuredObject,
  body: PatchBody,
): Scaled {
  const sent = configurationOf(body, scaleKind);
  const { name, namespace } = context.info;
  const metadata = { name, namespace, ...(isObject(sent["metadata"]) ? sent["metadata"] : {}) };
  const { schemas } = core.scheme;
  const scale = serverSideApply({
    live: shownScale(current, info),
    applied: { ...sent, apiVersion: "autoscaling/v1", kind: "Scale", metadata },
    manager: context.fieldManager,
    force: true,
    subresource: "",
    schema: schemas.get(scaleSchema),
    schemas,
    nowMs: core.clock.now(),
  });
  checkScale(scale, current, info);
  const { replicas } = specOf({ ...scale, spec: sent["spec"] });
  const configuration: UnstructuredObject = {
    apiVersion: formatApiVersion(info),
    kind: info.kind,
    metadata: { name, ...(info.namespaced ? { namespace } : {}) },
  };
  if (typeof replicas === "number") setReplicas(configuration, replicas, info.custom?.scale);
  const object = asScale(info, () =>
    applyConfiguration(store, context, info, current, configuration, "scale", isForced),
  );
  checkDuplicates(context, body);
  return { object: deepCopy(object), scale, isTracked: true };
}

/** Conflicts are told in the version of the Scale that was applied. */
function asScale<T>(info: ResourceInfo, apply: () => T): T {
  try {
    return apply();
  } catch (error) {
    if (!(error instanceof StatusError) || !isConflict(error)) throw error;
    const inScale = (text: string): string =>
      text.replaceAll(`using ${formatApiVersion(info)}`, "using autoscaling/v1");
    const causes = (error.status.details?.causes ?? []).map((cause) => ({
      ...cause,
      ...(cause.message === undefined ? {} : { message: inScale(cause.message) }),
    }));
    throw newApplyConflict(causes, inScale(error.message));
  }
}

async function write(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
  context: RequestContext,
  options: UnstructuredObject,
  change: (current: UnstructuredObject) => Scaled,
): Promise<ApiResponse> {
  const { info, store } = served;
  const { namespace, name } = state.info;
  if (store === undefined) throw newNotFound(info, name);
  const { object } = await updateObject(store, context, info, {
    namespace,
    name,
    subresource: "scale",
    async change(current) {
      if (current === undefined) throw newNotFound(info, name);
      const { object: changed, scale: wanted, isTracked } = change(current);
      const attributes = admissionAttributes(context, scaleKind, {
        operation: "UPDATE",
        object: wanted,
        oldObject: shownScale(current, info),
        options,
      });
      await core.admission.mutate(attributes);
      await core.admission.validate(attributes);
      setReplicas(changed, replicasOf(wanted), info.custom?.scale);
      if (!isTracked) recordUpdate(store, context, info, current, changed, "scale");
      forgetTimesOfScale(changed, current);
      return changed;
    },
    validate: () => Promise.resolve(),
  });
  return answer(object.object, info);
}

/** Kubernetes takes over who scaled from the Scale, without when: what had no time before gets none. */
function forgetTimesOfScale(changed: UnstructuredObject, current: UnstructuredObject): void {
  const entries = changed.metadata.managedFields;
  if (entries === undefined || entries === current.metadata.managedFields) return;
  const known = current.metadata.managedFields ?? [];
  const settled = entries.map((entry) => {
    if (entry.subresource !== "scale") return entry;
    const { time: _time, ...timeless } = entry;
    const { manager, operation, apiVersion } = entry;
    const time = known.find(
      (each) =>
        each.subresource === "scale" &&
        each.manager === manager &&
        each.operation === operation &&
        (operation === "Apply" || each.apiVersion === apiVersion),
    )?.time;
    return time === undefined ? timeless : { ...timeless, time };
  });
  changed.metadata.managedFields = settled.toSorted(byOperationAndTime);
}

const compareText = (a = "", b = ""): number => (a < b ? -1 : a > b ? 1 : 0);

const byOperationAndTime = (a: ManagedFieldsEntry, b: ManagedFieldsEntry): number =>
  compareText(a.operation, b.operation) || compareText(a.time, b.time) || compareText(a.manager, b.manager);

const answer = (object: UnstructuredObject, info: ResourceInfo): ApiResponse => ({
  type: "value",
  status: 200,
  value: shownScale(object, info),
  shown: info.custom === undefined ? scaleKind : customScale,
});

/** The scale of a custom resource has the forms of the resource, and its columns are typed. */
const customScale: ShownValue = {
  ...scaleKind,
  custom: true,
  typeName: "v1.Scale",
  printerOf(scheme) {
    const printer = scheme.printer(scaleKind);
    if (printer === undefined) return undefined;
    const columns = printer.columns.map((column): TableColumn => {
      if (column.name === "Name") return { ...column, format: "name" };
      return column.name === "Age" ? { ...column, type: "date" } : column;
    });
    return { ...printer, columns };
  },
};

function scaledTo(current: UnstructuredObject, replicas: number, info: ResourceInfo): UnstructuredObject {
  const object = deepCopy(current);
  setReplicas(object, replicas, info.custom?.scale);
  return object;
}

/** The Scale of a built-in workload, or of a custom one. */
const shownScale = (object: UnstructuredObject, { custom }: ResourceInfo): UnstructuredObject =>
  custom?.scale === undefined ? scaleOf(object) : scaleAt(object, custom.scale);

/** A custom resource without replicas cannot be shown. */
function checkReplicas(object: UnstructuredObject, { custom }: ResourceInfo): void {
  if (custom?.scale === undefined || replicasAt(object, custom.scale) !== undefined) return;
  const path = JSON.stringify(custom.scale.specReplicasPath);
  throw newInternalError(`the spec replicas field ${path} does not exist`);
}

function checkScale(wanted: UnstructuredObject, current: UnstructuredObject, info: ResourceInfo): void {
  const { resourceVersion = "" } = wanted.metadata;
  const { name = "" } = current.metadata;
  const replicas = replicasOf(wanted);
  if (resourceVersion !== "" && resourceVersion !== current.metadata.resourceVersion) {
    throw newConflict(info, name, staleObject);
  }
  // A custom resource is validated as a whole, which finds that and what its schema says.
  if (replicas < 0 && info.custom === undefined) {
    const error = invalid("spec.replicas", replicas, "must be greater than or equal to 0");
    throw newInvalid({ group: "autoscaling", kind: "Scale" }, name, [error]);
  }
}

const specOf = (object: UnstructuredObject): Record<string, unknown> =>
  isObject(object["spec"]) ? object["spec"] : {};

function replicasOf(object: UnstructuredObject): number {
  const { replicas } = specOf(object);
  return typeof replicas === "number" ? replicas : 0;
}

/** The Scale of a Deployment, ReplicaSet, StatefulSet or ReplicationController. */
export function scaleOf(object: UnstructuredObject): UnstructuredObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const metadata: ObjectMeta = { name, namespace, uid, resourceVersion, creationTimestamp };
  const status = isObject(object["status"]) ? object["status"] : {};
  const selector = selectorText(specOf(object)["selector"]);
  const replicas = typeof status["replicas"] === "number" ? status["replicas"] : 0;
  const wanted = replicasOf(object);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata,
    spec: wanted === 0 ? {} : { replicas: wanted },
    status: selector === "" ? { replicas } : { replicas, selector },
  };
}

function selectorText(selector: unknown): string {
  if (!isObject(selector)) return "";
  if ("matchLabels" in selector || "matchExpressions" in selector) {
    return selectorFromLabelSelector(selector).toString();
  }
  return selectorFromMap(selector as Record<string, string>).toString();
}
