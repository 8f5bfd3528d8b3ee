import type { StatusCause } from "../apimachinery/meta-v1.ts";
import { StatusError } from "../apimachinery/status.ts";
import { ConnectionError } from "../client/server-answer.ts";

/** A failure that ends the command; printed after `error: `. */
export class KubectlError extends Error {
  override readonly name = "KubectlError";
  readonly exitCode: number;

  constructor(message: string, { exitCode = 1, cause }: { exitCode?: number; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}

/** The whole text is printed as it is, without `error: `; an empty one prints nothing. */
export class PlainError extends KubectlError {}

/** The process ends with the code and no further word. */
export class ExitError extends KubectlError {
  constructor(exitCode: number) {
    super("", { exitCode });
  }
}

/** A template that does not fit the object: what helps to mend it goes to standard output. */
export class TemplateFailure extends KubectlError {
  readonly explanation: string;

  constructor(message: string, explanation: string, cause: unknown) {
    super(message, { cause });
    this.explanation = explanation;
  }
}

/** Several failures, each printed by its own rules. */
export class AggregateFailure extends Error {
  override readonly name = "AggregateFailure";
  readonly errors: readonly unknown[];

  constructor(errors: readonly unknown[]) {
    super(errors.map(plainText).join("\n"));
    this.errors = errors;
  }
}

/** Throws what was collected: nothing, the one, or all of them. */
export function throwCollected(errors: readonly unknown[]): void {
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateFailure(errors);
}

/** The bare message of whatever was thrown. */
export function plainText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What a failed command prints, newline included, and how it ends. (Wordings: k8s.io/kubectl/pkg/cmd/util/helpers.go.) */
export function describeFailure(error: unknown): { text: string; exitCode: number } {
  if (error instanceof ExitError) return { text: "", exitCode: error.exitCode };
  const exitCode = error instanceof KubectlError ? error.exitCode : 1;
  const text = failureText(error);
  return { text: text === "" || text.endsWith("\n") ? text : `${text}\n`, exitCode };
}

function failureText(error: unknown): string {
  if (error instanceof AggregateFailure) return error.errors.map(oneOfSeveral).join("\n");
  if (error instanceof PlainError) return error.message;
  if (error instanceof StatusError) return statusText(error);
  if (error instanceof ConnectionError) return connectionText(error);
  const text = plainText(error);
  return text.startsWith("error: ") ? text : `error: ${text}`;
}

/** Among others an error is printed without `error: `, and an invalid object without its list of causes. */
function oneOfSeveral(error: unknown): string {
  if (error instanceof StatusError) return plainStatusText(error);
  if (error instanceof ConnectionError) return connectionText(error);
  return error instanceof AggregateFailure ? failureText(error) : plainText(error);
}

function statusText(error: StatusError): string {
  return error.reason === "Invalid" ? invalidText(error) : plainStatusText(error);
}

function plainStatusText(error: StatusError): string {
  if (error.reason === "Unauthorized") return `error: You must be logged in to the server (${error.message})`;
  // What a server says that is no API server is left out.
  const { message } = error;
  const absent = "the server could not find the requested resource";
  if (error.reason === "NotFound" && message.startsWith(`${absent}: `)) {
    return `Error from server (NotFound): ${absent}`;
  }
  if (error.reason === "") return `Error from server: ${error.message}`;
  return `Error from server (${error.reason}): ${error.message}`;
}

function invalidText(error: StatusError): string {
  const { details, message = "" } = error.status;
  if (details === undefined) return `The request is invalid${message === "" ? "" : `: ${message}`}`;
  const causes = details.causes ?? [];
  let text = "The request is invalid";
  if ((details.kind ?? "") !== "" || (details.name ?? "") !== "") {
    text = `The ${details.kind ?? ""} "${details.name ?? ""}" is invalid`;
  } else if (message !== "" && causes.length === 0) text += `: ${message}`;
  if (causes.length === 0) return text;
  const lines = [...new Set(causes.map(causeText))];
  return lines.length === 1
    ? `${text}: ${lines[0]}`
    : `${text}: \n${lines.map((line) => `* ${line}`).join("\n")}`;
}

function causeText({ field = "", message = "" }: StatusCause): string {
  return field === "" ? message : `${field}: ${message}`;
}

function connectionText(error: ConnectionError): string {
  const server = /^cannot reach (\S+): /.exec(error.message)?.[1] ?? "";
  const why = error.cause instanceof Error ? error.cause.message : error.message;
  if (error.code === "ECONNREFUSED") {
    const host = URL.canParse(server) ? new URL(server).host : server;
    return `The connection to the server ${host} was refused - did you specify the right host or port?`;
  }
  return `Unable to connect to the server: ${why}`;
}

/** The error with the source of the object that it is about, as kubectl puts it before the server's message. */
export function withSource(error: unknown, verb: string, source: string | undefined): unknown {
  if (source === undefined || source === "") return error;
  const message = `error when ${verb} ${JSON.stringify(source)}: ${plainText(error)}`;
  if (error instanceof StatusError) return new StatusError({ ...error.status, message });
  return new KubectlError(message, { cause: error });
}
