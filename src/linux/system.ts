/**
 * The operations on this host, for any thread: by the system thread where FFI loads, by spawned programs (`ip`, `mount`,
 * `nsenter`, `unshare`) where it does not.
 */
import { Worker } from "node:worker_threads";
import { loadLibc } from "./libc.ts";
import type { Operations } from "./operations.ts";
import { spawnedOperations } from "./spawned-operations.ts";
import type { OperationAnswer } from "./system.worker.ts";
import { workerUrl } from "./workers.ts";

/** The same operations, answered later. */
export type System = {
  readonly [Name in keyof Operations]: (
    argument: Parameters<Operations[Name]>[0],
  ) => Promise<Awaited<ReturnType<Operations[Name]>>>;
} & {
  /** True when system calls are made directly. */
  readonly direct: boolean;
  /** Ends the thread; operations under way finish first. */
  close(): Promise<void>;
};

/** Starts the system thread at once, so that it is warm when the first pod comes. */
export function openSystem(): System {
  return loadLibc() === undefined ? spawnedOperations() : threadSystem();
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

function threadSystem(): System {
  const worker = new Worker(workerUrl(new URL("./system.worker.ts", import.meta.url)));
  worker.unref();
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let ended: Error | undefined;

  worker.on("message", ({ id, result, error }: OperationAnswer) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) worker.unref();
    if (error === undefined) call?.resolve(result);
    else
      call?.reject(
        Object.assign(new Error(error.message), error.code === undefined ? {} : { code: error.code }),
      );
  });
  const end = (error: Error): void => {
    ended = error;
    for (const call of waiting.values()) call.reject(error);
    waiting.clear();
  };
  worker.on("error", end);
  worker.on("exit", () => end(new Error("the system thread has ended")));

  const call = (name: string, argument: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(ended);
      const id = ++lastId;
      waiting.set(id, { resolve, reject });
      // The process must not end between a question and its answer.
      worker.ref();
      worker.postMessage({ id, name, argument });
    });
  const operation = <Name extends keyof Operations>(name: Name): System[Name] =>
    ((argument: unknown) => call(name, argument)) as System[Name];

  return {
    direct: true,
    createSandbox: operation("createSandbox"),
    deleteSandbox: operation("deleteSandbox"),
    mount: operation("mount"),
    unmount: operation("unmount"),
    socketIn: operation("socketIn"),
    mountViewWithout: operation("mountViewWithout"),
    mknod: operation("mknod"),
    close: async () => {
      await Promise.allSettled([...waiting.values()].map(() => undefined));
      await worker.terminate();
    },
  };
}
