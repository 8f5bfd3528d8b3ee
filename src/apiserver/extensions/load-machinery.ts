type Machinery = typeof import("./machinery.ts")["customMachinery"];

let loaded: Machinery | undefined;
let loading: Promise<void> | undefined;

/**
 * Loads what definitions need; undefined when it is there. Everything behind routes of definitions and custom resources
 * waits for it, so that what they call may rely on `machinery`.
 */
export function loadMachinery(): Promise<void> | undefined {
  if (loaded !== undefined) return undefined;
  loading ??= import("./machinery.ts").then(({ customMachinery }) => {
    loaded = customMachinery;
  });
  return loading;
}

/** What `loadMachinery` has loaded. */
export function machinery(): Machinery {
  if (loaded === undefined) throw new Error("the machinery of custom resources is not loaded yet");
  return loaded;
}
