import { createRequire } from "node:module";

interface Koffi {
  load(path: null): { func(name: string, result: string, parameters: string[]): (padding: number) => number };
}

/**
 * Gives freed memory back to the system, also what lies between pieces that are in use: the C library keeps it otherwise,
 * and a burst of sockets and bodies leaves hundreds of megabytes of it. Does nothing where the library has no such call.
 */
export function trimMemory(): void {
  try {
    const koffi = createRequire(import.meta.url)("koffi") as Koffi;
    koffi.load(null).func("malloc_trim", "int", ["size_t"])(0);
  } catch {
    // No koffi, or a C library other than GNU's.
  }
}
