import type { ResourceInfo, Scheme } from "../../../api/scheme.ts";
import type { ParamKind, ParamRef } from "../../../api/types/admissionregistration-v1.ts";
import { type GroupVersionKind, parseApiVersion } from "../../../apimachinery/gvk.ts";
import { selectorFromLabelSelector } from "../../../apimachinery/labels.ts";
import type { KubernetesObject, UnstructuredObject } from "../../../apimachinery/object.ts";
import type { ObjectReader } from "../../object-reader.ts";
import type { Versions } from "../webhooks/versions.ts";

export interface ParamSource {
  readonly reader: ObjectReader;
  readonly scheme: Scheme;
  readonly versions: Versions;
}

/**
 * The parameters that a binding gives its policy: it is evaluated once with each. One that is undefined where none are wanted;
 * none at all where none were found and that is allowed. Throws what keeps the binding from being used. Mirrors
 * policy/generic.CollectParams.
 */
export async function collectParams(
  { reader, scheme, versions }: ParamSource,
  kind: ParamKind | undefined,
  reference: ParamRef | undefined,
  requestNamespace: string,
): Promise<(UnstructuredObject | undefined)[]> {
  if (kind === undefined || reference === undefined) return [undefined];
  const wanted = kindOf(kind);
  const info = resourceOf(scheme, kind);
  if (!info.namespaced && (reference.namespace ?? "") !== "")
    throw new Error("paramRef.namespace must not be provided for a cluster-scoped `paramKind`");
  const namespace = (reference.namespace ?? "") === "" ? requestNamespace : (reference.namespace ?? "");
  if (info.namespaced && namespace === "")
    throw new Error("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources");
  const found = find(reader, info.storage, reference, info.namespaced ? namespace : undefined);
  if (found.length === 0 && reference.parameterNotFoundAction === "Deny")
    throw new Error("no params found for policy binding with `Deny` parameterNotFoundAction");
  const stored = { ...info.storage, kind: info.kind };
  return await Promise.all(
    found.map(async (object) => {
      const inVersion = await versions.inKind(object as UnstructuredObject, stored, wanted);
      return { ...inVersion, apiVersion: kind.apiVersion ?? "", kind: wanted.kind };
    }),
  );
}

const kindOf = ({ apiVersion = "", kind = "" }: ParamKind): GroupVersionKind => ({
  ...parseApiVersion(apiVersion),
  kind,
});

/** Throws where there is no such resource, which keeps the whole policy from being used. */
export function resourceOf(scheme: Scheme, kind: ParamKind): ResourceInfo {
  const info = scheme.resourceForKind(kindOf(kind));
  if (info !== undefined) return info;
  throw new Error(`failed to find resource referenced by paramKind: '${kind.apiVersion}, Kind=${kind.kind}'`);
}

function find(
  reader: ObjectReader,
  resource: { readonly group: string; readonly resource: string },
  { name = "", selector }: ParamRef,
  namespace: string | undefined,
): KubernetesObject[] {
  if (name !== "") {
    if (selector !== undefined) throw new Error("paramRef.name and paramRef.selector are mutually exclusive");
    const one = reader.get(resource, namespace ?? "", name);
    return one === undefined ? [] : [one];
  }
  if (selector === undefined) throw new Error("one of name or selector must be provided");
  const wanted = selectorFromLabelSelector(selector);
  return reader
    .list(resource, namespace)
    .filter(({ metadata }) => wanted.matches(metadata.labels))
    .toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
}
