/** The system thread: answers the operations that arrive, one after the other. */
import { parentPort } from "node:worker_threads";
import { loadLibc } from "./libc.ts";
import { threadOperations } from "./thread-operations.ts";

/** One call: the operation's name and its argument. */
export interface OperationCall {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

/** The first answer has the number 0 and says whether this thread can make system calls at all. */
export interface OperationAnswer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly code?: string };
}

const port = parentPort;
const libc = loadLibc();
if (port !== null && libc === undefined) port.postMessage({ id: 0, error: { message: "no FFI" } });
if (port !== null && libc !== undefined) {
  const operations = threadOperations(libc) as unknown as Record<string, (argument: unknown) => unknown>;
  port.on("message", ({ id, name, argument }: OperationCall) => {
    void answer(id, () => operations[name]?.(argument)).then((reply) => port.postMessage(reply));
  });
  port.postMessage({ id: 0 });
}

async function answer(id: number, run: () => unknown): Promise<OperationAnswer> {
  try {
    return { id, result: await run() };
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    return { id, error: { message, ...(code !== undefined && { code }) } };
  }
}
