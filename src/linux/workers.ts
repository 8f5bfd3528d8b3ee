import { existsSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Where worker threads are loaded from. In the source tree a worker is the `.worker.ts` file itself; in the bundle every
 * worker is its own entry, side by side with the chunks (tools/build.ts). A program that embeds Sampan in another way
 * sets its own resolver.
 */
export type WorkerResolver = (source: URL) => URL;

let resolver: WorkerResolver = bundledOrSource;

/** Replaces the way workers are found. */
export function setWorkerResolver(replacement: WorkerResolver): void {
  resolver = replacement;
}

/**
 * The URL to start a worker from: `workerUrl(new URL("./namespaces.worker.ts", import.meta.url))`.
 */
export function workerUrl(source: URL): URL {
  return resolver(source);
}

function bundledOrSource(source: URL): URL {
  if (import.meta.url.endsWith(".ts")) return source;
  const bundled = new URL(`./${basename(fileURLToPath(source), ".ts")}.js`, import.meta.url);
  return existsSync(bundled) ? bundled : source;
}
