import { decodeObject } from "../../apimachinery/decode.ts";
import { invalid } from "../../apimachinery/field-error.ts";
import { deepCopy, isObject } from "../../apimachinery/json.ts";
import { selectorFromLabelSelector, selectorFromMap } from "../../apimachinery/labels.ts";
import type { ObjectMeta } from "../../apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import {
  newBadRequest,
  newConflict,
  newInvalid,
  newMethodNotAllowed,
  newNotFound,
  staleObject,
} from "../../apimachinery/status.ts";
import { recordUpdate } from "../registry/managed-fields.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import { updateObject } from "../registry/update.ts";
import type { RequestContext } from "../request-context.ts";
import { admissionAttributes, optionsObject } from "./admit.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import { newRequestContext } from "./context.ts";
import { decodeBody } from "./decode-body.ts";
import { applyPatchType, readPatch } from "./patch-body.ts";
import type { ServerCore } from "./server-core.ts";

const scaleKind = { group: "autoscaling", version: "v1", kind: "Scale" };
const scaleSchema = "io.k8s.api.autoscaling.v1.Scale";

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
      return answer(cached.inVersion(served.info, core.scheme).object);
    }
    case "update": {
      const context = newRequestContext(state, "UpdateOptions");
      const wanted = await decodeBody(state.request, context, core.scheme, scaleKind, scaleSchema);
      state.audit?.requestObject(wanted);
      if (wanted.metadata.name !== name) {
        const found = wanted.metadata.name ?? "";
        throw newBadRequest(`the name of the object (${found}) does not match the name on the URL (${name})`);
      }
      return write(core, state, served, context, "UpdateOptions", () => wanted);
    }
    case "patch": {
      const context = newRequestContext(state, "PatchOptions");
      const body = await readPatch(state.request);
      state.audit?.requestPatch(body.value);
      if (body.type === applyPatchType) throw newMethodNotAllowed();
      const { schemas } = core.scheme;
      return write(core, state, served, context, "PatchOptions", (current) => {
        const patched = body.apply(deepCopy(current), schemas.get(scaleSchema), schemas);
        return decodeObject(schemas, scaleSchema, patched).object;
      });
    }
    default:
      throw newMethodNotAllowed();
  }
}

async function write(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
  context: RequestContext,
  optionsKind: string,
  change: (current: UnstructuredObject) => UnstructuredObject,
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
      const old = scaleOf(current);
      const wanted = change(old);
      const replicas = replicasOf(wanted);
      checkScale(wanted, current, replicas, name, info);
      const options = optionsObject(context, optionsKind);
      const attributes = admissionAttributes(context, scaleKind, {
        operation: "UPDATE",
        object: wanted,
        oldObject: old,
        options,
      });
      await core.admission.mutate(attributes);
      await core.admission.validate(attributes);
      const changed = deepCopy(current);
      changed["spec"] = { ...specOf(changed), replicas: replicasOf(wanted) };
      recordUpdate(store, context, info, current, changed, "scale");
      return changed;
    },
    validate: () => Promise.resolve(),
  });
  return answer(object.object);
}

const answer = (object: UnstructuredObject): ApiResponse => ({
  type: "value",
  status: 200,
  value: scaleOf(object),
  columnsOf: scaleKind,
});

function checkScale(
  wanted: UnstructuredObject,
  current: UnstructuredObject,
  replicas: number,
  name: string,
  info: ServedResource["info"],
): void {
  const { resourceVersion = "", uid = "" } = wanted.metadata;
  if (resourceVersion !== "" && resourceVersion !== current.metadata.resourceVersion) {
    throw newConflict(info, name, staleObject);
  }
  if (uid !== "" && uid !== current.metadata.uid) throw newConflict(info, name, staleObject);
  if (replicas < 0) {
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
