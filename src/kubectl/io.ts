import { spawnSync } from "node:child_process";
import type { Readable } from "node:stream";

/** Where a command reads and writes. Tests give their own. */
export interface KubectlIo {
  readonly stdin: KubectlInput;
  out(data: string | Uint8Array): void;
  err(data: string | Uint8Array): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The size of the terminal that standard output is; undefined when it is none. */
  terminalSize(): { width: number; height: number } | undefined;
  /** Calls back when the size changes, until the function that comes back is called. */
  onResize(callback: () => void): () => void;
  /** Aborts when the user interrupts; from the first call on an interrupt no longer ends the process. */
  interrupted(): AbortSignal;
}

export interface KubectlInput {
  readonly stream: Readable;
  readonly isTerminal: boolean;
  /** Passes every key on at once; only for a terminal. */
  setRaw(raw: boolean): void;
}

/** As of a program that SIGPIPE ended. */
const exitCodeOfBrokenPipe = 141;

/** Standard input and output of this process. */
export function processIo(): KubectlIo {
  let interrupt: AbortController | undefined;
  // Whoever reads the output may have seen enough, as `head` does: then nothing is left to do, and nobody to tell.
  for (const output of [process.stdout, process.stderr]) {
    output.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(exitCodeOfBrokenPipe);
      throw error;
    });
  }
  return {
    stdin: {
      get stream() {
        return process.stdin;
      },
      isTerminal: process.stdin.isTTY,
      setRaw: (raw) => {
        if (!process.stdin.isTTY) return;
        process.stdin.setRawMode(raw);
        // Node leaves the terminal to make two characters of each new line, which is up to the container's.
        if (raw) spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
      },
    },
    out: (data) => void process.stdout.write(data),
    err: (data) => void process.stderr.write(data),
    environment: process.env,
    terminalSize: () =>
      process.stdout.isTTY ? { width: process.stdout.columns, height: process.stdout.rows } : undefined,
    onResize: (callback) => {
      process.stdout.on("resize", callback);
      return () => void process.stdout.off("resize", callback);
    },
    interrupted: () => {
      if (interrupt === undefined) {
        const controller = new AbortController();
        interrupt = controller;
        for (const signal of ["SIGINT", "SIGTERM"] as const) {
          process.once(signal, () => controller.abort(new Error("interrupted")));
        }
      }
      return interrupt.signal;
    },
  };
}
