import { MessageChannel, type MessagePort, receiveMessageOnPort, type Worker } from "node:worker_threads";
import { type DeferredValue, type KeyValue, StorageError } from "../storage.ts";
import type { FromReader, ToWriter } from "./protocol.ts";
import { type Row, unpackRows } from "./rows.ts";

/** The disk may be slow, but somebody holds up everything while this lasts. */
const patienceMs = 60_000;

/** Reads values that stayed in the file at the start; the writer thread has the file. */
export class FileReader {
  readonly #worker: Worker;
  /** Set when there is nobody to ask any more. */
  #ended: StorageError | undefined;
  readonly #waiting = new Set<(error: StorageError) => void>();

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** From now on reading fails with the error. */
  end(error: StorageError): void {
    this.#ended ??= error;
    for (const reject of this.#waiting) reject(error);
  }

  /** Holds up this thread until the value is there. */
  now(key: string, revision: number): Uint8Array {
    const { port, answered } = this.#ask(key, revision);
    try {
      const outcome = Atomics.wait(answered, 0, 0, patienceMs);
      const received = receiveMessageOnPort(port);
      if (outcome === "timed-out" || received === undefined)
        throw new StorageError("ioFailure", `${key} could not be read: the disk does not answer`);
      return valueOf(received.message, key, revision);
    } finally {
      port.close();
    }
  }

  async later(key: string, revision: number): Promise<Uint8Array> {
    const { port } = this.#ask(key, revision);
    const { promise, resolve, reject } = Promise.withResolvers<FromReader>();
    port.once("message", resolve);
    this.#waiting.add(reject);
    try {
      return valueOf(await promise, key, revision);
    } finally {
      this.#waiting.delete(reject);
      port.close();
    }
  }

  #ask(key: string, revision: number): { port: MessagePort; answered: Int32Array<SharedArrayBuffer> } {
    if (this.#ended !== undefined) throw this.#ended;
    const { port1: port, port2 } = new MessageChannel();
    const answered = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const question: ToWriter = {
      type: "readTo",
      port: port2,
      answered,
      versions: { revisions: [revision], keys: [key] },
    };
    this.#worker.postMessage(question, [port2]);
    return { port, answered };
  }
}

function valueOf(answer: FromReader, key: string, revision: number): Uint8Array {
  if ("failure" in answer) throw new StorageError(answer.failure.code, answer.failure.message);
  const [row] = unpackRows(answer.rows);
  if (row?.value === undefined)
    throw new StorageError("corrupt", `${key} of revision ${revision} is not in the file any more`);
  return row.value;
}

/** The newest value of a key, of which only the outline was read at the start. */
export class ValueInFile implements DeferredValue {
  readonly outline: Uint8Array;
  readonly sizeBytes: number;
  readonly #key: string;
  readonly #revision: number;
  readonly #reader: FileReader;
  #known: Uint8Array | undefined;
  #loading: Promise<void> | undefined;

  constructor({ key, revision, outline, sizeBytes }: DeferredRow, reader: FileReader) {
    this.outline = outline;
    this.sizeBytes = sizeBytes;
    this.#key = key;
    this.#revision = revision;
    this.#reader = reader;
  }

  get known(): Uint8Array | undefined {
    return this.#known;
  }

  read(): Uint8Array {
    this.#known ??= this.#reader.now(this.#key, this.#revision);
    return this.#known;
  }

  load(): Promise<void> {
    if (this.#known !== undefined) return Promise.resolve();
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    const value = await this.#reader.later(this.#key, this.#revision);
    this.#known ??= value;
  }
}

/** A row whose value stayed in the file. */
export type DeferredRow = Row & { readonly outline: Uint8Array; readonly sizeBytes: number };

export const isDeferred = (row: Row): row is DeferredRow =>
  row.sizeBytes !== undefined && row.outline !== undefined;

/** A key whose value is read when somebody looks at it. */
export class DeferredKeyValue implements KeyValue {
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly deferred: DeferredValue;

  constructor({ key, createRevision, revision }: Row, deferred: DeferredValue) {
    this.key = key;
    this.createRevision = createRevision;
    this.modRevision = revision;
    this.deferred = deferred;
  }

  get value(): Uint8Array {
    return this.deferred.read();
  }
}
