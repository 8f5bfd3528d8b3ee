import type { ResourceInfo } from "../../api/scheme.ts";
import { serverSideApply, trackUpdate } from "../../apimachinery/apply/index.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { RequestContext } from "../request-context.ts";
import { hasStatus } from "./resource-facts.ts";
import type { GenericStore } from "./store.ts";

/** What a write to the main resource or to a subresource never owns, because it is reset on the way. */
function ignoredPaths(served: ResourceInfo, subresource: string): readonly string[] {
  if (subresource === "status") return ["spec"];
  return hasStatus(served) ? ["status"] : [];
}

/** Records in managedFields who has set what. Changes the object, which the caller owns. */
export function recordUpdate(
  store: GenericStore,
  context: RequestContext,
  served: ResourceInfo,
  old: UnstructuredObject | undefined,
  updated: UnstructuredObject,
  subresource: string,
): void {
  const managedFields = trackUpdate({
    old,
    updated: old === undefined ? asCounted(served, updated) : updated,
    manager: context.fieldManager,
    subresource,
    schema: store.schemaOf(served),
    schemas: store.scheme.schemas,
    nowMs: store.clock.now(),
    ignoredPaths: ignoredPaths(served, subresource),
  });
  if (managedFields.length > 0) updated.metadata.managedFields = managedFields;
  else delete updated.metadata.managedFields;
}

/** The count of a DaemonSet's templates is there before its creation is recorded: who creates one owns it. */
function asCounted({ group, resource }: ResourceInfo, created: UnstructuredObject): UnstructuredObject {
  if (group !== "apps" || resource !== "daemonsets") return created;
  const annotations = { "deprecated.daemonset.template.generation": "0", ...created.metadata.annotations };
  return { ...created, metadata: { ...created.metadata, annotations } };
}

/** Merges an applied configuration into the live object. Conflicts throw 409. */
export function applyConfiguration(
  store: GenericStore,
  context: RequestContext,
  served: ResourceInfo,
  live: UnstructuredObject | undefined,
  applied: UnstructuredObject,
  subresource: string,
  force: boolean,
): UnstructuredObject {
  return serverSideApply({
    live,
    applied,
    manager: context.fieldManager,
    force,
    subresource,
    schema: store.schemaOf(served),
    schemas: store.scheme.schemas,
    nowMs: store.clock.now(),
    ignoredPaths: ignoredPaths(served, subresource),
  });
}
