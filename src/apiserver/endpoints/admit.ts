import type { GroupVersionKind } from "../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { AdmissionAttributes } from "../admission/admission.ts";
import type { RequestContext } from "../request-context.ts";

/** What admission is told of a request; `parts` says what is particular to this call. */
export function admissionAttributes(
  context: RequestContext,
  kind: GroupVersionKind,
  parts: {
    readonly operation: AdmissionAttributes["operation"];
    readonly object: UnstructuredObject | undefined;
    readonly oldObject: UnstructuredObject | undefined;
    readonly options?: UnstructuredObject | undefined;
    /** Overrides the name of the URL: for create, and for each object of a collection. */
    readonly name?: string;
  },
): AdmissionAttributes {
  const { info, user, resource, dryRun } = context;
  return {
    operation: parts.operation,
    kind: { group: kind.group, version: kind.version, kind: kind.kind },
    resource,
    subresource: info.subresource,
    namespace:
      info.namespace === "" && info.resource === "namespaces" ? (parts.name ?? info.name) : info.namespace,
    name: parts.name ?? info.name,
    object: parts.object,
    oldObject: parts.oldObject,
    options: parts.options,
    dryRun,
    user,
    addWarning: (text) => context.addWarning(text),
    audit: context.audit,
    // Read by few, and made when first read.
    get signal() {
      return context.signal;
    },
  };
}

/** The options of a request as an object of `meta.k8s.io/v1`. */
export function optionsObject(context: RequestContext, kind: string, extra: object = {}): UnstructuredObject {
  const { query, dryRun } = context;
  const options: Record<string, unknown> = { kind, apiVersion: "meta.k8s.io/v1", ...extra };
  for (const name of ["fieldManager", "fieldValidation"]) {
    const value = query.get(name);
    if (value !== null && value !== "") options[name] = value;
  }
  if (dryRun) options["dryRun"] = ["All"];
  return options as UnstructuredObject;
}
