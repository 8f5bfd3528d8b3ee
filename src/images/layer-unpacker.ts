import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { CriError } from "../cri/runtime.ts";
import { workerUrl } from "../linux/workers.ts";
import type { ImageStore } from "./image-store.ts";
import type { ByteSource, UnpackedLayer } from "./unpack.ts";
import type { UnpackAnswer, UnpackCall } from "./unpack.worker.ts";

/** Unpacks layers into a store, one after the other, in a thread that lives as long as this object is open. */
export class LayerUnpacker {
  readonly #store: ImageStore;
  #worker: Worker | undefined;

  constructor(store: ImageStore) {
    this.#store = store;
  }

  /**
   * Unpacks a layer unless it is there. Throws `invalidArgument` when its content is not what the image says, and
   * leaves nothing behind then.
   */
  async unpack(source: ByteSource, expectedDiffId: string | undefined): Promise<UnpackedLayer> {
    const present = expectedDiffId === undefined ? undefined : this.#store.layer(expectedDiffId);
    if (present !== undefined) return present;
    const temporary = this.#store.temporaryDirectory();
    const target = join(temporary, "layer");
    mkdirSync(target, { mode: 0o755 });
    try {
      const layer = await this.#call({ source, target });
      if (expectedDiffId !== undefined && layer.diffId !== expectedDiffId) {
        throw new CriError(
          "invalidArgument",
          `a layer's content is ${layer.diffId}, but the image says ${expectedDiffId}`,
        );
      }
      this.#store.putLayer(layer, target);
      return layer;
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #call(call: UnpackCall): Promise<UnpackedLayer> {
    this.#worker ??= new Worker(workerUrl(new URL("./unpack.worker.ts", import.meta.url)));
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      const onMessage = (answer: UnpackAnswer): void => {
        worker.off("error", onError);
        if ("layer" in answer) return resolve(answer.layer);
        reject(
          new CriError(
            answer.brokenInput ? "invalidArgument" : "internal",
            answer.brokenInput ? `a layer cannot be unpacked: ${answer.error}` : answer.error,
          ),
        );
      };
      const onError = (error: Error): void => {
        worker.off("message", onMessage);
        this.#worker = undefined;
        reject(error);
      };
      worker.once("message", onMessage);
      worker.once("error", onError);
      worker.postMessage(call, []);
    });
  }
}
