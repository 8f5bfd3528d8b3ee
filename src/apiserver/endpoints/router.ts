import type { GroupResource } from "../../apimachinery/gvk.ts";
import {
  newBadRequest,
  newGenericNotFound,
  newInternalError,
  newMethodNotAllowed,
  newNotFound,
  newStatusError,
  type StatusError,
} from "../../apimachinery/status.ts";
import { apiServices } from "../aggregation/api-service.ts";
import { definitions } from "../extensions/definition/definition.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import { type ApiResponse, type Handler, type RequestState, textResponse } from "./api-request.ts";
import { connect, isConnect } from "./connect.ts";
import { create } from "./create.ts";
import { remove } from "./delete.ts";
import { deleteCollection } from "./delete-collection.ts";
import { deprecationOf } from "./deprecations.ts";
import { get } from "./get.ts";
import { list } from "./list.ts";
import { log } from "./log.ts";
import { anyForms, formsOfMetadata, negotiate } from "./negotiate.ts";
import { patch } from "./patch.ts";
import { patchTypesOf } from "./patch-body.ts";
import { checkAccept, checkContentType, listTypes, logTypes, objectTypes } from "./route-form.ts";
import { scale } from "./scale.ts";
import type { ServerCore } from "./server-core.ts";
import { subresource } from "./subresource.ts";
import { update } from "./update.ts";
import { watch } from "./watch.ts";

type Endpoint = (core: ServerCore, state: RequestState, served: ServedResource) => Promise<ApiResponse>;

/** One file per verb. */
const verbs: Readonly<Record<string, Endpoint>> = {
  create,
  get,
  list,
  watch,
  update,
  patch,
  delete: remove,
  deletecollection: deleteCollection,
};

/** The answer to a path that names no resource; undefined when there is nothing at the path. */
export type NonResourceRoute = (state: RequestState) => Promise<ApiResponse | undefined>;

/** The innermost step of the chain: finds the endpoint of a request. */
export function router(core: ServerCore, nonResource: NonResourceRoute): Handler {
  return (state) => {
    if (!state.info.isResourceRequest) return forwardDocument(core, state) ?? other(state);
    const { group, version } = state.info;
    return core.forward(group, version, state) ?? routeResource(core, state);
  };
  async function other(state: RequestState): Promise<ApiResponse> {
    return (await nonResource(state)) ?? pageNotFound();
  }
}

const pageNotFound = (): ApiResponse => textResponse(404, "404 page not found\n");

/** What is right below a version that another server serves is that server's to say: `/apis/GROUP/VERSION`. */
function forwardDocument(core: ServerCore, state: RequestState): Promise<ApiResponse> | undefined {
  if (!core.aggregation.hasRemote) return undefined;
  const [root, ...parts] = state.info.path.split("/").filter((part) => part !== "");
  const [group = "", version = ""] = root === "api" ? ["", ...parts] : parts;
  const isVersion = root === "api" ? parts.length === 1 : root === "apis" && parts.length === 2;
  return isVersion ? core.forward(group, version, state) : undefined;
}

async function routeResource(core: ServerCore, state: RequestState): Promise<ApiResponse> {
  const { group, version, resource, subresource: name, verb } = state.info;
  const pending =
    group === apiServices.group
      ? core.registered(state)
      : core.loadCustom(group, version, resource, isBare(state) ? verb : undefined);
  if (pending !== undefined) await pending;
  const served = core.resources.find(group, version, resource);
  if (served === undefined) {
    // A version that is not served has no routes at all, nor has one of custom resources: not even a Status is spoken there.
    const base = core.scheme.base ?? core.scheme;
    const isKnown = base.groupVersions().some((each) => each.group === group);
    if (!isKnown) return pageNotFound();
    throw newGenericNotFound();
  }
  const deprecation = deprecationOf(served.info);
  // Only what has a route warns.
  if (deprecation !== undefined && (name !== "" || served.info.verbs.includes(verb))) {
    addWarning(state, deprecation.warning);
    core.deprecated(state.info, deprecation.removedRelease);
  }
  // The old paths of watches mean a watch whatever the method is, but only GET has a route.
  if (state.info.verb === "watch" && state.request.method !== "GET") throw newMethodNotAllowed();
  // Only what is passed on to others has a HEAD; a GET without its body is not among the routes.
  if (state.request.method === "HEAD" && name !== "proxy") throw newMethodNotAllowed();
  if (served.info.custom !== undefined) {
    if (!isInScope(state, served)) return pageNotFound();
    if (served.info.custom.isUnusable === true) throw newInternalError("error resolving resource");
  } else checkScope(state, served);
  const { custom } = served.info;
  if (custom?.deprecationWarning !== undefined) {
    addWarning(state, custom.deprecationWarning);
    core.deprecated(state.info, "");
  }
  if (name === "") return routeMain(core, state, served);
  return routeSubresource(core, state, served);
}

/** Whether columns and fields of custom resources do not matter: as controllers ask. Those of definitions are built in. */
const isBare = ({ info, request }: RequestState): boolean =>
  info.group === definitions.group ||
  (request.isInProcess &&
    !request.query.has("fieldSelector") &&
    request.header("accept")?.includes("as=Table") !== true);

/** 405 of a custom resource, whose one handler knows what it does not do. */
function newMethodNotSupported({ group, resource }: GroupResource, verb: string): StatusError {
  const message = `${verb} is not supported on resources of kind ${JSON.stringify(`${resource}.${group}`)}`;
  return newStatusError(405, "MethodNotAllowed", message, { details: { group, kind: resource } });
}

function addWarning({ warnings }: RequestState, text: string): void {
  if (!warnings.includes(text)) warnings.push(text);
}

/** Custom resources have no routes of their own: their one handler finds out everything itself. */
function checkRoute(
  { request, info }: RequestState,
  served: ServedResource,
  produced: readonly string[],
): void {
  if (served.info.custom !== undefined) return;
  checkAccept(request, produced);
  if (info.verb === "patch") checkContentType(request, patchTypesOf(served.info));
}

/** Nothing is done whose answer the client could not read. */
function checkAnswer({ request }: RequestState, { info }: ServedResource, hasTable: boolean): void {
  const forms = hasTable ? anyForms : formsOfMetadata;
  negotiate(request.header("accept"), { forms, isCustom: info.custom !== undefined });
}

/** Parts of objects are printed as their objects are, or not at all (mirrors which storages of Kubernetes print tables). */
function partHasTable(name: string, { group, resource }: GroupResource): boolean {
  return name === "scale" || (name === "status" && !unprinted.has(`${resource}.${group}`));
}

const unprinted = new Set([
  "apiservices.apiregistration.k8s.io",
  "customresourcedefinitions.apiextensions.k8s.io",
  "devicetaintrules.resource.k8s.io",
  "resourceclaims.resource.k8s.io",
]);

/** Custom resources are found with a namespace, or without one, as their definition says; all of them by list and watch. */
function isInScope({ info: { namespace, verb } }: RequestState, { info }: ServedResource): boolean {
  if (info.namespaced && namespace === "") return verb === "list" || verb === "watch";
  return info.namespaced === (namespace !== "");
}

function checkScope(state: RequestState, { info }: ServedResource): void {
  const { namespace, name, verb, resource } = state.info;
  if (!info.namespaced) {
    // A namespace is in itself: the path of namespaces/x reads as both.
    const isItself = resource === "namespaces" && namespace === name;
    if (namespace !== "" && !isItself) throw newGenericNotFound();
    return;
  }
  if (namespace !== "") return;
  if (verb === "create" || verb === "deletecollection") throw newMethodNotAllowed();
  if (name !== "" && verb !== "list" && verb !== "watch") throw newGenericNotFound();
}

function routeMain(core: ServerCore, state: RequestState, served: ServedResource): Promise<ApiResponse> {
  const { verb, name } = state.info;
  // A collection is neither replaced nor patched, whatever the body says.
  if (name === "" && (verb === "update" || verb === "patch"))
    throw served.info.custom === undefined ? newMethodNotAllowed() : newBadRequest("name must be provided");
  const endpoint = verbs[verb];
  // What is only ever created has no paths of single objects.
  const { custom, verbs: offered } = served.info;
  if (name !== "" && custom === undefined && offered.length === 1 && offered[0] === "create")
    throw newGenericNotFound();
  // What is being taken away is changed still, so that its finalizers can go; discovery does not say so.
  const isTerminating = served.info.custom?.isTerminating === true;
  if (endpoint === undefined || !(isTerminating || served.info.verbs.includes(verb))) {
    throw newMethodNotAllowed();
  }
  checkRoute(state, served, verb === "list" || verb === "watch" ? listTypes : objectTypes);
  if (verb !== "watch") checkAnswer(state, served, !(offered.length === 1 && offered[0] === "create"));
  return endpoint(core, state, served);
}

async function routeSubresource(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
): Promise<ApiResponse> {
  const { subresource: name, verb } = state.info;
  const known = served.info.subresources.find((each) => each.name === name);
  if (known === undefined) {
    throw served.info.custom === undefined ? newGenericNotFound() : newNotFound(served.info, state.info.name);
  }
  if (isConnect(name)) return connect(core, state, served);
  if (!known.verbs.includes(verb)) {
    const { info } = served;
    throw info.custom === undefined ? newMethodNotAllowed() : newMethodNotSupported(info, verb);
  }
  checkRoute(state, served, name === "log" ? logTypes : objectTypes);
  checkAnswer(state, served, partHasTable(name, served.info));
  const handler = served.subresources[name];
  if (handler !== undefined) return subresource(core, state, served, known, handler);
  if (name === "scale") return scale(core, state, served);
  if (name === "log") return log(core, state, served);
  // The others are the object itself, seen through the strategy: status, ephemeralcontainers, resize, approval.
  const endpoint = verbs[verb];
  if (known.kind !== undefined || endpoint === undefined) throw newMethodNotAllowed();
  return endpoint(core, state, served);
}
