import type { ContainerStateWaiting } from "../api/types/core-v1.ts";

/** A container cannot start for now: reason and message are what its status shows. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }

  get waiting(): ContainerStateWaiting {
    return this.message === "" ? { reason: this.reason } : { reason: this.reason, message: this.message };
  }
}
