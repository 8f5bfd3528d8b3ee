import type { DeferredValue } from "./storage.ts";

/** So many are asked for at once: writes find their way between them. */
const atOnce = 8;

/** Resolves when all of the values are known: undefined when they are. */
export function loadDeferred(values: Iterable<DeferredValue | undefined>): Promise<void> | undefined {
  const unknown: DeferredValue[] = [];
  for (const value of values) if (value !== undefined && value.known === undefined) unknown.push(value);
  return unknown.length === 0 ? undefined : loadAll(unknown);
}

async function loadAll(values: readonly DeferredValue[]): Promise<void> {
  for (let start = 0; start < values.length; start += atOnce)
    await Promise.all(values.slice(start, start + atOnce).map((value) => value.load()));
}
