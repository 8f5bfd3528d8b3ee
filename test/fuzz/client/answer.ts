/** What came back, with the bytes as far as they came. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** False when the connection ended, or was left, before the body did. */
  readonly isComplete: boolean;
}

/** How a case ended. */
export interface Outcome {
  readonly answers: readonly Answer[];
  /** Why there is no answer, or not the whole of it: the connection was closed, or a protocol error. */
  readonly broken?: string;
  /** Nothing happened for too long. */
  readonly isSilent: boolean;
}
