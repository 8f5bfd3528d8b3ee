import type { ResourceInfo, Scheme } from "../../api/scheme.ts";
import { type OtherVersion, serverSideApply, trackUpdate } from "../../apimachinery/apply/index.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { ManagedFieldsEntry } from "../../apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { SchemaSet } from "../../apimachinery/schema.ts";
import type { RequestContext } from "../request-context.ts";
import { hasStatus } from "./resource-facts.ts";
import type { GenericStore } from "./store.ts";

/**
 * Where more is reset than the status by a write of the object, and than the spec by one of its status: the fields
 * that Kubernetes' strategies name (`GetResetFields`). Of a signing request nobody owns what is asked.
 */
const resets: Readonly<Record<string, readonly string[]>> = {
  "certificatesigningrequests.certificates.k8s.io/": ["spec", "status"],
  "certificatesigningrequests.certificates.k8s.io/approval": ["spec", "status.certificate"],
  "certificatesigningrequests.certificates.k8s.io/status": ["spec", "status.conditions"],
  "apiservices.apiregistration.k8s.io/status": ["spec", "metadata"],
  "deployments.apps/status": ["spec", "metadata.labels"],
  "devicetaintrules.resource.k8s.io/status": ["spec", "metadata"],
  "flowschemas.flowcontrol.apiserver.k8s.io/status": ["spec", "metadata"],
  "pods./status": ["spec", "metadata.deletionTimestamp", "metadata.ownerReferences"],
  "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io/status": ["spec", "metadata"],
  "resourceclaims.resource.k8s.io/status": ["spec", "metadata"],
  "servicecidrs.networking.k8s.io/status": ["spec", "metadata"],
  "storageversionmigrations.storagemigration.k8s.io/status": ["spec", "metadata"],
  "validatingadmissionpolicies.admissionregistration.k8s.io/status": ["spec", "metadata"],
  "volumeattachments.storage.k8s.io/status": ["spec", "metadata"],
};

/** What a write to the main resource or to a subresource never owns, because it is reset on the way. */
function ignoredPaths(served: ResourceInfo, subresource: string): readonly string[] {
  const special = resets[`${served.resource}.${served.group}/${subresource}`];
  if (special !== undefined) return special;
  if (subresource === "status") return served.custom === undefined ? ["spec"] : ["metadata", "spec"];
  return hasStatus(served) ? ["status"] : [];
}

/** Versions of a built-in kind's groups, also those that are no longer served; of others all that are written. */
function hasVersion(
  { scheme }: GenericStore,
  { schemaName, group, kind }: ResourceInfo,
  apiVersion: string,
): boolean {
  const other = parseApiVersion(apiVersion).group;
  if (other === group || other === "extensions" || !schemaName.startsWith("io.k8s.")) return true;
  return scheme.resources().some((info) => info.kind === kind && info.group === other);
}

/**
 * Built-in schemas refer to built-in ones only. Their set is the same in all clusters of a process, and so is what is made
 * of it once: types, and the fields that creators own.
 */
const schemasOf = (scheme: Scheme, { custom }: Pick<ResourceInfo, "custom">): SchemaSet =>
  custom === undefined ? (scheme.base ?? scheme).schemas : scheme.schemas;

/**
 * A served version of the kind, in which somebody may own fields. Undefined for one that only others can convert to, who would
 * have to be waited for.
 */
function findVersion(scheme: Scheme, served: ResourceInfo, apiVersion: string): OtherVersion | undefined {
  const infoOf = (wanted: string): ResourceInfo | undefined => {
    const info = scheme.resource({ ...parseApiVersion(wanted), resource: served.resource });
    return info?.kind === served.kind ? info : undefined;
  };
  const other = infoOf(apiVersion);
  if (other === undefined || other.custom?.reader.convert !== undefined) return undefined;
  return {
    schema: scheme.schemas.get(other.schemaName),
    schemas: schemasOf(scheme, other),
    convert(object) {
      if (other.custom !== undefined) return { ...object, apiVersion };
      // What nobody owns any more may be missing; conversions are made for whole objects.
      const { schemaName } = infoOf(object.apiVersion) ?? served;
      return scheme.convert(scheme.decode(schemaName, object).object, other);
    },
  };
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
    updated: old === undefined ? asDecoded(store, served, updated) : updated,
    manager: context.fieldManager,
    subresource,
    schema: store.schemaOf(served),
    schemas: schemasOf(store.scheme, served),
    nowMs: store.clock.now(),
    ignoredPaths: ignoredPaths(served, subresource),
    hasVersion: (apiVersion) => hasVersion(store, served, apiVersion),
    isSchemaMutable: served.custom !== undefined,
    findVersion: (apiVersion) => findVersion(store.scheme, served, apiVersion),
  });
  if (managedFields.length > 0) updated.metadata.managedFields = managedFields;
  else delete updated.metadata.managedFields;
}

/** Whose the fields of something are that is asked and not stored. */
export function askedFields(
  scheme: Scheme,
  served: Pick<ResourceInfo, "schemaName" | "custom">,
  manager: string,
  asked: UnstructuredObject,
  subresource: string,
  nowMs: number,
): ManagedFieldsEntry[] {
  const schemas = schemasOf(scheme, served);
  const schema = schemas.get(served.schemaName);
  return trackUpdate({
    old: undefined,
    updated: asked,
    manager,
    subresource,
    schema,
    schemas,
    nowMs,
    ignoredPaths: [],
    hasVersion: () => true,
  });
}

/**
 * What Kubernetes fills in while it decodes an object, and our strategies later, is there before its creation is
 * recorded: who creates it owns it.
 */
function asDecoded(
  { scheme, clock }: GenericStore,
  { group, version, resource, kind }: ResourceInfo,
  created: UnstructuredObject,
): UnstructuredObject {
  const { metadata, spec } = created;
  switch (`${resource}.${group}`) {
    case "daemonsets.apps": {
      const annotations = { "deprecated.daemonset.template.generation": "0", ...metadata.annotations };
      return { ...created, metadata: { ...metadata, annotations } };
    }
    case "devicetaintrules.resource.k8s.io": {
      if (!isObject(spec) || !isObject(spec["taint"])) return created;
      const taint = { timeAdded: formatTime(clock.now()), ...spec["taint"] };
      return { ...created, spec: { ...spec, taint } };
    }
    case "horizontalpodautoscalers.autoscaling": {
      if (version !== "v1") return created;
      // A target that nobody gave comes with the conversion.
      const newer = scheme.convert(created, { group, version: "v2", kind });
      return { ...created, spec: scheme.convert(newer, { group, version, kind })["spec"] };
    }
    default:
      return created;
  }
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
    schemas: schemasOf(store.scheme, served),
    nowMs: store.clock.now(),
    ignoredPaths: ignoredPaths(served, subresource),
    hasVersion: (apiVersion) => hasVersion(store, served, apiVersion),
    isSchemaMutable: served.custom !== undefined,
    findVersion: (apiVersion) => findVersion(store.scheme, served, apiVersion),
  });
}
