import type { ResourceInfo } from "../../api/scheme.ts";
import type { DeleteOptions } from "../../apimachinery/meta-v1.ts";
import { newForbidden, newNotFound, successStatus } from "../../apimachinery/status.ts";
import { deleteObject } from "../registry/delete.ts";
import { deleteAnswersWithObject } from "../registry/resource-facts.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import type { RequestContext } from "../request-context.ts";
import { admissionAttributes } from "./admit.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import { asDryRun, newRequestContext } from "./context.ts";
import { readDeleteOptions } from "./delete-options.ts";
import type { ServerCore } from "./server-core.ts";
import { targetOf } from "./target.ts";

/** DELETE of one object. */
export async function remove(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
): Promise<ApiResponse> {
  const { info, store } = served;
  const { namespace, name } = targetOf(state.info, info);
  if (store === undefined) throw newNotFound(info, name);
  const refusal = store.strategy.refuseDelete?.(name);
  if (refusal !== undefined) throw newForbidden(info, name, refusal);
  const options = await readDeleteOptions(state, core.scheme);
  warnOfOrphans(state, info, options);
  const context = deleteContext(state, options);
  const { object, deleted } = await deleteObject(
    store,
    context,
    info,
    namespace,
    name,
    options,
    async (current) => {
      const attributes = admissionAttributes(context, info, {
        operation: "DELETE",
        object: undefined,
        oldObject: current,
        options: { kind: "DeleteOptions", apiVersion: "meta.k8s.io/v1", ...options } as never,
      });
      await core.admission.mutate(attributes);
      await core.admission.validate(attributes);
    },
  );
  if (deleted && !deleteAnswersWithObject(info)) {
    return { type: "value", status: 200, value: successStatus(info, name, object.object.metadata.uid ?? "") };
  }
  const isCascading = !deleted && options.orphanDependents === false;
  return { type: "object", status: isCascading ? 202 : 200, object, served: info };
}

/** Options in the body may ask for a dry run as well as those in the query. */
export function deleteContext(state: RequestState, options: DeleteOptions): RequestContext {
  const context = newRequestContext(state, "DeleteOptions");
  return options.dryRun?.includes("All") === true ? asDryRun(context) : context;
}

/** Who deletes Jobs without saying what becomes of their pods is told that they stay. */
export function warnOfOrphans(
  { warnings }: RequestState,
  { group, resource }: ResourceInfo,
  { propagationPolicy, orphanDependents }: DeleteOptions,
): void {
  if (group !== "batch" || resource !== "jobs") return;
  if (propagationPolicy !== undefined || orphanDependents !== undefined) return;
  warnings.push(
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning",
  );
}
