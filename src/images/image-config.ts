/** The parts of an OCI image configuration that a container is made from. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly user: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly workingDir: string;
  readonly stopSignal: string;
  readonly volumes: readonly string[];
  readonly diffIds: readonly string[];
}

type Json = { readonly [key: string]: unknown };

/** Reads a configuration; undefined when the JSON is not one. */
export function parseImageConfig(text: string): ImageConfig | undefined {
  const document = parseObject(text);
  const rootfs = objectAt(document, "rootfs");
  const diffIds = rootfs === undefined ? undefined : stringsAt(rootfs, "diff_ids");
  if (document === undefined || diffIds === undefined) return undefined;
  const config = objectAt(document, "config") ?? {};
  return {
    architecture: stringAt(document, "architecture"),
    os: stringAt(document, "os"),
    user: stringAt(config, "User"),
    env: stringsAt(config, "Env") ?? [],
    entrypoint: stringsAt(config, "Entrypoint") ?? [],
    command: stringsAt(config, "Cmd") ?? [],
    workingDir: stringAt(config, "WorkingDir"),
    stopSignal: stringAt(config, "StopSignal"),
    volumes: Object.keys(objectAt(config, "Volumes") ?? {}),
    diffIds,
  };
}

/** A JSON object, or undefined when the text is anything else. */
export function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

export function objectAt(object: Json | undefined, key: string): Json | undefined {
  const value = object?.[key];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

export function objectsAt(object: Json | undefined, key: string): Json[] {
  const value = object?.[key];
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is Json => typeof item === "object" && item !== null);
}

export function stringAt(object: Json | undefined, key: string): string {
  const value = object?.[key];
  return typeof value === "string" ? value : "";
}

export function stringsAt(object: Json | undefined, key: string): string[] | undefined {
  const value = object?.[key];
  return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
}

/** This machine's name for its processor in image indexes. */
export function hostArchitecture(arch: string = process.arch): string {
  return { x64: "amd64", ia32: "386", arm: "arm" }[arch] ?? arch;
}
