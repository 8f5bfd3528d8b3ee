import type { GroupVersionResource } from "../../apimachinery/gvk.ts";
import type { ObjectMeta } from "../../apimachinery/meta-v1.ts";
import type { RequestContext } from "../request-context.ts";
import { systemUser } from "./users.ts";

const never = new AbortController().signal;

/** The context of a write that the server makes on its own account, straight into a store. */
export function systemContext(
  verb: string,
  { group, version, resource }: GroupVersionResource,
  { namespace = "", name = "" }: ObjectMeta,
  subresource = "",
): RequestContext {
  return {
    info: {
      isResourceRequest: true,
      path: "",
      verb,
      group,
      version,
      resource,
      subresource,
      parts: [],
      namespace,
      name,
    },
    user: systemUser,
    resource: { group, version, resource },
    query: new URLSearchParams(),
    dryRun: false,
    fieldManager: "kube-apiserver",
    fieldValidation: "Ignore",
    addWarning() {},
    signal: never,
  };
}
