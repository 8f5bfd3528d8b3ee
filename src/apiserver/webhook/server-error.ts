import { newStatusError, StatusError } from "../../apimachinery/status.ts";
import { isStatus } from "../../client/server-answer.ts";
import type { HttpAnswer } from "./http-answer.ts";

/** What client-go says of a code, whatever stands in the body. */
const known: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  400: ["BadRequest", "the server rejected our request for an unknown reason"],
  401: ["Unauthorized", "the server has asked for the client to provide credentials"],
  404: ["NotFound", "the server could not find the requested resource"],
  405: ["MethodNotAllowed", "the server does not allow this method on the requested resource"],
  409: ["AlreadyExists", "the server reported a conflict"],
  422: ["Invalid", "the server rejected our request due to an error in our request"],
  429: ["TooManyRequests", "the server has received too many requests and has asked us to try again later"],
  503: ["ServiceUnavailable", "the server is currently unable to handle the request"],
  504: [
    "Timeout",
    "the server was unable to return a response in the time allotted, but may still be processing the request",
  ],
};

/** Codes whose message is what the server said. */
const inOwnWords: Readonly<Record<number, string>> = {
  403: "Forbidden",
  406: "NotAcceptable",
  415: "UnsupportedMediaType",
};

/** The most that a message takes over of a text. */
const maxTextBytes = 2048;

/** The error of an answer that is none of success, as client-go words it (errors.NewGenericServerResponse). */
export function serverError(answer: HttpAnswer): StatusError {
  const { code } = answer;
  const said = isText(answer.contentType)
    ? answer.body.subarray(0, maxTextBytes).toString("utf8").trim()
    : "unknown";
  const [reason, message] = known[code] ??
    ownWords(code, said) ?? [
      "",
      `the server responded with the status code ${code} but did not return more information`,
    ];
  return statusOf(answer) ?? newStatusError(code, reason, message);
}

function ownWords(code: number, said: string): readonly [string, string] | undefined {
  const reason = inOwnWords[code];
  if (reason === "NotAcceptable" && (said === "" || said === "unknown"))
    return [reason, "the server was unable to respond with a content type that the client supports"];
  if (reason !== undefined) return [reason, said];
  if (code < 500) return undefined;
  const message = `an error on the server (${JSON.stringify(said)}) has prevented the request from succeeding`;
  return ["InternalError", message];
}

/** A Status in the body says more than the code. */
function statusOf({ code, body }: HttpAnswer): StatusError | undefined {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return isStatus(value) && value.status === "Failure" ? new StatusError({ code, ...value }) : undefined;
  } catch {
    return undefined;
  }
}

const isText = (contentType: string | undefined): boolean =>
  contentType === undefined || contentType.trim().toLowerCase().startsWith("text/");
