import type { Scheme } from "../../api/scheme.ts";
import { decodeObject } from "../../apimachinery/decode.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { DeleteOptions } from "../../apimachinery/meta-v1.ts";
import { newBadRequest } from "../../apimachinery/status.ts";
import { isTrue } from "../filters/request-info.ts";
import type { RequestState } from "./api-request.ts";
import { readBody } from "./decode-body.ts";
import { integerOf } from "./list.ts";

const schemaName = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/** The options of a delete: those of the body, else those of the query. */
export async function readDeleteOptions(state: RequestState, scheme: Scheme): Promise<DeleteOptions> {
  const { request } = state;
  const body = await readBody(request, "DeleteOptions");
  if (body === undefined) return fromQuery(request.query);
  if (!isObject(body.value)) throw newBadRequest("the body of a delete must be DeleteOptions");
  const { kind = "DeleteOptions" } = body.value;
  if (kind !== "DeleteOptions" && kind !== "") {
    throw newBadRequest(`decoded object cannot be converted to DeleteOptions`);
  }
  state.audit?.requestObject({ kind: "DeleteOptions", apiVersion: "meta.k8s.io/v1", ...body.value });
  if (scheme.schemas.get(schemaName) === undefined) return body.value;
  return decodeObject(scheme.schemas, schemaName, body.value).object;
}

function fromQuery(query: URLSearchParams): DeleteOptions {
  const options: DeleteOptions = {};
  const gracePeriodSeconds = integerOf(query, "gracePeriodSeconds");
  if (gracePeriodSeconds !== undefined) options.gracePeriodSeconds = gracePeriodSeconds;
  const propagationPolicy = query.get("propagationPolicy");
  if (propagationPolicy !== null && propagationPolicy !== "") options.propagationPolicy = propagationPolicy;
  const orphanDependents = query.get("orphanDependents");
  if (orphanDependents !== null) options.orphanDependents = isTrue(orphanDependents);
  const dryRun = query.getAll("dryRun").filter((value) => value !== "");
  if (dryRun.length > 0) options.dryRun = dryRun;
  return options;
}
