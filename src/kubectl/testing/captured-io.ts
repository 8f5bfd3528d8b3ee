import { Readable } from "node:stream";
import type { KubectlIo } from "../io.ts";

/** Standard streams that a test can look at. */
export interface CapturedIo extends KubectlIo {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** As Ctrl-C. */
  interrupt(): void;
}

/** No terminal; `stdin` is what the command reads. */
export function capturedIo({
  stdin = "",
  environment = {},
}: {
  stdin?: string;
  environment?: Readonly<Record<string, string>>;
} = {}): CapturedIo {
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  const controller = new AbortController();
  return {
    stdin: { stream: Readable.from([Buffer.from(stdin)]), isTerminal: false, setRaw: () => undefined },
    out: (data) => void output.push(Buffer.from(data)),
    err: (data) => void errors.push(Buffer.from(data)),
    environment,
    terminalSize: () => undefined,
    onResize: () => () => undefined,
    interrupted: () => controller.signal,
    stdout: () => Buffer.concat(output).toString(),
    stderr: () => Buffer.concat(errors).toString(),
    interrupt: () => controller.abort(),
  };
}
