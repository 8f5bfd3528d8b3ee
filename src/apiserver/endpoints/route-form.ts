import { newStatusError } from "../../apimachinery/status.ts";
import type { ApiRequest } from "./api-request.ts";
import { contentTypeOf } from "./decode-body.ts";
import { jsonType, protobufType, yamlType } from "./negotiate.ts";

/**
 * What a route asks of a request before its handler looks at it: that the client takes one of the types that the route
 * produces, and sends one that it consumes. Routes compare types without their parameters and know one range, that of
 * everything (github.com/emicklei/go-restful); what the parameters ask for is the handlers' to find.
 */
export const objectTypes: readonly string[] = [jsonType, yamlType, protobufType];
export const listTypes: readonly string[] = [
  ...objectTypes,
  `${jsonType};stream=watch`,
  `${protobufType};stream=watch`,
];

export const logTypes: readonly string[] = ["text/plain", ...objectTypes];

/** 406 for a client that takes none of the types. */
export function checkAccept(request: ApiRequest, produced: readonly string[]): void {
  const accept = request.header("accept") ?? "";
  if (accept === "") return;
  for (const clause of accept.split(",")) {
    const [type = ""] = clause.split(";");
    const trimmed = type.trim();
    if (trimmed === "*/*" || produced.includes(trimmed)) return;
  }
  const message = `406: Not Acceptable\n\nAvailable representations: ${produced.join(", ")}`;
  throw newStatusError(406, "NotAcceptable", message, { details: {} });
}

/** 415 for a body of another type. */
export function checkContentType(request: ApiRequest, consumed: readonly string[]): void {
  if (consumed.includes(contentTypeOf(request))) return;
  throw newStatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", { details: {} });
}
