import type { Scheme } from "../../api/scheme.ts";
import { decodeObject } from "../../apimachinery/decode.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { DeleteOptions } from "../../apimachinery/meta-v1.ts";
import { newBadRequest, StatusError } from "../../apimachinery/status.ts";
import { isTrue } from "../filters/request-info.ts";
import type { RequestState } from "./api-request.ts";
import { notAnObject, readBody } from "./decode-body.ts";
import { integerOf } from "./list.ts";

const schemaName = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/** The options of a delete: those of the body, else those of the query. */
export async function readDeleteOptions(state: RequestState, scheme: Scheme): Promise<DeleteOptions> {
  const { request } = state;
  const body = await readBody(request, undefined);
  if (body === undefined) return fromQuery(request.query);
  if (!isObject(body.value)) throw newBadRequest(notAnObject(body.value));
  const { kind = "DeleteOptions", apiVersion = "" } = body.value;
  if (kind !== "DeleteOptions" && kind !== "") {
    const why = `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`;
    throw newBadRequest(
      `${why} in scheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"`,
    );
  }
  state.audit?.requestObject({ kind: "DeleteOptions", apiVersion: "meta.k8s.io/v1", ...body.value });
  if (scheme.schemas.get(schemaName) === undefined) return body.value;
  try {
    return decodeObject(scheme.schemas, schemaName, body.value).object;
  } catch (error) {
    // Options are no object of a version: it is only said what is wrong.
    if (!(error instanceof StatusError) || !(error.cause instanceof Error)) throw error;
    throw newBadRequest(error.cause.message);
  }
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
  const uid = query.get("uid") ?? "";
  const resourceVersion = query.get("resourceVersion") ?? "";
  if (uid !== "" || resourceVersion !== "") {
    options.preconditions = {
      ...(uid === "" ? {} : { uid }),
      ...(resourceVersion === "" ? {} : { resourceVersion }),
    };
  }
  return options;
}
