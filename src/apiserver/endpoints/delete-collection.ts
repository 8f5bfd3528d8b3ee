import { isNotFound, newNotFound, StatusError } from "../../apimachinery/status.ts";
import { checkDeleteOptions, deleteObject } from "../registry/delete.ts";
import { type ListOptions, listObjects } from "../registry/list.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import { admissionAttributes } from "./admit.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import { deleteContext, warnOfOrphans } from "./delete.ts";
import { readDeleteOptions } from "./delete-options.ts";
import { listOptions } from "./list.ts";
import { selectionOf } from "./selection.ts";
import type { ServerCore } from "./server-core.ts";
import { targetOf } from "./target.ts";

/** DELETE of a collection: each object of the list is deleted by itself; the answer is the list as it was before. */
export async function deleteCollection(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
): Promise<ApiResponse> {
  const { info, store } = served;
  if (store === undefined) throw newNotFound(info, "");
  const options = await readDeleteOptions(state, core.scheme);
  checkDeleteOptions(options);
  warnOfOrphans(state, info, options);
  const context = deleteContext(state, options);
  const { query } = state.request;
  const selection = selectionOf(core.scheme, info, targetOf(state.info, info).namespace, query);
  const page = await listObjects(store, info, selection, exactly(listOptions(query)));
  for (const { namespace, name } of page.items) {
    try {
      await deleteObject(store, context, info, namespace, name, { ...options }, async (current) => {
        const parts = { operation: "DELETE", object: undefined, oldObject: current, name } as const;
        const attributes = admissionAttributes(context, info, {
          ...parts,
          options: { kind: "DeleteOptions", apiVersion: "meta.k8s.io/v1", ...options } as never,
        });
        await core.admission.mutate(attributes);
        await core.admission.validate(attributes);
      });
    } catch (error) {
      // Someone else was faster: the object is gone, as it should be.
      if (!(error instanceof StatusError) || !isNotFound(error)) throw error;
    }
  }
  return { type: "list", page, served: info };
}

/** Collections are deleted a page at a time, also where no limit is given: a revision then means exactly that one. */
function exactly(options: ListOptions): ListOptions {
  const { resourceVersion, resourceVersionMatch, continueToken } = options;
  const isFree = resourceVersionMatch === "" && continueToken === "";
  if (!isFree || resourceVersion === "" || resourceVersion === "0") return options;
  return { ...options, resourceVersionMatch: "Exact" };
}
