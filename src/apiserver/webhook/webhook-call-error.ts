import type { StatusError } from "../../apimachinery/status.ts";

/** A webhook did not give an answer. The message is what Kubernetes writes behind `failed to call webhook: `. */
export class WebhookCallError extends Error {
  override readonly name = "WebhookCallError";
  /** The webhook answered with an error of its own. */
  readonly answer: StatusError | undefined;
  /** The webhook was not called, as its configuration cannot be used. */
  readonly isUnusable: boolean;

  constructor(
    message: string,
    options: { readonly cause?: unknown; readonly answer?: StatusError; readonly isUnusable?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.answer = options.answer;
    this.isUnusable = options.isUnusable === true;
  }
}
