/**
 * The operations on this host, for any thread: by the system thread where FFI loads, by spawned programs (`ip`, `mount`,
 * `nsenter`, `unshare`) where it does not.
 */
import { Worker } from "node:worker_threads";
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
  /** Whether system calls are made directly; what only they can do is refused otherwise. */
  isDirect(): Promise<boolean>;
  /** Ends the thread; operations under way finish first. */
  close(): Promise<void>;
};

/**
 * Starts the system thread at once, so that it is warm when the first pod comes. This thread does not load the library
 * itself: that takes 17 ms, which would be missing from the way to ready.
 */
export function openSystem(): System {
  const thread = new SystemThread();
  let spawned: System | undefined;
  const direct = thread.ready.then((ready) => {
    if (!ready) spawned = spawnedOperations();
    return ready;
  });
  // Messages keep their order: until the thread has said that it cannot, calls go to it and wait there.
  const operation = <Name extends keyof Operations>(name: Name): System[Name] =>
    (async (argument: unknown) => {
      if (spawned === undefined && (thread.isReady || (await direct))) return thread.call(name, argument);
      return (spawned?.[name] as ((argument: unknown) => Promise<unknown>) | undefined)?.(argument);
    }) as System[Name];
  return {
    isDirect: () => direct,
    createSandbox: operation("createSandbox"),
    deleteSandbox: operation("deleteSandbox"),
    mount: operation("mount"),
    unmount: operation("unmount"),
    socketIn: operation("socketIn"),
    mountViewWithout: operation("mountViewWithout"),
    mknod: operation("mknod"),
    listenUnix: operation("listenUnix"),
    acceptTerminal: operation("acceptTerminal"),
    resizeTerminal: operation("resizeTerminal"),
    closeDescriptor: operation("closeDescriptor"),
    runProgram: operation("runProgram"),
    startReporting: operation("startReporting"),
    close: () => thread.close(),
  };
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

class SystemThread {
  /** False when the thread has no FFI. */
  readonly ready: Promise<boolean>;
  isReady = false;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #ended: Error | undefined;

  constructor() {
    this.#worker = new Worker(workerUrl(new URL("./system.worker.ts", import.meta.url)));
    this.ready = new Promise((resolve) => {
      this.#worker.on("message", (answer: OperationAnswer) => {
        if (answer.id !== 0) return this.#answer(answer);
        this.isReady = answer.error === undefined;
        // Nobody may be waiting: an idle thread does not keep the process alive.
        if (this.#waiting.size === 0) this.#worker.unref();
        resolve(this.isReady);
      });
      this.#worker.on("error", (error) => {
        this.#end(error);
        resolve(false);
      });
      this.#worker.on("exit", () => {
        this.#end(new Error("the system thread has ended"));
        resolve(false);
      });
    });
  }

  call(name: string, argument: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      const id = ++this.#lastId;
      this.#waiting.set(id, { resolve, reject });
      // The process must not end between a question and its answer.
      this.#worker.ref();
      this.#worker.postMessage({ id, name, argument }, []);
    });
  }

  async close(): Promise<void> {
    await this.ready;
    while (this.#waiting.size > 0 && this.#ended === undefined) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    // Descriptors are the process's: those of the thread must be closed while it lives.
    if (this.isReady) await this.call("release", undefined).catch(() => undefined);
    await this.#worker.terminate();
  }

  #answer({ id, result, error }: OperationAnswer): void {
    const call = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (error === undefined) call?.resolve(result);
    else
      call?.reject(Object.assign(new Error(error.message), error.code !== undefined && { code: error.code }));
  }

  #end(error: Error): void {
    this.#ended = error;
    for (const call of this.#waiting.values()) call.reject(error);
    this.#waiting.clear();
  }
}
