/** The unpacking thread: layers are written with synchronous calls, which would hold up the cluster's own thread. */
import { parentPort } from "node:worker_threads";
import { loadLibc } from "../linux/libc.ts";
import type { LayerSystem } from "./layer-writer.ts";
import { TarError } from "./tar-reader.ts";
import { type ByteSource, type UnpackedLayer, unpackLayer } from "./unpack.ts";

export interface UnpackCall {
  readonly source: ByteSource;
  readonly target: string;
}

export type UnpackAnswer =
  | { readonly layer: UnpackedLayer }
  | { readonly error: string; readonly brokenInput: boolean };

const libc = loadLibc();

/** Layers with devices or deletions need system calls; plain ones unpack without. */
const system: LayerSystem = libc ?? {
  mknod: () => missing("makes devices or deletes files of the layer below"),
  setAttribute: () => missing("has extended attributes"),
};

function missing(what: string): never {
  throw new Error(`the layer ${what}, which needs the native module koffi: run npm ci`);
}

parentPort?.on("message", ({ source, target }: UnpackCall) => {
  void unpackLayer(source, target, system)
    .then((layer): UnpackAnswer => ({ layer }))
    .catch(
      (error: Error & { code?: string }): UnpackAnswer => ({
        error: error.message,
        brokenInput: error instanceof TarError || /^Z_|^ZSTD_/.test(error.code ?? ""),
      }),
    )
    .then((answer) => parentPort?.postMessage(answer, []));
});
