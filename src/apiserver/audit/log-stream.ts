import type { AuditBackend } from "./auditor.ts";

interface TextSink {
  write(text: string): boolean;
  readonly writableLength: number;
}

/** A reader that leaves this much unread gets no more. */
const maxWaitingBytes = 64 * 1024 * 1024;

/** Events on standard output. */
export class AuditLogStream implements AuditBackend {
  readonly plugin = "log";
  /** What the stream took it keeps. */
  readonly lost = 0;
  readonly #stream: TextSink;

  constructor(stream: TextSink) {
    this.#stream = stream;
  }

  write(line: string): boolean {
    if (this.#stream.writableLength > maxWaitingBytes) return false;
    this.#stream.write(line);
    return true;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
